"""Small published homes for looking up single requests: random rows of every type in several segments, no dbt.

Belongs here: making them. Does not belong here: assertions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

import duckdb

from pipelines.lake.paths import Home
from pipelines.row_files import write_row_file
from pipelines.segments import Segment, write_segment

NAMES = UUID("2f6b7c1a-0000-4000-8000-000000000000")
WORKSPACES = tuple(uuid5(NAMES, name) for name in ("acme", "beta", "gamma"))
FIRST = "timestamp '2026-03-01 00:00:00.123456'"
PROJECTS = ("atlas", "borealis", "(not shared)", "hidden")
JSON = (
    None, "", "{}", "[1]", "nonsense", '{"provider_request_id": "req_1"}', '{"provider_request_id": 12.50}',
    '{"provider_request_id": null}', '{"provider_request_id": {"a": [1, "x"]}}', '{"provider_request_id": true}',
    '{"provider_request_id": "a", "provider_request_id": "b"}', '{"provider\\u005frequest_id": "\\u00e9\\n"}',
    '{"provider_request_id": 123456789012345678901234567890}', '"provider_request_id"',
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a random home is like.

    Attributes:
        seed: everything random follows from it.
        sizes: rows by segment.
        instants: how many different instants there are; few make ties.
        hidden: whether a project is withheld for rows received from the middle on.
    """

    seed: int
    sizes: tuple[int, ...]
    instants: int
    hidden: bool


def rows_sql(shape: Shape, begin: int, count: int) -> str:
    """Return a query of rows with all columns lists show, and columns of other types."""

    def chance(salt: str, modulus: int) -> str:
        return f"(hash(i, {shape.seed}, '{salt}') % {modulus})::bigint"

    def one_of(values: Sequence[str | None], salt: str) -> str:
        texts = ", ".join("null" if one is None else "'" + one.replace("'", "''") + "'" for one in values)
        return f"([{texts}])[1 + {chance(salt, len(values))}]"

    def maybe(expression: str, salt: str) -> str:
        return f"case when {chance(salt + '?', 3)} > 0 then {expression} end"

    # Rows three apart share an id, each in a workspace of its own; ids begin alike by the dozen.
    request_id = f"md5(concat(i // 3, ' of {shape.seed}'))"
    received = f"{FIRST} + to_hours(24) + to_microseconds({chance('received', 1000)} * 1000003)"
    return f"""
        select
            case when (i // 3) % 5 = 0 then ('00000000-0000-4000-8000-' || substr({request_id}, 1, 12))::uuid
                 else {request_id}::uuid end as request_id,
            ([{", ".join(f"'{one}'::uuid" for one in WORKSPACES)}])[1 + i % 3] as workspace_id,
            md5(concat('device', {chance("device", 4)}))::uuid as device_id,
            md5('batch')::uuid as batch_key,
            i::integer as row_index,
            {received} as received_at,
            {one_of((None, *PROJECTS), "project")} as project,
            {one_of(("anthropic", "openai"), "provider")} as provider,
            {one_of(("a", "naïve ☃", ""), "model")} as model,
            {one_of(("success", "error"), "status")} as status,
            {maybe(one_of(("chat", "tool"), "kind"), "kind")} as request_kind,
            {one_of(("metered", "imported"), "spend")} as spend_kind,
            {maybe(f"({chance('logged', 10**6)} - 1000)::bigint", "logged")} as cost_logged_millicents,
            {maybe(f"{chance('priced', 10**15)}::bigint", "priced")} as cost_priced_picousd,
            {chance("in", 10**7)}::bigint as input_tokens,
            {chance("out", 10**4)}::bigint as output_tokens,
            0::bigint as thinking_tokens,
            {chance("cached", 9)}::bigint as cached_tokens,
            9223372036854775807::bigint as cache_write_tokens,
            {chance("complete", 2)} = 1 as tokens_complete,
            {chance("latency", 10**6)} / 7.0 as latency_ms,
            {maybe(f"{chance('first', 900)}::bigint", "first")} as time_to_first_token_ms,
            {maybe("'timeout'", "class")} as error_class,
            {maybe("500::bigint", "http")} as http_status,
            {maybe("'header'", "attribution")} as attribution_method,
            {maybe(f"md5(concat(i, {shape.seed}))", "prompt")} as prompt_hash,
            {maybe("'key'", "key")} as idempotency_key,
            {one_of(JSON, "json")} as extra_json,
            {maybe(f"{chance('retry', 2)} = 1", "retry")} as retryable,
            {maybe(f"({chance('decimal', 10**9)} / 1000)::decimal(18, 4)", "decimal")} as fx_decimal,
            {FIRST} + to_microseconds(({chance("at", shape.instants)} * 3600000017)::bigint) as requested_at,
            {FIRST}::date + {chance("day", 60)}::integer as requested_on,
            1::bigint as file_seq,
            i::bigint as file_row_number,
            ({chance("float", 100)} / 8)::float as ratio,
            {chance("small", 100)}::smallint as small
        from range({begin}, {begin + count}) as numbers(i)
    """


def publish_rows(home: Home, shape: Shape, *, row_files: bool = True, build: int = 1) -> list[Segment]:
    """Write segments of random rows, a snapshot of them and the pointer.

    Returns:
        The segments.
    """
    with duckdb.connect() as connection:
        begin, segments = 0, list[Segment]()
        for size in shape.sizes:
            segments.append(write_segment(connection, home, rows_sql(shape, begin, size)))
            begin += size
    publish_segments(home, segments, hidden=shape.hidden, build=build)
    if row_files:
        for one in segments:
            make_row_file(home, one)
    return segments


def make_row_file(home: Home, segment: Segment) -> None:
    """Make one row file at once, if there are rows."""
    if segment.row_count:
        for _ in write_row_file(home, segment):
            pass


def publish_segments(home: Home, segments: Sequence[Segment], *, hidden: bool = False, build: int = 1) -> Path:
    """Write a snapshot of segments and point readers to it.

    Returns:
        The snapshot.
    """
    name = f"b20260401T0000{build:02d}-00000000"
    path = home.marts / f"marts-{name}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table segments (name varchar, sha256 varchar, row_count bigint, level integer)")
        for one in segments:
            connection.execute(
                "insert into segments values (?, ?, ?, ?)", [one.name, one.sha256, one.row_count, one.level]
            )
        connection.execute(
            "create table dim_projects (workspace_id uuid, project varchar, withheld_since timestamp,"
            " withheld_reason varchar)"
        )
        for workspace in WORKSPACES:
            for project in PROJECTS:
                withheld = hidden and project == "hidden" and workspace != WORKSPACES[1]
                since = f"{FIRST} + to_hours(24) + to_seconds(500)" if withheld else "null"
                connection.execute(
                    f"insert into dim_projects values (?, ?, {since}, ?)",
                    [workspace, project, "archived" if withheld else None],
                )
        connection.execute(
            "create table build_info as select timestamp '2026-03-09' as data_as_of, 1::bigint as max_file_seq,"
            " ?::bigint as rows_total, ?::varchar as build_id",
            [sum(one.row_count for one in segments), name],
        )
        connection.execute("create table spend_daily_without_devices as select 1 as requests")
    home.current_pointer.write_text(json.dumps({"build_id": name, "file": path.name, "sha256": ""}))
    return path
