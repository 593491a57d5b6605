"""The SQL of clusters and optimisation over rows made by hand, without a build.

Belongs here: compiling the models once and running what dbt would run, in memory. Does not belong here: assertions.
A test that goes all the way from landed files is in `tests/pipelines/analysis`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import duckdb
import pyarrow as pa
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode

from tests.dbt_project.warehouse import PROJECT, failures, invoke

NAMESPACE: Final = UUID("7d0c3f1e-0000-4000-8000-000000000000")
TODAY: Final = datetime(2026, 11, 20, tzinfo=UTC)
"""A Friday; window 0 is 22 October to 20 November."""
MORNING: Final = TODAY + timedelta(hours=10)
VARIABLES: Final = {
    "analysis_as_of": "2026-11-20 12:00:00",
    "analysis_finding_picousd": 1,
    "analysis_finding_requests": 1,
}
SELECTED: Final = ("path:models/analysis/clusters", "path:models/analysis/optimisation")
KINDS: Final = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
MTOK: Final = 1_000_000
"""Picodollars per token for each dollar per million tokens."""
Row = dict[str, Any]


def named(name: str) -> str:
    return str(uuid5(NAMESPACE, name))


def naive(year: int) -> datetime:
    """Return a year's first instant, UTC without a zone, as the marts have it."""
    return datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def rate(model_ref: str, *dollars: float, tier: str = "standard", over: int = 0, **changes: Any) -> Row:
    """Return a price in dollars per million tokens of the five kinds."""
    prices = {f"{kind}_picousd_per_token": round(one * MTOK) for kind, one in zip(KINDS, dollars, strict=True)}
    ends = {"valid_from": naive(1970), "valid_to": naive(9999), "known_from": naive(1970)}
    who = {"provider": "anthropic", "model_ref": model_ref, "service_tier": tier, "context_over_tokens": over}
    return {"rate_id": f"{model_ref}@{tier}>{over}", **who, **ends, **prices, **changes}


SONNET: Final = "claude-sonnet-4-6"
RATES: Final = (
    rate(SONNET, 3, 0.3, 3.75, 6, 15),
    rate(SONNET, 6, 0.6, 7.5, 12, 22.5, over=200_000),
    rate(SONNET, 1.5, 0.15, 1.875, 3, 7.5, tier="batch"),
    rate(SONNET, 2, 0.2, 2.5, 4, 10, tier="flex"),
    rate(SONNET, 6, 0.6, 7.5, 12, 30, tier="priority"),
    rate("claude-haiku-4-5", 1, 0.1, 1.25, 2, 5),
    rate("claude-opus-4-5", 5, 0.5, 6.25, 10, 25),
    rate("claude-opus-5-5", 4, 0.2, 5, 8, 20),
)
PRICES: Final = {one["rate_id"]: [one[f"{kind}_picousd_per_token"] for kind in KINDS] for one in RATES}


def fact(name: str, **changes: Any) -> Row:
    """Return a priced request made `at` an instant; its `tokens` are of the five disjoint kinds."""
    at: datetime = changes.pop("at", MORNING)
    tokens: Sequence[int] = changes.pop("tokens", (1000, 0, 0, 0, 100))
    model = changes.get("model", SONNET)
    tier = changes.get("service_tier", "standard")
    uncached, read, five, hour, output = tokens
    over = 200_000 if model == SONNET and tier == "standard" and uncached + read + five + hour > 200_000 else 0
    rate_id = f"{model}@{tier}>{over}"
    return {
        "request_id": named(f"request {name}"), "workspace_id": named("workspace"), "device_id": named("laptop"),
        "project": "atlas", "provider": "anthropic", "model": model, "model_ref": model, "service_tier": tier,
        "requested_at": at.replace(tzinfo=None), "requested_on": at.date(), "latency_ms": 1000.0, "status": "success",
        "request_kind": "chat", "prompt_hash": f"hash of {name}", "spend_kind": "metered", "rate_id": rate_id,
        "uncached_input_tokens": uncached, "cache_read_tokens": read, "cache_write_tokens": five + hour,
        "cache_write_5m_tokens": five, "cache_write_1h_tokens": hour, "billable_output_tokens": output,
        "thinking_tokens": 0,
        "cost_priced_picousd": sum(n * price for n, price in zip(tokens, PRICES[rate_id], strict=True)),
        **changes,
    }  # fmt: skip


