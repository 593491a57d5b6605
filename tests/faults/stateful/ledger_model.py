"""What the cloud promises of the rows it is sent, in plain Python: dictionaries, no SQL, nothing of the product.

Belongs here: the model that stateful tests hold the product against, one per workspace. Does not belong here: HTTP,
databases, files. Rows are the records daemons send; a model of one workspace knows nothing of any other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Record = dict[str, Any]
Sums = tuple[int, int, int, int, int]
"""Requests, requests of unknown cost, input tokens, output tokens, logged millicents."""

NOT_SHARED: Final = "(not shared)"
# A null of these in one copy contradicts nothing: privacy settings withhold them.
FORGIVING: Final = frozenset({"project", "source_workdir", "source_machine", "prompt_hash", "attribution_method"})


@dataclass(frozen=True)
class Landed:
    """One record as it came in: by which device, in which batch, when."""

    record: Record
    device: str
    batch: str
    received_at: datetime


@dataclass
class Account:
    """What becomes of one batch's records."""

    received: int
    landed: int = 0
    duplicate: int = 0
    quarantined: int = 0

    @property
    def adds_up(self) -> bool:
        """The first invariant."""
        return self.received == self.landed + self.duplicate + self.quarantined


@dataclass
class WorkspaceModel:
    """One workspace: everything acknowledged, in the order it was.

    Attributes:
        landed: records that landed, repeats included.
        accounts: by batch, what the door said; `settled` says what comes of it in the end.
        bodies: what each device had acknowledged, whole.
        archived: since when each archived project is withheld.
    """

    landed: list[Landed] = field(default_factory=list[Landed])
    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    bodies: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    archived: dict[str, datetime] = field(default_factory=dict[str, datetime])

    @property
    def projects(self) -> set[str]:
        """Projects seen so far."""
        return {str(one.record["project"]) for one in self.landed if one.record["project"]}

    def receive(self, records: list[Any], poison: set[int], device: str, batch: str, at: datetime) -> Account:
        """Take in a batch as the door does and return its account.

        Args:
            records: as sent.
            poison: indices of records no rule lets in.
            device: who sent it.
            batch: a name of this attempt.
            at: when it was received.
        """
        account = self.accounts[batch] = Account(received=len(records))
        body = (device, repr(records))
        if body in self.bodies:
            account.duplicate = len(records)
            return account
        if records:
            self.bodies.add(body)
        here: list[Record] = []
        for index, record in enumerate(records):
            if index in poison:
                account.quarantined += 1
            elif record in here:
                account.duplicate += 1
            else:
                here.append(record)
                account.landed += 1
                self.landed.append(Landed(record, device, batch, at))
        return account

    def withheld_of(self, records: Iterable[Record], at: datetime) -> dict[str, int]:
        """Return how many of a batch's landed records are withheld on arrival, by project."""
        counted = Counter(str(one["project"]) for one in records if one["project"])
        return {slug: rows for slug, rows in counted.items() if slug in self.archived and at >= self.archived[slug]}

    def firsts(self) -> dict[str, Landed]:
        """Return the first copy of each id: what counts, for ever."""
        kept: dict[str, Landed] = {}
        for one in self.landed:
            kept.setdefault(one.record["id"], one)
        return kept

    def conflicts(self) -> list[Landed]:
        """Return later copies that contradict the first."""
        firsts = self.firsts()
        return [one for one in self.landed if contradicts(firsts[one.record["id"]].record, one.record)]

    def visible(self, keep: Callable[[Landed], bool] = lambda _: True) -> list[Landed]:
        """Return first copies dashboards show."""
        return [one for one in self.firsts().values() if not self._is_withheld(one) and keep(one)]

    def withheld(self) -> int:
        """Return how many first copies dashboards keep out."""
        return sum(self._is_withheld(one) for one in self.firsts().values())

    def settled(self) -> dict[str, Account]:
        """Return every batch's account once a build has looked for copies over all time."""
        accounts = {name: Account(**vars(one)) for name, one in self.accounts.items()}
        firsts = self.firsts()
        for one in self.landed:
            first = firsts[one.record["id"]]
            if first is one:
                continue
            accounts[one.batch].landed -= 1
            if contradicts(first.record, one.record):
                accounts[one.batch].quarantined += 1
            else:
                accounts[one.batch].duplicate += 1
        return accounts

    def held_of(self, device: str) -> list[Record]:
        """Return what a device's own store and the server must agree on: each id it sent, as first landed.

        A copy that contradicts another device's is in quarantine, and so is not held.
        """
        firsts = self.firsts()
        sent = {
            one.record["id"]
            for one in self.landed
            if one.device == device and not contradicts(firsts[one.record["id"]].record, one.record)
        }
        return [firsts[one].record for one in sorted(sent)]

    def _is_withheld(self, one: Landed) -> bool:
        since = self.archived.get(str(one.record["project"]))
        return one.record["project"] is not None and since is not None and one.received_at >= since


def contradicts(first: Record, other: Record) -> bool:
    """Whether two copies of one request say different things."""
    return any(
        first[key] != other[key] and not (key in FORGIVING and None in (first[key], other[key])) for key in first
    )


def sums_of(records: Iterable[Record]) -> Sums:
    """Add records up."""
    rows = list(records)
    return (
        len(rows),
        sum(row["cost_millicents"] is None for row in rows),
        sum(row["input_tokens"] for row in rows),
        sum(row["output_tokens"] for row in rows),
        sum(row["cost_millicents"] or 0 for row in rows),
    )


def sums_by_project(records: Iterable[Record]) -> dict[str, Sums]:
    """Add records up by the project they are shown under."""
    groups: defaultdict[str, list[Record]] = defaultdict(list)
    for row in records:
        groups[row["project"] or NOT_SHARED].append(row)
    return {project: sums_of(rows) for project, rows in groups.items()}
