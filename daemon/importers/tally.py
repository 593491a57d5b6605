"""What an import came to, per file and altogether.

Belongs here: counting. Does not belong here: showing it (`daemon.cli.import_screen`).

Costs of the three kinds of money are never added up: metered use is owed, use within a subscription is not, and
imported sums may be of calls that are on record already.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from daemon.calls.call import Call
from daemon.clock import iso_of_micros

_REASONS_MAX: Final = 3
_MILLICENTS_PER_USD: Final = 100_000


@dataclass
class Tally:
    """Counts of calls.

    Attributes:
        new: added, or to be added by a dry run.
        known: on record already, or removed by retention.
        elsewhere: on record by another way: captured by proxy or gateway, or told by another kind of export.
        bad: lines or rows that could not be read.
        waiting: calls that have begun, of which more may come.
        unpriced: new calls whose cost is not known.
        cost_millicents: of new calls, by kind of money.
        calls_by_kind: new calls, by kind of money.
        first_us: the earliest new call, UTC microseconds.
        last_us: the latest one.
    """

    new: int = 0
    known: int = 0
    elsewhere: int = 0
    bad: int = 0
    waiting: int = 0
    unpriced: int = 0
    cost_millicents: Counter[str] = field(default_factory=Counter[str])
    calls_by_kind: Counter[str] = field(default_factory=Counter[str])
    first_us: int | None = None
    last_us: int | None = None

    @property
    def calls(self) -> int:
        """All calls that were read, whatever became of them."""
        return self.new + self.known + self.elsewhere + self.waiting

    def add_new(self, call: Call) -> None:
        """Count a new call."""
        kind = call.billing_basis or "metered"
        self.new += 1
        self.calls_by_kind[kind] += 1
        if call.cost_millicents is None:
            self.unpriced += 1
        else:
            self.cost_millicents[kind] += call.cost_millicents
        self._spans(call.requested_at_us, call.requested_at_us)

    def add(self, other: Tally) -> None:
        """Count what another tally counted."""
        self.new += other.new
        self.known += other.known
        self.elsewhere += other.elsewhere
        self.bad += other.bad
        self.waiting += other.waiting
        self.unpriced += other.unpriced
        self.cost_millicents.update(other.cost_millicents)
        self.calls_by_kind.update(other.calls_by_kind)
        if other.first_us is not None and other.last_us is not None:
            self._spans(other.first_us, other.last_us)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as programs read them: money as decimal text."""
        return {
            "new": self.new,
            "known": self.known,
            "elsewhere": self.elsewhere,
            "bad": self.bad,
            "waiting": self.waiting,
            "unpriced": self.unpriced,
            "calls_by_kind": dict(sorted(self.calls_by_kind.items())),
            "cost_usd_by_kind": {kind: usd(amount) for kind, amount in sorted(self.cost_millicents.items())},
            "first": None if self.first_us is None else iso_of_micros(self.first_us),
            "last": None if self.last_us is None else iso_of_micros(self.last_us),
        }

    def _spans(self, first_us: int, last_us: int) -> None:
        self.first_us = first_us if self.first_us is None else min(self.first_us, first_us)
        self.last_us = last_us if self.last_us is None else max(self.last_us, last_us)


@dataclass
class FileResult:
    """What came of one file.

    Attributes:
        path: the file.
        lines: lines or rows that were read now.
        resumed: whether lines before them were read by an earlier import.
        unchanged: whether there was nothing new in it.
        error: why it could not be read; None when it could.
        reasons: where and why reading failed, the first few.
    """

    path: Path
    lines: int = 0
    resumed: bool = False
    unchanged: bool = False
    error: str | None = None
    tally: Tally = field(default_factory=Tally)
    reasons: list[str] = field(default_factory=list[str])

    @property
    def hopeless(self) -> bool:
        """Whether nothing could be made of it: it is unreadable, or everything in it is."""
        all_bad = self.tally.bad > 0 and self.tally.calls == 0 and self.lines <= self.tally.bad
        return self.error is not None or (all_bad and not self.resumed)

    def bad(self, where: str, why: str) -> None:
        """Count a line or row that could not be read."""
        self.tally.bad += 1
        if len(self.reasons) < _REASONS_MAX:
            self.reasons.append(f"{where}: {why}")

    def as_json(self) -> dict[str, Any]:
        """Return the result as programs read it."""
        return {
            "path": str(self.path),
            "lines": self.lines,
            "unchanged": self.unchanged,
            "error": self.error,
            "reasons": self.reasons,
            **self.tally.as_json(),
        }


def usd(amount_millicents: int) -> str:
    """Return millicents as dollars in decimal text, exactly."""
    whole, rest = divmod(abs(amount_millicents), _MILLICENTS_PER_USD)
    return f"{'-' if amount_millicents < 0 else ''}{whole}.{rest:05d}"
