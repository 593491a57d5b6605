"""Signing reports: PAdES B-B with an EC P-256 key of this installation.

Belongs here: the key and its certificate, made on first use or supplied, and the signature. Does not belong here:
proving one (`prover`, `verifying`).

The signature is deterministic (RFC 6979) and dated with the report's instant of issue: equal reports are equal to the
byte, the signature included. Nothing may be changed after it (a certifying signature that allows no changes).
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home

KEY_FILE_VARIABLE: Final = "HALTON_REPORT_KEY_FILE"
KEY_FILE: Final = "report-signing.pem"
NAME: Final = "Halton Meter reports"
_VALID: Final = timedelta(days=365 * 30)
_RESERVED: Final = 16_384
_SIGNATURE_FIELD: Final = "Signature"


class SigningKeyError(Exception):
    """The key that signs reports cannot be used; `str()` of it says why, without the key."""


@dataclass(frozen=True)
class ReportSigner:
    """The key reports are signed with.

    Attributes:
        key: EC P-256.
        certificate: of that key.
        chain: certificates above it, when it was supplied with them.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(cls, home: Home, clock: Clock) -> ReportSigner:
        """Return the installation's signer: of the file the environment names, else of the home, made on first use.

        Raises:
            SigningKeyError: the file is not a key and its certificate.
            OSError: it can be neither read nor made.
        """
        supplied = os.environ.get(KEY_FILE_VARIABLE)
        path = Path(supplied) if supplied else home.secrets / KEY_FILE
        if not supplied and not path.exists():
            _make(path, clock.now())
        return _read(path)

    @property
    def sha256(self) -> str:
        """Digest of the certificate, hex: what readers compare it by."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def certificate_pem(self) -> bytes:
        """Return the certificate and those above it, for readers to trust."""
        every = (self.certificate, *self.chain)
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in every)


def sign_pdf(signer: ReportSigner, pdf: bytes, *, name: str, reason: str, at: datetime) -> bytes:
    """Return a PDF with a certifying signature.

    Args:
        signer: with what.
        pdf: unsigned, with an `/ID` of its own.
        name: who signs, shown by readers.
        reason: why, shown by readers.
        at: instant it is dated, aware.
    """
    from asn1crypto import keys as asn1_keys  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs] - slow to load
    from asn1crypto import x509 as asn1_x509  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs] - likewise
    from pyhanko.pdf_utils import generic  # noqa: PLC0415 - likewise
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 - likewise
    from pyhanko.sign import fields, signers  # noqa: PLC0415 - likewise
    from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner  # noqa: PLC0415 - likewise
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415 - likewise

    class Writer(IncrementalPdfFileWriter):
        """Appends the signature and nothing that differs from one time to the next."""

        def _update_meta(self) -> None:
            """Leave the dates of the document as they are: its instant of issue."""

        @classmethod
        def _handle_id(cls, prev: Any) -> Any:
            first = prev.trailer["/ID"][0]
            kept = getattr(first, "original_bytes", None) or bytes(first)
            second = hashlib.sha256(pdf).digest()[:16]
            return generic.ArrayObject([generic.ByteStringObject(kept), generic.ByteStringObject(second)])

    class Signer(signers.SimpleSigner):
        """Signs without drawing a random number."""

        def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
            assert digest_algorithm == "sha256"  # noqa: S101 - asked for below
            return signer.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    class Dated(PdfSigner):
        """Dates the signature with the instant of issue."""

        def init_signing_session(self, pdf_out: Any, existing_fields_only: bool = False) -> Any:  # noqa: FBT001 - as there
            session = super().init_signing_session(pdf_out, existing_fields_only)
            session.system_time = at.astimezone(UTC).replace(microsecond=0)
            return session

    def loaded(certificate: x509.Certificate) -> Any:
        made: Any = asn1_x509.Certificate
        return made.load(certificate.public_bytes(serialization.Encoding.DER))

    plain = serialization.NoEncryption()
    der = signer.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
    store = SimpleCertificateStore()
    store.register_multiple([loaded(one) for one in signer.chain])
    key: Any = asn1_keys.PrivateKeyInfo
    with_key = Signer(loaded(signer.certificate), key.load(der), store)
    about = PdfSignatureMetadata(
        field_name=_SIGNATURE_FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        name=name,
        reason=reason,
    )
    signed = io.BytesIO()
    signing: Any = Dated(about, with_key)
    signing.sign_pdf(Writer(io.BytesIO(pdf)), output=signed, bytes_reserved=_RESERVED)
    return signed.getvalue()


def _read(path: Path) -> ReportSigner:
    content = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(content, password=None)
        certificates = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError) as fault:
        raise SigningKeyError(f"{path} does not hold a private key without password and its certificate") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningKeyError(f"the key in {path} is not an EC key on P-256")
    if certificates[0].public_key() != key.public_key():
        raise SigningKeyError(f"the first certificate in {path} is not that of its key")
    return ReportSigner(key, certificates[0], tuple(certificates[1:]))


def _make(path: Path, at: datetime) -> None:
    """Make a key and a certificate of its own; whoever comes first makes it, and everybody gets the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    begin = at.astimezone(UTC).replace(microsecond=0) - timedelta(days=1)
    usage = {"digital_signature": True, "content_commitment": True}
    others = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, **dict.fromkeys(others, False), encipher_only=False, decipher_only=False),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    content += certificate.public_bytes(serialization.Encoding.PEM)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the key
            os.link(made, path)
    finally:
        made.unlink(missing_ok=True)