@dataclass(frozen=True)
class CompiledModel:
    """A model's SQL, and the models it reads."""

    sql: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class AnalysisSql:
    """The compiled models.

    Attributes:
        models: by name.
        sources: columns and types of each source table.
    """

    models: Mapping[str, CompiledModel]
    sources: Mapping[str, Mapping[str, str]]

    def run(self, facts: Iterable[Row], decisions: Iterable[Row] = (), rates: Iterable[Row] = RATES) -> Answers:
        """Lay these rows under the models; each runs when it is asked for."""
        rows = list(facts)
        workspaces = sorted({row["workspace_id"] for row in rows} | {named("workspace")})
        projects = sorted({(row["workspace_id"], row["project"]) for row in rows})
        devices = sorted({(row["workspace_id"], row["device_id"]) for row in rows})
        given: dict[str, list[Row]] = {
            "published.fct_requests": rows,
            "published.stg_rate_book": list(rates),
            "published.stg_local_days": _days(),
            "published.dim_workspaces": [{"workspace_id": one, "time_zone": "UTC"} for one in workspaces],
            "published.dim_projects": [{"workspace_id": one, "project": slug} for one, slug in projects],
            "published.dim_devices": [
                {"workspace_id": one, "device_id": id_, "hostname": "host", "paired_at": naive(2026)}
                for one, id_ in devices
            ],
            "published.dim_models": [
                {"provider": "anthropic", "model": SONNET, "model_ref": SONNET, "display_name": "Claude Sonnet 4.6"}
            ],
            "published.mart_spend_15min": [_rolled_up(row) for row in rows],
            "finance.decisions": list(decisions),
        }
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("set TimeZone = 'UTC'; attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema published; create schema finance")
        for table, columns in self.sources.items():
            described = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(f"create table {table} ({described})")
            _insert(connection, table, columns, given.get(table, []))
        for seed in ("optimisation_checks", "model_alternatives"):
            path = PROJECT / "seeds" / "analysis" / f"{seed}.csv"
            connection.execute(f"create table {seed} as from read_csv('{path}', header = true, quote = '\"')")
        return Answers(connection, self.models)


@dataclass(frozen=True)
class Answers:
    """What the models make."""

    connection: duckdb.DuckDBPyConnection
    models: Mapping[str, CompiledModel]
    made: set[str] = field(default_factory=set[str])

    def ask(self, sql: str) -> list[Row]:
        """Return rows as dicts; models that the statement names are run first."""
        for name in re.findall(r"\w+", sql):
            self._make(name)
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def check(self, check: str) -> list[Row]:
        """Return what a check finds in the last window, before anything is left out."""
        return self.ask(f"from int_check_{check} where window_number = 0 order by all")

    def clusters(self, kind: str) -> list[Row]:
        return self.ask(f"from mart_clusters where kind = '{kind}' order by all")

    def findings(self, check: str | None = None) -> list[Row]:
        where = f"where check_id = '{check}'" if check else ""
        return self.ask(f"from mart_optimisation_findings {where} order by check_id, project, model")

    def _make(self, name: str) -> None:
        if name in self.made or name not in self.models:
            return
        for parent in self.models[name].parents:
            self._make(parent)
        self.connection.execute(f"create table {name} as {self.models[name].sql}")
        self.made.add(name)


def compiled(manifest: Manifest, folder: Path) -> AnalysisSql:
    """Compile the models of clusters and optimisation."""
    command = ["compile", "--select", *SELECTED, "--vars", json.dumps(VARIABLES)]
    result = invoke(folder / "warehouse.duckdb", command, manifest)
    assert result.success, failures(result)
    nodes = {
        one.node.unique_id: one.node for one in getattr(result.result, "results", ()) if isinstance(one.node, ModelNode)
    }
    models = {
        node.name: CompiledModel(
            str(node.compiled_code), tuple(nodes[one].name for one in node.depends_on_nodes if one in nodes)
        )
        for node in nodes.values()
    }
    sources = {
        f"{source.source_name}.{source.name}": {one.name: str(one.data_type) for one in source.columns.values()}
        for source in manifest.sources.values()
        if source.source_name in ("published", "finance")
    }
    return AnalysisSql(models, sources)


def checks() -> list[dict[str, str]]:
    """Return the seed's lines."""
    with (PROJECT / "seeds" / "analysis" / "optimisation_checks.csv").open() as lines:
        return list(csv.DictReader(lines))


def decision(kind: str, *, at: datetime = TODAY, name: str = "decision", **about: Any) -> Row:
    return {
        "workspace_id": named("workspace"), "decision_id": named(name), "kind": kind, "decided_by": "ada@acme.co",
        "decided_at": at.replace(tzinfo=None), **about,
    }  # fmt: skip


def _days() -> list[Row]:
    first = (TODAY - timedelta(days=233)).replace(tzinfo=None)
    return [
        {"time_zone": "UTC", "local_day": day.date(), "starts_at": day, "ends_at": day + timedelta(days=1)}
        for day in (first + timedelta(days=number) for number in range(240))
    ]


def _rolled_up(row: Row) -> Row:
    names = ("workspace_id", "project", "provider", "model", "device_id", "spend_kind", "cost_priced_picousd")
    return {name: row[name] for name in names} | {"utc_day": row["requested_on"], "requests": 1}


def _insert(connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = [name for name in columns if any(name in row for row in rows)]
    given = pa.table({name: [row.get(name) for row in rows] for name in names})
    connection.register("given", given)
    casts = ", ".join(f'cast("{name}" as {columns[name]}) as "{name}"' for name in names)
    connection.execute(f"insert into {table} by name select {casts} from given")
    connection.unregister("given")
