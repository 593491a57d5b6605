"""This machine's totals against the cloud's, per day and project.

Belongs here: the comparison and its tolerance. Does not belong here: either side's sums (`daemon.store`, the cloud).

Compared are the calls the cloud acknowledged; those that wait, stay here or were set aside are counted beside them, so
that an honest difference never looks like a loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from daemon.cloud.privacy import UploadRules
from daemon.store.daily_totals import DailyTotal
from daemon.wire.batch import DaemonTotalsRow

NOT_SHARED: Final = "(not shared)"
TOLERANCE_PERCENT: Final = Decimal("0.5")


class Sums(NamedTuple):
    """Counts of one side; costs in millicents, known ones only."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_millicents: int = 0

    def plus(self, other: Sums) -> Sums:
        """Return both together."""
        return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass
class DayOfProject:
    """One UTC day of `recorded_at` of one project.

    Attributes:
        project: as the cloud knows it; `(not shared)` where the name stays here.
        here: calls the cloud acknowledged.
        there: calls the cloud holds.
        waiting: calls that may leave and have not yet.
        withheld: calls that stay here.
        set_aside: calls the cloud quarantined.
    """

    day: str
    project: str
    here: Sums = field(default_factory=Sums)
    there: Sums = field(default_factory=Sums)
    waiting: int = 0
    withheld: int = 0
    set_aside: int = 0


@dataclass(frozen=True)
class Reconciliation:
    """The whole comparison.

    Attributes:
        days: in order of day and project.
        total: all of them together.
        variance_percent: largest difference of any sum, of this machine's; None when only the cloud has something.
    """

    days: list[DayOfProject]
    total: DayOfProject
    variance_percent: Decimal | None

    @property
    def within_tolerance(self) -> bool:
        """Whether the sides agree, to less than 0.5 %."""
        return self.variance_percent is not None and self.variance_percent < TOLERANCE_PERCENT


def reconciled(local: Iterable[DailyTotal], server: Iterable[DaemonTotalsRow], rules: UploadRules) -> Reconciliation:
    """Return both sides' sums side by side.

    Args:
        local: of the store.
        server: of the cloud, same days.
        rules: in force now; they say which projects stay here, and under which name the others are known there.
    """
    days: dict[tuple[str, str], DayOfProject] = {}

    def place(day: str, project: str) -> DayOfProject:
        return days.setdefault((day, project), DayOfProject(day, project))

    for row in local:
        _add_local(place(row.day.isoformat(), _known_as(row.project, rules)), row, rules)
    for held in server:
        one = place(held.date, held.project or NOT_SHARED)
        one.there = one.there.plus(
            Sums(held.request_count, held.prompt_tokens, held.completion_tokens, held.cost_usd_minor_units)
        )
    total = DayOfProject("", "")
    for one in days.values():
        total.here, total.there = total.here.plus(one.here), total.there.plus(one.there)
        total.waiting += one.waiting
        total.withheld += one.withheld
        total.set_aside += one.set_aside
    return Reconciliation([days[key] for key in sorted(days)], total, _variance(total))


def _add_local(one: DayOfProject, row: DailyTotal, rules: UploadRules) -> None:
    match row.upload_state:
        case "sent":
            # A price that is kept here counts for nothing there.
            cost = 0 if "cost_millicents" in rules.withheld_of(row.project) else row.cost_millicents
            one.here = one.here.plus(Sums(row.request_count, row.prompt_tokens, row.completion_tokens, cost))
        case "quarantined":
            one.set_aside += row.request_count
        case _ if rules.leaves(row.project):
            one.waiting += row.request_count
        case _:
            one.withheld += row.request_count


def _known_as(project: str, rules: UploadRules) -> str:
    if rules.leaves(project) and "project" in rules.withheld_of(project):
        return NOT_SHARED
    return project[:255]


def _variance(total: DayOfProject) -> Decimal | None:
    differences = [(abs(there - here), here) for here, there in zip(total.here, total.there, strict=True)]
    if any(difference and not here for difference, here in differences):
        return None
    return max((Decimal(100 * difference) / here for difference, here in differences if here), default=Decimal(0))
