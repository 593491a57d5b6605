"""The confined process that takes a PDF of unknown origin apart. `python -m api.reports.prover`.

Belongs here: reading the file's signature and what is inside it. Does not belong here: whether this installation issued
it (`verifying`), limits (`confinement`).
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Coroutine
from typing import Any

import msgspec

from api.reports.canonical import FIGURES_NAME, REQUESTS_NAME, canonical
from api.reports.confinement import cut_off, limit
from api.reports.figure_checks import figure_faults

CPU_SECONDS = 40
MEMORY_BYTES = 2 * 1024**3


class ToProve(msgspec.Struct, frozen=True):
    """A file, and the certificates (DER) whose signatures count."""

    pdf: bytes
    certificates: list[bytes]


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """What the file shows by itself.

    Attributes:
        readable: whether it could be taken apart; a damaged PDF cannot, nor what is none.
        signatures: how many it has.
        intact: whether its one signature covers the whole file, holds, and nothing came after it.
        trusted: whether one of the certificates given made it.
        signed_at: instant it says it was signed, ISO-8601.
        document: text of the figures inside; None without.
        faults: what is wrong with the figures, in plain words.
    """

    readable: bool
    signatures: int = 0
    intact: bool = False
    trusted: bool = False
    signed_at: str | None = None
    document: str | None = None
    faults: list[str] = []


def prove(message: ToProve) -> Proved:
    """Return what a file shows; whatever it is."""
    from asn1crypto import x509  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs] - slow: for this process only
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - likewise
    from pyhanko.sign.validation import async_validate_pdf_signature  # noqa: PLC0415 - likewise
    from pyhanko.sign.validation.status import SignatureCoverageLevel  # noqa: PLC0415 - likewise
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415 - likewise

    try:
        reader: Any = PdfFileReader(io.BytesIO(message.pdf))
        found: list[Any] = list(reader.embedded_signatures)
        files = _files_inside(reader)
    except Exception:  # noqa: BLE001 - a broken file may raise anything
        return Proved(readable=False)
    document, faults = _figures(files)
    if len(found) != 1:
        return Proved(readable=True, signatures=len(found), document=document, faults=faults)
    try:
        certificate: Any = x509.Certificate
        roots: list[Any] = [certificate.load(one) for one in message.certificates]
        context = ValidationContext(trust_roots=roots, allow_fetching=False)
        status: Any = _at_once(async_validate_pdf_signature(found[0], context))
        whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
        intact = bool(status.intact and status.valid and whole and _is_room_empty(found[0].pkcs7_content))
        trusted = intact and found[0].signer_cert.dump() in message.certificates
        signed_at = status.signer_reported_dt
    except Exception:  # noqa: BLE001 - likewise
        return Proved(readable=True, signatures=1, document=document, faults=faults)
    return Proved(
        readable=True,
        signatures=1,
        intact=intact,
        trusted=trusted,
        signed_at=signed_at.isoformat() if signed_at else None,
        document=document,
        faults=faults,
    )


def _is_room_empty(contents: bytes) -> bool:
    """Tell whether nothing stands behind a signature, in the room kept for it: the signature does not cover that."""
    from asn1crypto import parser  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs] - slow: for this process only

    length: Any = parser.peek(contents)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - no stubs
    return not any(contents[length:])


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what waits for nothing: an event loop would want sockets."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    work.close()
    raise RuntimeError("proving a signature waited for something")


def _figures(files: dict[str, bytes]) -> tuple[str | None, list[str]]:
    if FIGURES_NAME not in files:
        return None, ["the figures are missing"]
    try:
        text = files[FIGURES_NAME].decode()
        document: Any = json.loads(text)
        if canonical(document) != text:
            return text, ["the figures are not in their canonical form"]
    except (ValueError, TypeError, RecursionError, AttributeError):
        return None, ["the figures cannot be read"]
    return text, figure_faults(document, files.get(REQUESTS_NAME))


def _files_inside(reader: Any) -> dict[str, bytes]:
    catalogue: Any = reader.root
    if "/Names" not in catalogue or "/EmbeddedFiles" not in catalogue["/Names"]:
        return {}
    names: Any = catalogue["/Names"]["/EmbeddedFiles"]["/Names"]
    return {str(names[place]): names[place + 1]["/EF"]["/F"].data for place in range(0, len(names), 2)}


def main() -> int:
    """Read the message, give up everything, prove.

    Returns:
        The exit code.
    """
    message = sys.stdin.buffer.read()
    limit(MEMORY_BYTES, CPU_SECONDS)
    logging.disable()  # a hostile file must not fill anybody's log
    import pyhanko.sign.validation  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] - loads libraries, forbidden later

    cut_off()
    proved = prove(msgspec.msgpack.decode(message, type=ToProve))
    sys.stdout.buffer.write(msgspec.msgpack.encode(proved))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
