"""One caller's look at one snapshot: who, when, which filter.

Belongs here: `View`, which every view is built from, and the sums it hands out. Does not belong here: HTTP (`serving`)
and what a single view shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote

from sqlalchemy import Engine

from api.access.callers import Caller
from api.dashboards.control import Standing, Sync, device_name, devices, instances, sync
from api.dashboards.filters import Filters
from api.dashboards.measures import Measures, Money
from api.dashboards.periods import Period, Span
from api.dashboards.queries import spend as spend_queries
from api.dashboards.queries.asking import Asking, By, Key, WithheldRows
from api.dashboards.queries.dimensions import workspace_facts
from api.dashboards.queries.marts import Marts
from api.db.models import Device
from pipelines.lake.clock import iso_utc

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)


@dataclass(frozen=True)
class View:
    """Everything an answer is made of; one snapshot throughout, so that an answer never mixes two builds.

    Attributes:
        reader: the workspace, as its key was recognised.
        engine: the app database.
        marts: the snapshot, possibly none yet.
        time_zone: IANA zone the snapshot's days were cut in.
        now: aware UTC instant of the call.
        filters: the filter rail.
        period: what its range means at `now`.
        standing: what may change an answer without a new build.
    """

    reader: Caller
    engine: Engine
    marts: Marts
    time_zone: str
    now: datetime
    filters: Filters
    period: Period
    standing: Standing

    @property
    def workspace_id(self) -> str:
        """Id of the workspace: UUID text."""
        return self.reader.workspace_id

    @property
    def build_id(self) -> str | None:
        """The build read; None before the first."""
        return self.marts.build_id

    @property
    def data_as_of(self) -> str | None:
        """Arrival of the workspace's newest batch in the build, ISO-8601; None when it has none there."""
        instant = workspace_facts(self.marts, self.workspace_id).data_as_of
        return None if instant is None else iso_utc(instant)

    @cached_property
    def devices(self) -> Sequence[Device]:
        """The workspace's devices, as the app database has them now."""
        return devices(self.engine, self.workspace_id)

    @cached_property
    def instances(self) -> Mapping[str, tuple[str, ...]]:
        """Host names of the machines at work behind each device's identity."""
        return instances(self.engine, self.workspace_id)

    @property
    def device_names(self) -> dict[str, str]:
        """What people call the workspace's devices, by id."""
        return {device.id: device_name(device) for device in self.devices}

    @cached_property
    def sync(self) -> Sync:
        """The sync banner over the workspace's devices."""
        return sync(self.devices, self.now)

    @property
    def asking(self) -> Asking:
        """This view's workspace, zone and filter."""
        return Asking(self.workspace_id, self.time_zone, self.filters)

    def spend(self, *by: By) -> dict[Key, Measures]:
        """Return money and tokens of the view's visible requests split by columns."""
        return spend_queries.spend(self.marts, self.asking, self.period.current, *by)

    def spend_and_money(
        self, by: tuple[By, ...], *others: tuple[By, ...]
    ) -> tuple[dict[Key, Measures], list[dict[Key, Money]]]:
        """Return `spend` of one grouping and `money` of others, for little more than the price of one."""
        return spend_queries.spend_and_money(self.marts, self.asking, self.period.current, by, *others)

    def money(self, *by: By, span: Span | None = None) -> dict[Key, Money]:
        """Return money of the view's visible requests split by columns; of another span when given."""
        return spend_queries.money(self.marts, self.asking, span or self.period.current, *by)

    def withheld(self) -> list[WithheldRows]:
        """Return how many requests of the view are withheld, by project and reason."""
        return spend_queries.withheld(self.marts, self.asking, self.period.current)

    def path(self, *parts: str, filters: Filters | None = None) -> str:
        """Return the path of a page of this workspace, with a filter's query string."""
        path = "/".join(["", _quoted(self.reader.slug), *map(_quoted, parts)])
        query = filters.query_string() if filters else ""
        return f"{path}?{query}" if query else path


def _quoted(part: str) -> str:
    # Answers list thousands of ids, and quoting one takes longer than all the rest of showing it.
    return part if _UNRESERVED.fullmatch(part) else quote(part, safe="")


def shown_instant(value: datetime) -> str:
    """Return an instant as the marts hold it (UTC without zone, or aware) as ISO-8601 text with a Z."""
    return iso_utc(value.replace(tzinfo=UTC) if value.tzinfo is None else value)
