"""Proving a report: is this file the one that was issued, signed by this installation, and do its figures agree?

Belongs here: the verdict on a file, and on a digest alone. Does not belong here: taking a file apart (`prover`), pages
and commands.

A verdict tells no more of a report than its file says by itself; of a digest alone it tells what is printed on the
first page's head.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from threading import BoundedSemaphore
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import Session

from api.db.models import IssuedReport, Workspace
from api.errors import too_many
from api.reports.children import ChildError, run_confined
from api.reports.issuing import report_of_digest
from api.reports.prover import Proved, ToProve
from api.reports.signing import ReportSigner
from pipelines.lake.clock import from_micros, iso_utc

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
PROVING_SECONDS: Final = 60.0
AT_ONCE: Final = 2
"""Files a server process takes apart at a time: anybody may send one, and each may take a process of 2 GiB."""
WAIT_SECONDS: Final = 5.0
_PDF_HEAD: Final = b"%PDF-"
_HEAD_BYTES: Final = 1024
"""Within so many bytes readers look for the head; something may stand before it."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_turns = BoundedSemaphore(AT_ONCE)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An issued report, as its first page says it."""

    number: int
    kind: str
    title: str
    workspace: str
    first_day: str
    last_day: str
    issued_at: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        ok: whether everything holds.
        sha256: digest of the file.
        issued: the report that was issued here with this digest; None when none was.
        signature_holds: whether it is signed, whole, and unchanged since.
        signed_by_this_server: whether the key is this installation's, or was that of the report.
        signed_at: instant of the signature, as it says.
        figures_hold: whether its figures add up and are those that were stored.
        faults: what does not hold, in plain words.
    """

    ok: bool
    sha256: str
    issued: Known | None
    signature_holds: bool
    signed_by_this_server: bool
    signed_at: str | None
    figures_hold: bool
    faults: list[str]


def take_apart(content: bytes, signer: ReportSigner) -> Proved:
    """Return what a file shows by itself. Takes seconds: hold no transaction.

    Raises:
        Refused: 429 as many files as may be are being taken apart.
    """
    message = ToProve(content, [signer.certificate.public_bytes(Encoding.DER)])
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise too_many(math.ceil(WAIT_SECONDS))
    try:
        answer = run_confined("api.reports.prover", msgspec.msgpack.encode(message), wall_seconds=PROVING_SECONDS)
    except ChildError:
        return Proved(readable=False)
    finally:
        _turns.release()
    return msgspec.msgpack.decode(answer, type=Proved)


def verdict_on(session: Session, content: bytes, proved: Proved) -> Verdict:
    """Return the verdict on a file that was taken apart."""
    sha256 = hashlib.sha256(content).hexdigest()
    report = report_of_digest(session, sha256)
    faults: list[str] = []
    if report is None:
        faults.append("no report with this digest was issued here: it was changed, or is from elsewhere")
    if not proved.readable:
        # Readers that mend what they open may still show it: it is a PDF, but not as anybody issued it.
        damaged = "the PDF's inner structure is damaged: it was changed, or did not arrive whole"
        faults.append(damaged if _PDF_HEAD in content[:_HEAD_BYTES] else "the file is no PDF at all")
    elif proved.signatures == 0:
        faults.append("it is not signed")
    elif not proved.intact:
        faults.append("the signature does not hold: the file was changed after it was signed")
    elif not proved.trusted:
        faults.append("the signature is not that of this server's key")
    figures = list(proved.faults) if proved.readable else ["the figures cannot be read"]
    if report is not None and proved.document != report.document:
        figures.append("the figures are not those that were issued")
    return Verdict(
        ok=not faults and not figures,
        sha256=sha256,
        issued=known_of(session, report),
        signature_holds=proved.intact,
        signed_by_this_server=proved.trusted,
        signed_at=proved.signed_at,
        figures_hold=not figures,
        faults=[*faults, *(fault for fault in figures if proved.readable)],
    )


def known_by_digest(session: Session, text: str) -> Known | None:
    """Return the report that was issued with this digest; None when none was, or it is no digest."""
    digest = text.strip().lower()
    return known_of(session, report_of_digest(session, digest)) if _DIGEST.fullmatch(digest) else None


def known_of(session: Session, report: IssuedReport | None) -> Known | None:
    """Return a report as its first page says it."""
    if report is None or report.issued_at_us is None:
        return None
    parameters: dict[str, Any] = json.loads(report.parameters)
    workspace: dict[str, Any] = json.loads(report.document or "{}").get("workspace", {})
    return Known(
        number=report.number,
        kind=report.kind,
        title=report.title,
        workspace=workspace.get("name") or session.get_one(Workspace, report.workspace_id).name,
        first_day=parameters["first_day"],
        last_day=parameters["last_day"],
        issued_at=iso_utc(from_micros(report.issued_at_us)),
    )
