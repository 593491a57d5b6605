"""Driving uploads: the client process, paired machines, and what the ledger and the landed files say afterwards.

Belongs here: what `ingest` and `daemons` share. Does not belong here: figures and targets.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import httpx
import msgspec
from sqlalchemy import Engine, func, select

from api.audit import OPERATOR
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.workspaces import find_workspace
from pipelines.lake.clock import SystemClock, iso_utc
from pipelines.lake.database import open_database
from pipelines.lake.ledger import landed_batches, landed_files
from pipelines.lake.paths import Home
from tests.benchmarks.load_client import Job, Outcome
from tests.installation import Installation

WORKSPACE = "bench"
_CLIENT_SECONDS = 600


@dataclass(frozen=True)
class Load:
    """How much each client sends.

    Attributes:
        batches: of each client.
        batch_rows: of each batch.
    """

    batches: int
    batch_rows: int

    def rows(self, clients: int) -> int:
        """Return the rows of all clients together."""
        return clients * self.batches * self.batch_rows


def send(url: str, tokens: list[str], load: Load, seed: int) -> Outcome:
    """Run the client process once and return what it measured; its bodies are in memory before the clock starts."""
    job = Job(
        url=url,
        tokens=tokens,
        batches=load.batches,
        batch_rows=load.batch_rows,
        seed=seed,
        until=iso_utc(SystemClock().now()),
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.load_client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n", "the client could not prepare its bodies"
        process.stdin.write(b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert process.wait(_CLIENT_SECONDS) == 0, "the client failed; its traceback is on stderr"
    outcome = msgspec.json.decode(line, type=Outcome)
    assert outcome.received == load.rows(len(tokens)), "not every row was received"
    return outcome


def started_server(folder: Path, workers: int) -> Installation:
    """Return a running `halton-cloud serve` over a new home, with one workspace."""
    installation = Installation(folder / "home", {"HALTON_LOG_LEVEL": "WARNING"})
    installation.run("workspace", "create", WORKSPACE, "--owner", "bench@halton.example", "--plan", "team")
    installation.start("--workers", str(workers))
    return installation


def pair_machines(installation: Installation, count: int) -> list[str]:
    """Pair machines over HTTP as daemons do, each from an address of its own, and return their tokens."""
    engine = open_database(Home(installation.home).database_url)
    try:
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda number: _pair(installation.base_url, engine, number), range(count)))
    finally:
        engine.dispose()


def _pair(url: str, engine: Engine, number: int) -> str:
    # As a proxy in front of the server names them: pairing is rate limited by address.
    headers = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}"}
    greeting = {"hostname": f"laptop-{number}", "daemon_version": "0.6.4", "platform": "Linux"}
    started = httpx.post(f"{url}/v1/pairing/start", json=greeting, headers=headers, timeout=60).json()
    with transaction(engine) as session:
        workspace = find_workspace(session, WORKSPACE)
        approve_pairing(session, started["pairing_code"], workspace.id, approver=OPERATOR, at=SystemClock().now())
    ask = {key: started[key] for key in ("pairing_code", "poll_token")}
    answer = httpx.post(f"{url}/v1/pairing/poll", json=ask, headers=headers, timeout=60).json()
    token: str = answer["api_key"]
    return token


@dataclass(frozen=True)
class Landed:
    """What is on record.

    Attributes:
        ledger_rows: rows of all committed files, as the ledger says.
        file_rows: rows in those files, as they are.
        distinct_ids: different ids among them.
        batches: acknowledged batches.
    """

    ledger_rows: int
    file_rows: int
    distinct_ids: int
    batches: int


def landed(home: Home) -> Landed:
    """Count what the ledger says, and what its files hold."""
    engine = open_database(home.database_url)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            paths = list(connection.execute(select(landed_files.c.relative_path)).scalars())
            rows = connection.execute(select(func.coalesce(func.sum(landed_files.c.row_count), 0))).scalar_one()
            batches = connection.execute(select(func.count()).select_from(landed_batches)).scalar_one()
    finally:
        engine.dispose()
    if not paths:
        return Landed(int(rows), 0, 0, int(batches))
    with duckdb.connect(config={"temp_directory": str(home.root / "spill")}) as reader:
        found = reader.execute(
            "select count(*), count(distinct request_id) from read_parquet($files)",
            {"files": [str(home.landing / path) for path in paths]},
        ).fetchone()
    assert found is not None
    return Landed(int(rows), int(found[0]), int(found[1]), int(batches))
