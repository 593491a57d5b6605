"""Benchmark `queries`: what dashboards ask, on published marts and on the rivals' tables.

Belongs here: asking ours through the product's own views, the rivals by SQL, and judging. Does not belong here: the
rivals' SQL (`rivals.dashboard_sql`), HTTP (`overview_http`).

Ours is the finished answer before it becomes JSON, names and budget from the app database included; a rival's is the
rows of its statements, fetched. The numbers that both know must be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import cycle
from statistics import median
from typing import Any, Final
from uuid import UUID

from api.access.callers import Caller
from api.access.permissions import KEY_PERMISSIONS, KeyScope
from api.audit import Actor, ActorType
from api.dashboards.control import Standing
from api.dashboards.filters import Filters
from api.dashboards.overview import overview
from api.dashboards.periods import RangeName, resolve
from api.dashboards.projects import project_view
from api.dashboards.queries import requests as request_queries
from api.dashboards.queries.held import Held
from api.dashboards.queries.marts import Marts
from api.dashboards.requests import Page, request_page
from api.dashboards.view import View
from api.db.models import Plan
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.database import open_database
from tests.benchmarks.context import Context
from tests.benchmarks.dataset import Dataset
from tests.benchmarks.homes import built_home
from tests.benchmarks.measure import Comparison, alternate, compare, timed
from tests.benchmarks.rivals.clickhouse import ClickHouse
from tests.benchmarks.rivals.dashboard_sql import CLICKHOUSE, POSTGRES_TABLES, POSTGRES_VIEW, Asked, Dialect
from tests.benchmarks.rivals.missing import RivalMissing
from tests.benchmarks.rivals.postgres_mirror_cluster import running_cluster
from tests.benchmarks.rivals.postgres_tables import Tables, write_csv
from tests.benchmarks.totals import zones_of

ROWS: Final = 10_000_000
PROJECT: Final = "project-00"
CALLS: Final = 7
SLOW_SECONDS: Final = 5.0
"""A question that takes so long is asked once a round: seven times would say no more, and take an hour."""
IDS: Final = 23
QUERIES: Final = ("overview", "project view", "recent 100", "request by id")
OF_ROLL_UPS: Final = ("overview", "project view")
SMALLER: Final = "at a tenth of the rows"
Ask = Callable[[str], Any]


def run(context: Context) -> list[Comparison]:
    """Compare the four questions with the rivals and with a tenth of the rows."""
    rows = context.rows_or(ROWS)
    data, small = built_home(context, rows), built_home(context, max(2_000, rows // 10))
    ours, smaller = _Ours(data), _Ours(small)
    asks: dict[str, Ask] = {"ours": ours.ask, SMALLER: smaller.ask}
    context.progress("loading PostgreSQL")
    with running_cluster() as uri:
        tables = Tables(uri, zones_of(data.home))
        csv = context.folder / "facts.csv"
        write_csv(data.home, csv, deduplicated=True)
        tables.load(csv)
        csv.unlink()
        for dialect in (POSTGRES_TABLES, POSTGRES_VIEW):
            asks[dialect.name] = _rival(dialect, ours.asked, tables.rows)
        clickhouse, missing = _clickhouse(context, data)
        if clickhouse is not None:
            asks[CLICKHOUSE.name] = _rival(CLICKHOUSE, ours.asked, lambda sql: clickhouse.run(sql).rows)
        try:
            _check(asks, ours)
            return [_compared(context, query, rows, asks, missing) for query in QUERIES]
        finally:
            tables.close()
            ours.close()
            smaller.close()
            if clickhouse is not None:
                clickhouse.__exit__(None, None, None)


def _clickhouse(context: Context, data: Dataset) -> tuple[ClickHouse | None, str]:
    try:
        clickhouse = ClickHouse(context.subfolder("clickhouse"))
    except RivalMissing as fault:
        return None, str(fault)
    context.progress("loading ClickHouse")
    clickhouse.rebuild(data.home.landing, zones_of(data.home))
    return clickhouse, ""


def _compared(context: Context, query: str, rows: int, asks: dict[str, Ask], missing: str) -> Comparison:
    def once(ask: Ask) -> float:
        seconds = [timed(lambda: ask(query))]
        while len(seconds) < CALLS and seconds[0] < SLOW_SECONDS:
            seconds.append(timed(lambda: ask(query)))
        return median(seconds) * 1000

    found = alternate(
        context.runs, {name: lambda ask=ask: once(ask) for name, ask in asks.items()},
        lambda told: context.progress(f"{query}, {told}"),
    )  # fmt: skip
    target, met = _target(query)
    return compare(f"{query} at {rows:,} rows", "ms", found, target=target, met=met, note=missing)


def _target(query: str) -> tuple[str, Callable[[Any], bool]]:
    def grows_little(one: Any) -> bool:
        return one["ours"] <= 1.5 * one[SMALLER]

    if query in OF_ROLL_UPS:
        return (
            ">= 5x the materialised view, >= 1.5x ClickHouse, growth <= 1.5x",
            lambda one: (
                one["ours"] * 5 <= one[POSTGRES_VIEW.name]
                and one["ours"] * 1.5 <= one.get(CLICKHOUSE.name, float("inf"))
                and grows_little(one)
            ),
        )
    return (
        "<= 2x the indexed table, growth <= 1.5x",
        lambda one: one["ours"] <= 2 * one[POSTGRES_TABLES.name] and grows_little(one),
    )


class _Ours:
    """A published snapshot, asked as the routes ask it."""

    def __init__(self, data: Dataset) -> None:
        self._engine = open_database(f"sqlite:///{data.home.root / 'app.sqlite'}")
        self._reader = SnapshotReader(data.home)
        snapshot = self._reader.current()
        assert snapshot is not None
        self._marts = Marts(snapshot, Held())
        self._zone = zones_of(data.home)[data.big.workspace_id]
        self._now = data.until.astimezone(UTC)
        self._identity = Caller(
            workspace_id=data.big.workspace_id, slug=data.big.slug, name="", plan=Plan.ENTERPRISE, time_zone=self._zone,
            read_only=None, deletion_requested_at_us=None, role=None, permissions=KEY_PERMISSIONS[KeyScope.READ],
            actor=Actor(ActorType.API_KEY, ""), person=None, api_key_id="",
        )  # fmt: skip
        self._ids = cycle(self._some_ids())
        self.asked = self._asked()

    def _view(self, **filters: Any) -> View:
        period = resolve(RangeName.LAST_30_DAYS, None, None, self._now, self._zone)
        return View(
            reader=self._identity, engine=self._engine, marts=self._marts, time_zone=self._zone, now=self._now,
            filters=Filters(**filters), period=period, standing=Standing(0, stale=False),
        )  # fmt: skip

    def ask(self, query: str) -> Any:
        """Return the answer to one of the questions."""
        if query == "overview":
            return overview(self._view())
        if query == "project view":
            return project_view(self._view(projects=(PROJECT,)), PROJECT)
        if query == "recent 100":
            return request_page(self._view(), Page())
        return request_queries.one(self._marts, self._identity.workspace_id, UUID(next(self._ids)))

    def close(self) -> None:
        self._marts.snapshot.close() if self._marts.snapshot else None
        self._reader.close()
        self._engine.dispose()

    def _some_ids(self) -> list[str]:
        statement = (
            "select request_id::varchar from (select request_id from fct_requests where workspace_id = $workspace"
            " and hash(request_id) % 97 = 5) order by hash(request_id::varchar) limit $few"
        )
        parameters = {"workspace": UUID(self._identity.workspace_id), "few": IDS}
        return [str(row[0]) for row in self._marts.rows(statement, parameters)]

    def _asked(self) -> Asked:
        period = self._view().period
        return Asked(
            workspace_id=self._identity.workspace_id, zone=self._zone, project=PROJECT, today=period.today,
            first=period.current.first_day, end=period.current.end_day, before=period.previous.first_day,
            starts_at=_plain(period.current.starts_at), ends_at=_plain(period.current.ends_at), ids=self._some_ids(),
        )  # fmt: skip


def _rival(dialect: Dialect, asked: Asked, rows: Callable[[str], Any]) -> Ask:
    ids = cycle(asked.ids)

    def ask(query: str) -> Any:
        if query == "request by id":
            return [rows(dialect.by_id(asked, next(ids)))]
        return [rows(sql) for sql in dialect.statements(query, asked)]

    return ask


def _check(asks: dict[str, Ask], ours: _Ours) -> None:
    """Stop when two sides answer differently."""
    answer, recent = ours.ask("overview"), ours.ask("recent 100")
    requests = answer.totals.requests
    metered = answer.totals.cost_usd
    newest = [row.request_id for row in recent.requests]
    for name, ask in asks.items():
        if name in ("ours", SMALLER):
            continue
        by_model = ask("overview")[0]
        assert sum(int(row[3]) for row in by_model) == requests, f"{name}: other requests"
        cost = sum(int(row[6]) for row in by_model if row[0] == "metered")
        assert f"{cost / 100_000:.5f}" == f"{float(metered):.5f}", f"{name}: {cost} millicents, ours ${metered}"
        theirs = [str(row[0]) for row in ask("recent 100")[0]][: len(newest)]
        assert theirs == newest, f"{name}: other recent requests"
        assert len(ask("request by id")[0]) == 1, f"{name}: not one request of the id"
    assert ours.ask("request by id") is not None


def _plain(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
