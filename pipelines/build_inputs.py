"""What a build was made from, and what a change of it means for the next one.

Belongs here: the digests a build is remembered by, and the rule that decides between nothing, an incremental build and
a full one. Does not belong here: computing exports (`pipelines.control_plane`, `pipelines.rates`,
`pipelines.calendar`) and building (`pipelines.build`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import msgspec

from pipelines.control_plane import REATTRIBUTIONS
from pipelines.landed_export import LandedFileRow


class Extent(StrEnum):
    """How much has to be built."""

    NOTHING = "nothing"
    INCREMENTAL = "incremental"
    FULL = "full"


class BuildInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a published build depends on, as digests and small maps.

    Attributes:
        max_file_seq: the newest landing file in it.
        ledger: digest of all landing files up to that one.
        exports: export name to a digest of its content.
        project: digest of the dbt project and of the tools that run it.
        rate_book: version of the rate book.
        time_zones: workspace id to its reporting zone.
        calendar_until: last local day (ISO date) the calendar held.
        calendar: zone to a digest of its days up to that one.
        models: `provider/model` as landed to the priced model, empty when none is known.
        horizons: workspace id to the first UTC day (ISO date) whose requests are kept, where not all are. It moves
            with every UTC day, and every move means a full build: at most one a day, and one per change of the setting.
    """

    max_file_seq: int
    ledger: str
    exports: dict[str, str]
    project: str
    rate_book: str
    time_zones: dict[str, str]
    calendar_until: str
    calendar: dict[str, str]
    models: dict[str, str]
    horizons: dict[str, str] = {}

    @property
    def last_calendar_day(self) -> date:
        """`calendar_until` as a date."""
        return date.fromisoformat(self.calendar_until)


class Plan(msgspec.Struct, frozen=True):
    """What the next build does.

    Attributes:
        extent: how much.
        reason: why, in words for a log.
        changed_exports: exports that differ from the base's; an incremental build runs what depends on them.
        rows_landed: whether there are new landing files.
    """

    extent: Extent
    reason: str
    changed_exports: frozenset[str] = frozenset()
    rows_landed: bool = False


def plan_build(
    base: BuildInputs | None, now: BuildInputs, ledger_at_base: str, calendar_at_base: dict[str, str]
) -> Plan:
    """Decide how much to build.

    Args:
        base: inputs of the build to go on from; None when there is none that can be gone on from.
        now: inputs as they are.
        ledger_at_base: digest of today's ledger up to the base's newest file.
        calendar_at_base: today's calendar digests, up to the base's last day.

    Returns:
        The extent and its reason.
    """
    if base is None:
        return Plan(Extent.FULL, "there is no earlier build to go on from")
    if reason := _break_with(base, now, ledger_at_base, calendar_at_base):
        return Plan(Extent.FULL, reason)
    changed = frozenset(name for name in now.exports if now.exports[name] != base.exports.get(name))
    rows_landed = now.max_file_seq != base.max_file_seq
    if rows_landed:
        return Plan(Extent.INCREMENTAL, "new rows have landed", changed, rows_landed=True)
    if changed:
        return Plan(Extent.INCREMENTAL, f"changed: {', '.join(sorted(changed))}", changed)
    return Plan(Extent.NOTHING, "nothing changed")


def _break_with(
    base: BuildInputs, now: BuildInputs, ledger_at_base: str, calendar_at_base: dict[str, str]
) -> str | None:
    """Return why rows that were built already would come out differently now; None when they would not."""
    reasons = {
        "landing files that were built already are no longer the same": ledger_at_base != base.ledger,
        "the dbt project or its tools changed": now.project != base.project,
        "the rate book changed": now.rate_book != base.rate_book,
        "a model that was seen before is priced as another one now": _contradicts(base.models, now.models),
        "requests were moved between projects": _differ(base.exports, now.exports, REATTRIBUTIONS),
        "a horizon of retention moved": now.horizons != base.horizons,
        "a workspace's time zone changed": _contradicts(base.time_zones, now.time_zones),
        "the rules of a time zone changed": _contradicts(base.calendar, calendar_at_base),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _differ(before: dict[str, str], now: dict[str, str], export: str) -> bool:
    return before.get(export) != now.get(export)


def _contradicts(before: dict[str, str], now: dict[str, str]) -> bool:
    """Whether a key that is in both has another value now."""
    return any(now.get(key, value) != value for key, value in before.items())


def ledger_digest(landed: Iterable[LandedFileRow], up_to: int) -> str:
    """Return a digest of the committed files with `file_seq` up to `up_to`, wherever their rows lie now."""
    whole = hashlib.sha256()
    for one in landed:
        if one.file_seq <= up_to:
            whole.update(f"{one.file_seq} {one.sha256}\n".encode())
    return whole.hexdigest()
