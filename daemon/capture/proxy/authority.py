"""The certificate authority of this machine's proxy, and the files that make programs trust it.

Belongs here: making, reading and renewing the authority; bundles of trusted roots. Does not belong here: certificates
of single hosts (mitmproxy signs those), telling shells about the files (`daemon.service`).

The key never leaves the folder, which only its owner can read.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from daemon.clock import Clock

KEY_NAME: Final = "mitmproxy-ca.pem"
"""Key and certificate, by the name that mitmproxy looks for."""
_LIFETIME: Final = timedelta(days=3652)
_BACKDATED: Final = timedelta(days=2)
"""For clocks that are behind."""
_COMMON_NAME_MAX: Final = 64
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class AuthorityError(Exception):
    """The authority's files cannot be made or read; the message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """Where programs find whom to trust.

    Attributes:
        key: key and certificate; its owner's only.
        certificate: the authority's alone, for `NODE_EXTRA_CA_CERTS`.
        bundle: everybody else's and ours, for `SSL_CERT_FILE` and the like.
    """

    key: Path
    certificate: Path
    bundle: Path


def authority_files(folder: Path) -> AuthorityFiles:
    """Return where the files of an authority are, whether they exist or not."""
    return AuthorityFiles(folder / KEY_NAME, folder / "halton-meter-ca.pem", folder / "ca-bundle.pem")


def ensure_authority(folder: Path, clock: Clock, *, hostname: str) -> AuthorityFiles:
    """Make the authority unless there is a valid one, and write its certificate and the bundle anew.

    Args:
        folder: made, mode 0700.
        clock: to tell an expired authority, which is replaced.
        hostname: for its name.

    Raises:
        AuthorityError: the folder cannot be written, or the authority in it cannot be read.
    """
    files = authority_files(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        certificate = _read(files.key)
        if certificate is None or certificate.not_valid_after_utc <= clock.now():
            key, certificate = _make(f"Halton Meter CA ({hostname})"[:_COMMON_NAME_MAX], clock.now())
            _replace(files.key, _pem_of_key(key) + _pem(certificate))
        files.key.chmod(0o600)
        _replace(files.certificate, _pem(certificate))
        ca_bundle(files.bundle, files.certificate)
    except OSError as error:
        raise AuthorityError(f"{folder}: {error.strerror or error}") from error
    return files


def certificate_of(folder: Path) -> x509.Certificate | None:
    """Return the authority's certificate, None when there is no authority yet.

    Raises:
        AuthorityError: there is one, but it cannot be read.
    """
    return _read(authority_files(folder).key)


def ca_bundle(path: Path, *further: Path) -> Path:
    """Write to `path` all roots that this machine trusts, and those in `further`; return `path`.

    Raises:
        OSError: the file cannot be written, or one of `further` not read.
    """
    _replace(path, b"".join(_distinct([*_trusted_here(path.parent), *further])))
    return path


def _trusted_here(own_folder: Path) -> list[Path]:
    system = ssl.get_default_verify_paths()
    named = [os.environ.get("SSL_CERT_FILE"), os.environ.get("REQUESTS_CA_BUNDLE")]
    candidates = [certifi.where(), system.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt", *named]
    # What `halton-meter env` exported names our own bundle: reading that back would keep a replaced authority for ever.
    paths = [Path(candidate) for candidate in candidates if candidate]
    return [path for path in paths if path.parent.resolve() != own_folder.resolve() and path.is_file()]


def _distinct(paths: Iterable[Path]) -> list[bytes]:
    found: dict[bytes, bytes] = {}
    for path in paths:
        for part in path.read_bytes().split(_BEGIN)[1:]:
            body, end, _ = part.partition(_END)
            if end:
                found.setdefault(b"".join(body.split()), _BEGIN + body.replace(b"\r", b"") + _END + b"\n")
    return list(found.values())


def _read(path: Path) -> x509.Certificate | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuthorityError(f"{path} cannot be read: {error.strerror}") from error
    try:
        key = serialization.load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"{path} holds no authority: remove it to get a new one") from error
    if key.public_key() != certificate.public_key():
        raise AuthorityError(f"{path} holds a key of another certificate: remove it to get a new one")
    return certificate


def _make(name: str, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    # An elliptic curve: signing for each new connection costs a tenth of what RSA costs.
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Halton Meter"),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_signs_only(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _replace(path: Path, content: bytes) -> None:
    # mkstemp opens with mode 0600: nobody else can read the key, not even for a moment.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
