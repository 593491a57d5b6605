"""Embedded ClickHouse as a rival: the same landing files, facts without repeats, the same roll-ups.

Belongs here: its tables, its statements and talking to its process. Does not belong here: measuring and judging.

It does less than we do: it neither prices rows nor tests what it built, and two copies of a request count as one only
where they were made at the same instant, which all copies of this data set were.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.benchmarks.rivals.missing import RivalMissing
from tests.benchmarks.totals import DAILY_SUMS, MEASURES, Totals, totals_of

_PACKAGE: Final = "chdb==4.4.0"
_START_SECONDS: Final = 600
_TEXT: Final = "LowCardinality(String)"
_MAYBE: Final = "LowCardinality(Nullable(String))"
_COLUMNS: Final = {
    "request_id": "UUID", "workspace_id": "UUID", "device_id": "UUID", "batch_key": "UUID", "row_index": "Int32",
    "received_at": "DateTime64(6, 'UTC')", "project": _MAYBE, "provider": _TEXT, "model": _TEXT,
    "input_tokens": "Int64", "output_tokens": "Int64", "thinking_tokens": "Int64", "cached_tokens": "Int64",
    "cache_write_tokens": "Int64", "cost_logged_millicents": "Nullable(Int64)", "fx_rate": _MAYBE,
    "tokens_complete": "Bool", "latency_ms": "Float64", "time_to_first_token_ms": "Nullable(Int64)",
    "requested_at": "DateTime64(6, 'UTC')", "recorded_at": "DateTime64(6, 'UTC')", "status": _TEXT,
    "request_kind": _MAYBE, "attribution_method": _MAYBE, "source_workdir": _MAYBE, "source_machine": _MAYBE,
    "prompt_hash": "Nullable(String)", "idempotency_key": "Nullable(String)", "error_class": _MAYBE,
    "provider_error_code": _MAYBE, "http_status": "Nullable(Int64)", "retryable": "Nullable(Bool)",
    "billing_basis": _MAYBE, "extra_json": "Nullable(String)",
}  # fmt: skip
_KEY: Final = "workspace_id, {period}, project, provider, model, device_id, spend_kind"


@dataclass(frozen=True)
class Answer:
    """What a statement gave: its rows and the seconds it took inside the process."""

    rows: list[list[Any]]
    seconds: float


class ClickHouse:
    """One process with one folder of data."""

    def __init__(self, folder: Path, *, memory: str = "4000000000") -> None:
        """Start it.

        Raises:
            RivalMissing: its package cannot be had here.
        """
        uv = shutil.which("uv")
        if uv is None:
            raise RivalMissing("embedded ClickHouse needs uv on the PATH")
        worker = Path(__file__).with_name("clickhouse_worker.py")
        command = [uv, "run", "--no-project", "--quiet", "--with", _PACKAGE, "--with", "pyarrow", "python", "-I"]
        self._memory = memory
        self._process = subprocess.Popen(
            [*command, str(worker), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, cwd=folder.parent,
        )  # fmt: skip
        self.peak_mib = 0.0
        assert self._process.stdout is not None
        hello = self._process.stdout.readline()
        if not hello:
            self._process.wait(_START_SECONDS)
            raise RivalMissing(f"embedded ClickHouse ({_PACKAGE}) cannot be installed here")
        self.version: str = json.loads(hello)["version"]

    def run(self, sql: str) -> Answer:
        """Run one statement.

        Raises:
            RuntimeError: ClickHouse refused it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"sql": sql}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        self.peak_mib = max(self.peak_mib, answer["peak_mib"])
        if "fault" in answer:
            raise RuntimeError(answer["fault"])
        return Answer(answer["rows"], answer["seconds"])

    def rebuild(self, landing: Path, zones: dict[str, str]) -> float:
        """Build facts and roll-ups anew from landing files.

        Args:
            landing: the folder.
            zones: workspace id to reporting zone, for its days.

        Returns:
            Seconds of all statements, those that empty the tables left out.
        """
        for name in ("facts", "spend_15min", "spend_daily"):
            self.run(f"drop table if exists {name} sync")
        self.run(_facts_table())
        self.run(_rollup_table("spend_15min", "bucket DateTime('UTC')", "bucket"))
        self.run(_rollup_table("spend_daily", "local_day Date", "local_day"))
        limits = f"settings max_memory_usage = {self._memory}"
        names = ", ".join(_COLUMNS)
        steps = [
            (
                f"insert into facts select {names}, -toUnixTimestamp64Micro(received_at)"
                f" from file('{landing}/*/*/*.parquet', Parquet) {limits}"
            ),
            "optimize table facts final",
            f"insert into spend_15min {_rolled_up()} {limits}",
            f"insert into spend_daily {_days(zones)} {limits}",
        ]
        return sum(self.run(step).seconds for step in steps)

    def totals(self) -> Totals:
        """Return what its build must agree with ours on."""
        counts = [
            self.run(f"select count() from {name}").rows[0][0] for name in ("facts", "spend_15min", "spend_daily")
        ]
        sums = ", ".join(f"sum({one})" for one in MEASURES)
        return totals_of(counts, self.run(f"select {DAILY_SUMS}, {sums} from spend_daily group by {DAILY_SUMS}").rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def literal(value: object) -> str:
    """Return a text literal."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _facts_table() -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    return (
        f"create table facts ({columns}, version Int64, index by_id request_id type bloom_filter granularity 1)"
        " engine = ReplacingMergeTree(version) order by (workspace_id, requested_at, request_id)"
    )


def _rollup_table(name: str, period: str, key: str) -> str:
    measures = ", ".join(f"{one} Int64" for one in MEASURES)
    return (
        f"create table {name} (workspace_id UUID, {period}, project {_TEXT}, provider {_TEXT}, model {_TEXT},"
        f" device_id UUID, spend_kind {_TEXT}, {measures})"
        f" engine = SummingMergeTree order by ({_KEY.format(period=key)})"
    )


def _rolled_up() -> str:
    sums = ", ".join(f"sum({one})" for one in MEASURES[4:])
    return (
        "select workspace_id, toStartOfFifteenMinutes(toDateTime(requested_at, 'UTC')) as bucket,"
        " ifNull(project, '(not shared)') as project, provider, model, device_id,"
        " ifNull(nullIf(billing_basis, ''), 'metered') as spend_kind, count(), countIf(cost_logged_millicents is null),"
        f" countIf(status <> 'success'), sum(ifNull(cost_logged_millicents, 0)), {sums}"
        f" from facts group by {_KEY.format(period='bucket')}"
    )


def _days(zones: dict[str, str]) -> str:
    cases = ", ".join(
        f"workspace_id = toUUID({literal(workspace)}), toDate(bucket, {literal(zone)})"
        for workspace, zone in zones.items()
    )
    sums = ", ".join(f"sum({one})" for one in MEASURES)
    key = _KEY.format(period="local_day")
    return (
        f"select workspace_id, multiIf({cases}, toDate(bucket)) as local_day, project, provider, model, device_id,"
        f" spend_kind, {sums} from spend_15min group by {key}"
    )
