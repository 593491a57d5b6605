"""A published snapshot and an app database made of generated requests, and plain Python sums to hold answers against.

Tables get the columns of the dbt models' contracts; their content is computed here, by another way than the models'.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from api.app import create_app
from api.db.models import ApiKey, Base, Budget, Device, Project, Workspace
from api.db.session import transaction
from api.tokens import SecretKind, new_secret, secret_digest
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.ledger import landed_batches, landed_files, metadata
from pipelines.lake.paths import Home

NOW = datetime(2026, 4, 7, 3, 10, 30, tzinfo=UTC)
"""Within 30 days after New York went forward (8 March) and 3 days after Lord Howe went back by half an hour."""
ZONES = {"acme": "America/New_York", "island": "Australia/Lord_Howe", "hills": "Asia/Kathmandu"}
MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("openai", "gpt-5"),
    ("openai", "gpt-5-mini"),
    ("gemini", "gemini-3-pro"),
    ("xai", "grok-5"),
    ("groq", "llama, the 4th"),
)
PROJECTS = ("web", "batch-summariser", "team/app", "=cmd()", None, "archived", "ceiling")
ARCHIVED_AT = NOW - timedelta(days=20)
NOT_SHARED = "(not shared)"
KINDS = {"metered": "cost_usd", "subscription_imputed": "subscription_imputed_usd", "imported": "imported_usd"}
TOKENS = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
KIND_TOKENS = {
    "uncached_input": "uncached_input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "billable_output_tokens",
}
RATE_ID = "rate-1"
RATES = {
    "uncached_input": 3_000_000,
    "cache_read": 300_000,
    "cache_write_5m": 3_750_000,
    "cache_write_1h": 6_000_000,
    "output": 15_000_000,
}
CONTRACTS = Path(__file__).parents[3] / "dbt_project" / "models"

RequestFact = dict[str, Any]


def identifier(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


@dataclass
class World:
    """One installation with its snapshot, and everything that is in it as Python values."""

    home: Home
    engine: Engine
    clock: FixedClock
    keys: dict[str, str]
    rows: list[RequestFact] = field(default_factory=list[RequestFact])
    zones: dict[str, str] = field(default_factory=lambda: dict(ZONES))

    def __post_init__(self) -> None:
        self.app = create_app(self.home, engine=self.engine, clock=self.clock)
        self.client = TestClient(self.app, raise_server_exceptions=True)

    def get(self, path: str, *, key: Any = None, headers: Any = None, **query: Any) -> Any:
        """Call `/v1/{path}` with the key of the workspace the path begins with, or of `key`."""
        owner = key or path.split("/", maxsplit=1)[0].split("?", maxsplit=1)[0]
        sent = {"Authorization": f"Bearer {self.keys.get(owner, owner)}", **(headers or {})}
        named = {name.removesuffix("_"): value for name, value in query.items()}
        return self.client.get(f"/v1/{path}", params=named or None, headers=sent)

    def json(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def visible(self, workspace: str, keep: Callable[[RequestFact], bool] = lambda row: True) -> list[RequestFact]:
        mine = workspace_id(workspace)
        return [
            row for row in self.rows if row["workspace_id"] == mine and row["withheld_reason"] is None and keep(row)
        ]

    def local_day(self, workspace: str, row: RequestFact) -> date:
        return row["requested_at"].astimezone(ZoneInfo(self.zones[workspace])).date()

    def within(self, workspace: str, first: date, last: date) -> Callable[[RequestFact], bool]:
        return lambda row: first <= self.local_day(workspace, row) <= last

    def today(self, workspace: str) -> date:
        return self.clock.now().astimezone(ZoneInfo(self.zones[workspace])).date()

    def last_days(self, workspace: str, days: int) -> Callable[[RequestFact], bool]:
        today = self.today(workspace)
        return self.within(workspace, today - timedelta(days=days - 1), today)

    def publish(self, build_id: str) -> None:
        publish(self.home, self.rows, self.zones, build_id)

    def close(self) -> None:
        self.client.close()
        self.app.state.snapshots.close()
        self.engine.dispose()


def workspace_id(slug: str) -> str:
    return identifier("workspace", slug)


def device_id(slug: str, number: int) -> str:
    return identifier("device", slug, number)


def usd(millicents: int) -> str:
    return format(Decimal(millicents).scaleb(-5), "f")


def spend_of(rows: Iterable[RequestFact]) -> dict[str, Any]:
    """Return what `Spend` shows of rows."""
    rows = list(rows)
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[KINDS.get(row["spend_kind"], "other_basis_usd")] += row["cost_logged_millicents"] or 0
    money = {name: usd(sums[name]) for name in (*KINDS.values(), "other_basis_usd")}
    unpriced = sum(row["cost_logged_millicents"] is None for row in rows)
    return {**money, "requests": len(rows), "unpriced_requests": unpriced}


def totals_of(rows: Iterable[RequestFact]) -> dict[str, Any]:
    """Return what `totals` shows of rows."""
    rows = list(rows)
    priced = sum(row["cost_priced_picousd"] or 0 for row in rows if row["spend_kind"] == "metered")
    return {
        **spend_of(rows),
        "unrated_requests": sum(row["cost_priced_picousd"] is None for row in rows),
        "error_requests": sum(row["status"] != "success" for row in rows),
        "cost_priced_usd": format(Decimal(priced).scaleb(-12), "f"),
        **{name: sum(row[name] for row in rows) for name in TOKENS},
        "tokens": {kind: sum(row[column] for row in rows) for kind, column in KIND_TOKENS.items()},
    }


def metered(rows: Iterable[RequestFact]) -> Decimal:
    amounts = (row["cost_logged_millicents"] or 0 for row in rows if row["spend_kind"] == "metered")
    return Decimal(sum(amounts)).scaleb(-5)


def picked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the `Spend` fields of an answer's part."""
    return {name: answer[name] for name in spend_of([])}


