"""What an analysis is made from, as digests: when they are the same, there is nothing to do.

Belongs here: gathering them and comparing. Does not belong here: reading the exports (`exports`) and building
(`build`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import Engine, text

_TRACE: Final = """
select
    (select count(*) from workspaces),
    (select coalesce(sum(audit_position), 0) from workspaces),
    (select count(*) from bill_periods),
    (select coalesce(max(read_at_us), 0) from bill_periods),
    (select coalesce(max(superseded_at_us), 0) from bill_periods)
"""


class AnalysisInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an analysis depends on.

    Attributes:
        build_id: the published build of the marts.
        finance: export name to a digest of its content.
        project: digest of the dbt project, analysis included, and of the tools that run it.
        days: reporting zone to its day (ISO date): what is due or late changes with it.
    """

    build_id: str
    finance: dict[str, str]
    project: str
    days: dict[str, str]

    def digest(self) -> str:
        """Return one digest of all of it, hex."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def local_days(engine: Engine, now: datetime) -> dict[str, str]:
    """Return the day it is in every reporting zone in use.

    Args:
        engine: the app database.
        now: aware.
    """
    with engine.connect() as connection:
        zones: Iterable[str] = connection.execute(text("select distinct time_zone from workspaces")).scalars().all()
    return {zone: day for zone in sorted(zones) if (day := _day_in(zone, now)) is not None}


def finance_trace(engine: Engine) -> tuple[object, ...]:
    """Return what changes whenever a finance export may have: what people change is audited, what is read is not."""
    with engine.connect() as connection:
        return tuple(connection.execute(text(_TRACE)).one())


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the keys whose values differ, sorted."""
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def _day_in(zone: str, now: datetime) -> str | None:
    try:
        return now.astimezone(ZoneInfo(zone)).date().isoformat()
    except (ZoneInfoNotFoundError, ValueError):
        return None
