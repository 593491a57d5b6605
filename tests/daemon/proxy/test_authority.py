"""The certificate authority: made once, private, renewed when it has expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID

from daemon.capture.proxy.authority import AuthorityError, ca_bundle, certificate_of, ensure_authority

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class At:
    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        return self._instant


def test_it_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "ca"
    files = ensure_authority(folder, At(NOW), hostname="laptop" + "x" * 90)
    before = files.key.read_bytes()
    assert ensure_authority(folder, At(NOW + timedelta(days=3000)), hostname="other") == files
    assert files.key.read_bytes() == before
    assert folder.stat().st_mode & 0o777 == 0o700
    assert files.key.stat().st_mode & 0o777 == 0o600
    certificate = certificate_of(folder)
    assert certificate is not None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert str(names[0].value).startswith("Halton Meter CA (laptopx")
    assert certificate.not_valid_after_utc - NOW > timedelta(days=3650)
    assert b"PRIVATE" not in files.certificate.read_bytes() + files.bundle.read_bytes()


def test_an_expired_one_is_replaced(tmp_path: Path) -> None:
    before = ensure_authority(tmp_path, At(NOW), hostname="a").key.read_bytes()
    files = ensure_authority(tmp_path, At(NOW + timedelta(days=3653)), hostname="a")
    assert files.key.read_bytes() != before
    assert files.certificate.read_text() in files.bundle.read_text()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"]
)
def test_an_unreadable_one_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mitmproxy-ca.pem").write_bytes(content)
    with pytest.raises(AuthorityError, match=r"mitmproxy-ca.pem holds no authority: remove it"):
        ensure_authority(tmp_path, At(NOW), hostname="a")


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    one = ensure_authority(tmp_path / "1", At(NOW), hostname="a").key
    other = ensure_authority(tmp_path / "2", At(NOW), hostname="a").key
    end = b"-----END PRIVATE KEY-----\n"
    one.write_bytes(one.read_bytes().partition(end)[0] + end + other.read_bytes().partition(end)[2])
    with pytest.raises(AuthorityError, match="key of another certificate"):
        ensure_authority(tmp_path / "1", At(NOW), hostname="a")


def test_nothing_is_written_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("")
    with pytest.raises(AuthorityError, match="ca"):
        ensure_authority(tmp_path / "ca", At(NOW), hostname="a")


def test_the_bundle_holds_everybody_once_and_never_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ensure_authority(tmp_path / "1", At(NOW), hostname="a").certificate
    named = tmp_path / "corporate.pem"
    named.write_bytes(own.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    (tmp_path / "ca").mkdir()
    bundle = ca_bundle(tmp_path / "ca" / "bundle.pem", own)
    roots = [b"".join(root.split()) for root in bundle.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]]
    assert len(roots) == len(set(roots)) > 50
    assert own.read_text() in bundle.read_text()
    # As after `halton-meter env`: what names our own bundle is not read back.
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert own.read_text() not in ca_bundle(bundle).read_text()