def build_world(root: Path, *, rows_each: int = 700, published: bool = True) -> World:
    home = Home(root)
    engine = open_database(f"sqlite:///{root / 'app.sqlite'}")
    metadata.create_all(engine)
    assert Base.metadata is metadata
    slugs = [*ZONES, "empty"]
    keys = {slug: new_secret(SecretKind.API) for slug in slugs}
    for slug in slugs:
        add_workspace(engine, slug, keys[slug])
    rows = [row for slug in ZONES for row in generate(slug, rows_each)]
    write_landing(home, engine, rows)
    write_rate_book(home)
    world = World(home, engine, FixedClock(NOW), keys, rows, {**ZONES, "empty": "UTC"})
    if published:
        world.publish("b20260407T030900-00000001")
    return world


def add_workspace(engine: Engine, slug: str, key: str) -> None:
    owner = workspace_id(slug)
    at = to_micros(NOW - timedelta(days=200))
    with transaction(engine) as session:
        session.add(
            Workspace(id=owner, slug=slug, name=slug, plan="team", time_zone=ZONES.get(slug, "UTC"), created_at_us=at)
        )
        session.flush()
        session.add(
            ApiKey(
                id=identifier("key", slug),
                workspace_id=owner,
                name="t",
                key_sha256=secret_digest(key),
                scope="read",
                created_at_us=at,
            )
        )
        if slug == "empty":
            return
        session.add(
            Budget(id=identifier("budget", slug), workspace_id=owner, scope="workspace", monthly_millicents=3_000_000)
        )
        for number in range(3):
            seen = to_micros(NOW - timedelta(minutes=10))
            session.add(
                Device(
                    id=device_id(slug, number),
                    workspace_id=owner,
                    hostname=f"host-{number}",
                    display_name="=Ada's laptop" if number == 0 else None,
                    platform="Linux",
                    daemon_version="0.6.4",
                    paired_at_us=at + number,
                    last_seen_at_us=seen,
                    last_batch_at_us=seen,
                )
            )
        for name in PROJECTS:
            if name is not None:
                session.add(
                    Project(
                        id=identifier("project", slug, name),
                        workspace_id=owner,
                        slug=name,
                        display_name="The web" if name == "web" else None,
                        client_name="Globex" if name == "web" else None,
                        first_seen_at_us=at,
                        archived_at_us=to_micros(ARCHIVED_AT) if name == "archived" else None,
                        over_ceiling=name == "ceiling",
                    )
                )


def generate(slug: str, count: int) -> list[RequestFact]:
    # The same numbers in every workspace: shared request ids must stay apart.
    dice = random.Random(7)
    return [one_request(slug, number, dice) for number in range(count)]


