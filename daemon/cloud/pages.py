"""A page of calls as the bytes that leave.

Belongs here: records encoded once, cut into pages by rows and bytes, halved, and the digest a server keeps of them.
Does not belong here: what may leave (`privacy`), sending (`sending`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from daemon.calls.call import Call
from daemon.calls.record import as_record
from daemon.cloud.privacy import UploadRules

PAGE_ROWS: Final = 500
PAGE_BYTES: Final = 900_000
"""Largest body before compression; proxies in front of servers commonly end at 1 MB."""
_HEAD: Final = b'{"batch_id":"'
_MIDDLE: Final = b'","records":['
_TAIL: Final = b"]}"
_AROUND: Final = len(_HEAD) + 36 + len(_MIDDLE) + len(_TAIL)
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True)
class Row:
    """One call that may leave.

    Attributes:
        call_id: its id.
        project: as the store spells it.
        recorded_at_us: its place in the queue, together with the id.
        record: the JSON that leaves.
    """

    call_id: str
    project: str
    recorded_at_us: int
    record: bytes


@dataclass(frozen=True)
class Page:
    """One batch.

    Attributes:
        batch_id: new for every page, the same when a page is sent again.
        rows: at least one.
    """

    batch_id: str
    rows: Sequence[Row]

    @property
    def call_ids(self) -> list[str]:
        """Ids of its calls, in order."""
        return [row.call_id for row in self.rows]

    def body(self) -> bytes:
        """Return the body of the request."""
        return b"".join((_HEAD, self.batch_id.encode(), _MIDDLE, self._records(), _TAIL))

    def records_sha256(self) -> str:
        """Return SHA-256 in hex of the body without its batch_id: equal for the same rows sent again."""
        return hashlib.sha256(b"".join((_HEAD, _MIDDLE, self._records(), _TAIL))).hexdigest()

    def halves(self) -> list[Page]:
        """Return two pages of half the rows; one row cannot be halved."""
        middle = len(self.rows) // 2
        return [new_page(part) for part in (self.rows[:middle], self.rows[middle:]) if part]

    def _records(self) -> bytes:
        return b",".join(row.record for row in self.rows)


def row_of(call: Call, rules: UploadRules) -> Row:
    """Return a call as it leaves under `rules`.

    Raises:
        PrivacyRuleError: its project may not leave.
    """
    record = as_record(call)
    # Judged by the name the store has, which the wire may have cut.
    allowed = rules.apply(record | {"project": call.project})
    if allowed["project"] is not None:
        allowed["project"] = record["project"]
    return Row(call.id, call.project, call.recorded_at_us, _ENCODER.encode(allowed))


def new_page(rows: Iterable[Row]) -> Page:
    """Return rows as a page with a name of its own."""
    return Page(str(uuid.uuid4()), tuple(rows))


def cut(rows: Sequence[Row], page_rows: int = PAGE_ROWS, page_bytes: int = PAGE_BYTES) -> list[Page]:
    """Return the rows as pages, in order: as few as fit; a row larger than `page_bytes` gets one of its own."""
    pages: list[Page] = []
    waiting: list[Row] = []
    size = _AROUND
    for row in rows:
        if waiting and (len(waiting) >= page_rows or size + len(row.record) + 1 > page_bytes):
            pages.append(new_page(waiting))
            waiting, size = [], _AROUND
        waiting.append(row)
        size += len(row.record) + 1
    return [*pages, new_page(waiting)] if waiting else pages
