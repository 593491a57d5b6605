"""The record held against what clients know: everything acknowledged is there, once, and nothing that was never sent.

Belongs here: reading ledger and landed files, and naming what is wrong. Does not belong here: marts
(`pipelines.verify`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow.parquet as pq
from sqlalchemy import Engine, select, text

from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.verify.ledger_checks import check_batches, check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.faults.kills.resending_client import ResendingClient

LOST = "acknowledged, but in no landed file"
TWICE = "landed twice"
FOREIGN = "landed, but never sent"
UNFINISHED = "never acknowledged"
BROKEN = "the record contradicts itself"


class Finding(NamedTuple):
    """One promise found broken: after which kill, in which way, for how many records."""

    cycle: int
    kind: str
    records: int
    words: str = ""


class RecordAudit:
    """Follows the ledger as it grows, so that an audit costs what is new."""

    def __init__(self, home: Home, engine: Engine) -> None:
        self._home, self._engine = home, engine
        self._last_file_seq = 0
        self._unreadable: list[str] = []
        self._stored: set[str] = set()
        self._audited: dict[int, int] = {}

    def after_kill(self, cycle: int, clients: Iterable[ResendingClient]) -> list[Finding]:
        """Compare while no server runs. A client may not have noted its newest receipt yet; that is no finding."""
        acknowledged = [one for client in clients for one in self._newly_acknowledged(client)]
        twice = self._read_new_files()
        sent = set().union(*(client.sent for client in clients))
        counts = {
            LOST: len(set(acknowledged) - self._stored),
            TWICE: twice,
            FOREIGN: len(self._stored - sent),
        }
        return [Finding(cycle, kind, count) for kind, count in counts.items() if count]

    def at_the_end(self, cycle: int, clients: list[ResendingClient]) -> list[Finding]:
        """Compare once every client ended, and check digests, sums and chains as `verify` does."""
        findings = self.after_kill(cycle, clients)
        sent = set().union(*(client.sent for client in clients))
        acknowledged = {one for client in clients for one in client.acknowledged}
        if sent - acknowledged:
            findings.append(Finding(cycle, UNFINISHED, len(sent - acknowledged)))
        report, ledger = VerifyReport(), read_ledger(self._engine)
        check_files(self._home, ledger, report)
        check_batches(ledger, report)
        findings += [Finding(cycle, BROKEN, 0, words) for words in report.differences]
        return findings

    def _newly_acknowledged(self, client: ResendingClient) -> list[str]:
        start, end = self._audited.get(client.name, 0), len(client.acknowledged)
        self._audited[client.name] = end
        return client.acknowledged[start:end]

    def _read_new_files(self) -> int:
        """Read what was recorded since; return how many of its records were there before."""
        query = select(landed_files.c.file_seq, landed_files.c.relative_path)
        query = query.where(landed_files.c.file_seq > self._last_file_seq).order_by(landed_files.c.file_seq)
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(query).all()
        twice = 0
        for file_seq, relative_path in rows:
            self._last_file_seq = file_seq
            path = self._home.landing / relative_path
            if not path.exists():
                continue  # its rows are missing among the stored: that is what counts
            ids = [str(one) for one in pq.read_table(path, columns=["request_id"])["request_id"].to_pylist()]
            twice += len(ids) - len(set(ids) - self._stored)
            self._stored.update(ids)
        return twice


def wait_for_sessions_to_end(engine: Engine) -> None:
    """Wait until PostgreSQL has noticed that a killed client is gone: its last commit may still be under way."""
    if engine.dialect.name != "postgresql":
        return
    others = text(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend'"
    )
    deadline = time.monotonic() + 60
    # One statement per transaction: within one, PostgreSQL goes on showing the sessions it showed first.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(others).scalar_one() > 0:
            assert time.monotonic() < deadline, "PostgreSQL keeps a dead client's session"
            time.sleep(0.001)