def one_request(slug: str, number: int, dice: random.Random) -> RequestFact:
    recent = dice.random() < 0.2
    ago = timedelta(seconds=dice.randrange(26 * 3600 if recent else 75 * 86_400))
    requested_at = NOW - ago
    if dice.random() < 0.3:  # ties, on the edges of buckets and days
        requested_at = requested_at.replace(minute=dice.choice((0, 15, 30, 45)), second=0, microsecond=0)
    elif dice.random() < 0.3:
        day = NOW.replace(minute=0, second=0) - timedelta(days=dice.randrange(1, 11))
        requested_at = day.replace(hour=dice.choice((0, 4, 23)))
    if number % 97 == 0:  # a laptop whose clock runs ahead
        requested_at = NOW + timedelta(hours=dice.randrange(1, 40))
    provider, model = dice.choice(MODELS)
    project = dice.choice(PROJECTS)
    received_at = max(requested_at, NOW - timedelta(days=75)) + timedelta(seconds=30)
    uncached, read, short, long, output = (dice.randrange(5_000) for _ in range(5))
    unrated = dice.random() < 0.05
    amounts = zip((uncached, read, short, long, output), RATES.values(), strict=True)
    return {
        "request_id": identifier("request", number),
        "workspace_id": workspace_id(slug),
        "device_id": device_id(slug, dice.randrange(3)),
        "batch_key": identifier("batch", slug, number // 50),
        "row_index": number % 50,
        "received_at": received_at,
        "project": project or NOT_SHARED,
        "provider": provider,
        "model": model,
        "input_tokens": uncached,
        "output_tokens": output,
        "thinking_tokens": dice.randrange(100),
        "cached_tokens": read,
        "cache_write_tokens": short + long,
        "cost_logged_millicents": None if dice.random() < 0.05 else dice.randrange(2_000),
        "fx_rate": None,
        "tokens_complete": dice.random() < 0.9,
        "latency_ms": dice.random() * 3_000,
        "time_to_first_token_ms": dice.choice((None, 120)),
        "requested_at": requested_at,
        "recorded_at": requested_at + timedelta(seconds=1),
        "status": dice.choice(("success", "success", "success", "error")),
        "request_kind": dice.choice(("chat", None)),
        "attribution_method": "git",
        "source_workdir": None,
        "source_machine": "@host",
        "prompt_hash": f"{number:064x}",
        "idempotency_key": dice.choice((None, f"key-{number:04d}", f"+key-{number:04d}")),
        "error_class": None,
        "provider_error_code": None,
        "http_status": 200,
        "retryable": None,
        "billing_basis": None,
        "extra_json": json.dumps({"provider_request_id": f"req_{number}"}) if number % 3 else "{not json",
        "uncached_input_tokens": uncached,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": short,
        "cache_write_1h_tokens": long,
        "billable_output_tokens": output,
        "token_kinds_inconsistent": False,
        "service_tier": "standard",
        "model_ref": model,
        "rate_id": None if unrated else RATE_ID,
        "cost_priced_picousd": None if unrated else sum(tokens * rate for tokens, rate in amounts),
        "spend_kind": dice.choice(("metered",) * 8 + ("subscription_imputed", "imported", "prepaid")),
        "withheld_reason": withheld_reason(project, received_at),
        "file_seq": list(ZONES).index(slug) + 1,
        "file_row_number": number,
    }


def withheld_reason(project: str | None, received_at: datetime) -> str | None:
    if project == "ceiling":
        return "plan_project_ceiling"
    return "project_archived" if project == "archived" and received_at >= ARCHIVED_AT else None


def landing_path(slug: str) -> str:
    return f"{workspace_id(slug)}/2026-04-06/{identifier('file', slug)}.parquet"


def write_landing(home: Home, engine: Engine, rows: Sequence[RequestFact]) -> None:
    """Write the ledger, and landing files that hold no more than a trace reads back."""
    committed = to_micros(NOW - timedelta(minutes=1))
    for slug in ZONES:
        mine = [row for row in rows if row["workspace_id"] == workspace_id(slug)]
        path = home.landing / landing_path(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = {
            name: pa.array([uuid.UUID(row[name]).bytes for row in mine], pa.uuid())
            for name in ("request_id", "workspace_id")
        }
        pq.write_table(pa.table(ids), path)
        sums = dict.fromkeys([*TOKENS, "cost_logged_millicents", "unpriced_rows"], 0)
        with engine.begin() as connection:
            connection.execute(
                insert(landed_files).values(
                    file_seq=list(ZONES).index(slug) + 1,
                    file_id=identifier("file", slug),
                    workspace_id=workspace_id(slug),
                    relative_path=landing_path(slug),
                    received_day="2026-04-06",
                    row_count=len(mine),
                    byte_count=1,
                    sha256="ab" * 32,
                    first_requested_at_us=0,
                    last_requested_at_us=0,
                    committed_at_us=committed,
                    schema_version=1,
                    **sums,
                )
            )
    assert landed_batches is not None


def write_rate_book(home: Home) -> None:
    home.exports.mkdir(parents=True, exist_ok=True)
    prices = {f"{kind}_picousd_per_token": pa.array([rate], pa.int64()) for kind, rate in RATES.items()}
    instants = {name: pa.array([NOW], pa.timestamp("us")) for name in ("valid_from", "valid_to", "known_from")}
    table = pa.table(
        {
            "rate_id": [RATE_ID],
            "workspace_id": pa.array([None], pa.string()),
            "provider": ["anthropic"],
            "model_ref": ["claude-sonnet-4-5"],
            "service_tier": ["standard"],
            "context_over_tokens": pa.array([0], pa.int64()),
            **instants,
            "source": ["genai-prices"],
            "currency": ["USD"],
            **prices,
        }
    )
    pq.write_table(table, home.exports / "rate_book.parquet")


@cache
def contracts() -> dict[str, dict[str, str]]:
    """Return column names and types of every dbt model, from their contracts."""
    described = [
        model
        for path in sorted(CONTRACTS.rglob("*.yml"))
        for model in yaml.load(path.read_text(), yaml.CSafeLoader).get("models", ())
    ]
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in described
        if "columns" in model
    }


MEASURES: dict[str, Callable[[list[RequestFact]], int]] = {
    "requests": len,
    "unpriced_requests": lambda rows: sum(row["cost_logged_millicents"] is None for row in rows),
    "unrated_requests": lambda rows: sum(row["cost_priced_picousd"] is None for row in rows),
    "error_requests": lambda rows: sum(row["status"] != "success" for row in rows),
    "cost_logged_millicents": lambda rows: sum(row["cost_logged_millicents"] or 0 for row in rows),
    "cost_priced_picousd": lambda rows: sum(row["cost_priced_picousd"] or 0 for row in rows),
}
GRAIN = ("workspace_id", "project", "provider", "model", "device_id", "spend_kind", "withheld_reason")


def rolled_up(rows: Iterable[RequestFact], period: Callable[[RequestFact], dict[str, Any]]) -> list[dict[str, Any]]:
    groups: defaultdict[tuple[Any, ...], list[RequestFact]] = defaultdict(list)
    for row in rows:
        groups[*(row[name] for name in GRAIN), *period(row).items()].append(row)
    return [
        {
            **dict(zip(GRAIN, key, strict=False)),
            **dict(key[len(GRAIN) :]),
            **{name: measure(group) for name, measure in MEASURES.items()},
            **{name: sum(row[name] for row in group) for name in (*TOKENS, *KIND_TOKENS.values())},
            "last_file_seq": 3,
            "visibility_version": 1,
            "rates_digest": "x",
        }
        for key, group in groups.items()
    ]


def publish(home: Home, rows: list[RequestFact], zones: dict[str, str], build_id: str) -> None:
    """Write a snapshot of the rows as the pipelines lay one out, and point `CURRENT` to it."""
    home.segments.mkdir(parents=True, exist_ok=True)
    file = home.marts / f"marts-{build_id}.duckdb"
    zone_of = {workspace_id(slug): zone for slug, zone in zones.items()}
    with duckdb.connect(str(file)) as connection:
        for table, content in _tables(rows, zones, zone_of).items():
            _create(connection, table, content)
        _write_segment(connection, home, rows, f"{build_id}.parquet")
        newest = max((row["received_at"] for row in rows), default=None)
        connection.execute(
            "create table build_info as select ? build_id, ?::timestamp built_at, ?::timestamp data_as_of,"
            " 3::bigint max_file_seq, ?::bigint rows_total, '2026-04-01' rate_book_version",
            [build_id, NOW.replace(tzinfo=None), newest and newest.replace(tzinfo=None), len(rows)],
        )
    home.current_pointer.write_text(json.dumps({"build_id": build_id, "file": file.name}))


def _tables(rows: list[RequestFact], zones: dict[str, str], zone_of: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    def bucket(row: RequestFact) -> dict[str, Any]:
        at = row["requested_at"]
        starts_at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0, tzinfo=None)
        return {"bucket_starts_at": starts_at, "utc_day": starts_at.date()}

    def day(row: RequestFact) -> dict[str, Any]:
        zone = zone_of[row["workspace_id"]]
        return {"local_day": row["requested_at"].astimezone(ZoneInfo(zone)).date(), "time_zone": zone}

    def month(row: RequestFact) -> dict[str, Any]:
        dated = day(row)
        return {"local_month": dated["local_day"].replace(day=1), "time_zone": dated["time_zone"]}

    return {
        "mart_spend_15min": rolled_up(rows, bucket),
        "mart_spend_daily": rolled_up(rows, day),
        "mart_spend_monthly": rolled_up(rows, month),
        "dim_workspaces": [
            {"workspace_id": workspace_id(slug), "slug": slug, "name": slug, "plan": "team", "time_zone": zone}
            for slug, zone in zones.items()
        ],
        "dim_projects": [
            {
                "workspace_id": workspace_id(slug),
                "project": name,
                "first_seen_at": NOW.replace(tzinfo=None),
                "withheld_since": _withheld_since(name),
                "withheld_reason": {"archived": "project_archived", "ceiling": "plan_project_ceiling"}.get(name),
                "visibility_version": 1,
            }
            for slug in ZONES
            for name in PROJECTS
            if name is not None
        ],
        "dim_devices": [],
        "dim_models": [
            {"provider": provider, "model": model, "model_ref": model, "display_name": model.title()}
            for provider, model in MODELS
        ],
        "fct_batches": [
            {
                "batch_key": key,
                "batch_id": f"sent-{key}",
                "workspace_id": owner,
                "device_id": device,
                "received_at": NOW.replace(tzinfo=None),
                "received_count": 50,
                "landed_count": 50,
                "duplicate_count": 0,
                "quarantined_count": 0,
                "conflict_count": 0,
                "file_seq": 1,
            }
            for key, owner, device in {
                row["batch_key"]: (row["batch_key"], row["workspace_id"], row["device_id"]) for row in rows
            }.values()
        ],
        "fct_request_conflicts": [_conflict(row) for row in rows if row["request_id"] == identifier("request", 5)],
        "fct_device_sightings": [_sighting(row) for row in rows if row["request_id"] == identifier("request", 5)],
    }


def _withheld_since(project: str) -> datetime | None:
    since = {"archived": ARCHIVED_AT, "ceiling": datetime(1970, 1, 1, tzinfo=UTC)}.get(project)
    return since and since.replace(tzinfo=None)


def _conflict(row: RequestFact) -> dict[str, Any]:
    return {
        **_sighting(row),
        "batch_key": row["batch_key"],
        "row_index": 49,
        "received_at": NOW.replace(tzinfo=None),
        "code": "conflicting_duplicate",
        "differing_fields": ["output_tokens"],
        "file_seq": 9,
        "file_row_number": 1,
    }


def _sighting(row: RequestFact) -> dict[str, Any]:
    slug = next(slug for slug in ZONES if workspace_id(slug) == row["workspace_id"])
    return {
        "workspace_id": row["workspace_id"],
        "request_id": row["request_id"],
        "device_id": device_id(slug, 2),
        "first_device_id": row["device_id"],
        "first_file_seq": row["file_seq"],
        "first_file_row_number": row["file_row_number"],
        "first_received_at": NOW.replace(tzinfo=None),
        "first_sighting_file_seq": 9,
    }


def _create(connection: duckdb.DuckDBPyConnection, table: str, content: list[dict[str, Any]]) -> None:
    columns = contracts()[table]
    connection.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    if content:
        given = pa.Table.from_pylist(content)
        casts = ", ".join(
            f"cast({name} as {columns[name]}) as {name}" for name in given.column_names if name in columns
        )
        connection.register("given", given)
        connection.execute(f"insert into {table} by name select {casts} from given")
        connection.unregister("given")


def _write_segment(connection: duckdb.DuckDBPyConnection, home: Home, rows: list[RequestFact], name: str) -> None:
    ids = ("request_id", "workspace_id", "device_id", "batch_key")
    instants = ("received_at", "requested_at", "recorded_at")
    facts = [
        {
            **{key: value for key, value in row.items() if key != "withheld_reason"},
            "project": None if row["project"] == NOT_SHARED else row["project"],
            **{key: row[key].replace(tzinfo=None) for key in instants},
        }
        for row in rows
    ] or [dict.fromkeys([*ids, *instants, "project"])]
    connection.register("facts", pa.Table.from_pylist(facts))
    casts = ", ".join(f"cast({key} as uuid) as {key}" for key in ids)
    where = "" if rows else "where false"
    connection.execute(
        f"copy (select * replace ({casts}) from facts {where} order by workspace_id, requested_at)"
        f" to '{home.segments / name}' (format parquet)"
    )
    connection.unregister("facts")
    connection.execute("create table segments (name varchar, sha256 varchar, row_count bigint, level integer)")
    connection.execute("insert into segments values (?, '', ?, 0)", [name, len(rows)])
