"""What an importer hands over: calls as their source tells them, before this machine adds what only it knows.

Belongs here: `Draft`, the interfaces of readers, and which money imported calls are. Does not belong here: formats (a
module each), prices, projects and the store (`importing`).

Readers are pure: bytes in, drafts out, no clock, no files, no store. A reader of lines is a state machine whose output
for a beginning of a file is the beginning of its output for the whole file. That, and ids derived from the source, make
it the same to import a file once, in pieces, or again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from daemon.calls.call import Call

Billing = Literal["auto", "metered", "subscription"]
"""How the imported use is paid for, as the person says; `auto` leaves it to the log."""
SUBSCRIPTION = "subscription_imputed"
"""`billing_basis` of use that a flat fee covers: priced for comparison, not owed."""
IMPORTED = "imported"
"""`billing_basis` of use that other records may hold as well: exports of a whole organisation, logs of a gateway."""


class Draft(msgspec.Struct, kw_only=True, frozen=True):
    """A call as its source tells it.

    Attributes:
        call: with what the source knows; its cost only where the source says what was paid.
        workdir: where the calling program worked, which decides the project; None when the source does not know.
        project: the project by the source's own word, as it is written there.
        priced: False when a list price of the tokens would be wrong, as for sound and images.
    """

    call: Call
    workdir: str | None = None
    project: str | None = None
    priced: bool = True


class BadLine(ValueError):  # noqa: N818 - it is a line, not an error of ours
    """A line or row that cannot be read as what its file should hold; the message says why, in a few words."""


class LineReader(Protocol):
    """Reads one growing file, line by line."""

    def line(self, raw: bytes) -> Sequence[Draft]:
        """Return the calls that `raw` completes; none for lines that are about something else.

        Raises:
            BadLine: the line is not what a line of this format is.
        """
        ...

    def quiet(self, now_us: int) -> Sequence[Draft]:
        """Return the calls of which nothing more will come, at the end of what is there, `now_us` being the time."""
        ...

    @property
    def waiting(self) -> int:
        """How many calls have begun of which more may come."""
        ...

    def state(self) -> bytes:
        """Return what a new reader needs to go on after the last line."""
        ...


class LineReaderMaker(Protocol):
    """Makes the reader of a file."""

    def __call__(self, state: bytes | None, billing: Billing) -> LineReader:
        """Return a reader that begins anew, or goes on where `state` was taken."""
        ...


DocumentReader = Callable[[bytes, int, Billing], Iterator["Draft | BadLine"]]
"""Reads a whole file: in go its content and when it was written (UTC microseconds), out come calls and bad rows."""


def billing_basis(billing: Billing, by_the_log: str | None) -> str | None:
    """Return the basis of a call: what the person said, else what the log shows."""
    if billing == "auto":
        return by_the_log
    return SUBSCRIPTION if billing == "subscription" else None
