"""One whole installation in this process: the real app, database, pipelines, and a client of each side.

Belongs here: doing things to it, dying included, and asking it. Does not belong here: what the answers must be
(`ledger_model`), when things are done (the tests).
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from unittest import mock

from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.api_keys import create_api_key
from api.app import create_app
from api.audit import OPERATOR
from api.db.models import Plan
from api.db.session import transaction
from api.ingest import group
from api.ingest.group import GroupCommitter
from api.pairing.sessions import approve_pairing
from api.projects import archive_project, restore_project
from api.workspaces import create_workspace
from pipelines import build as build_module
from pipelines.compaction import compact
from pipelines.compaction import run as compaction
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.landing import COMPACTED_PREFIX
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.refresh import RefreshFailed, RefreshResult, refresh
from tests.faults.stateful.ledger_model import Sums
from tests.wire_records import batch

SLUGS: Final = ("acme", "beta")
DEVICES: Final = ("laptop", "desktop")
WHOLE: Final = {"range": "custom", "from": "2025-01-01", "to": "2026-12-31"}
_KEPT_FOLDERS: Final = frozenset({"dagster", "dbt"})


class Died(BaseException):
    """Stands for the death of the process at this point: nothing after it in the build is done."""


@dataclass
class Cloud:
    """The installation and its people.

    Attributes:
        slugs: which workspaces there are.
        ids: workspace id by slug.
        keys: dashboard key by slug.
        tokens: sync token by (slug, device).
        device_ids: device id by (slug, device).
    """

    home: Home
    database_url: str
    clock: FixedClock
    slugs: Sequence[str] = SLUGS
    ids: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    tokens: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    device_ids: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    attempts: int = 0

    def __post_init__(self) -> None:
        self._open()
        for slug in self.slugs:
            with transaction(self.engine) as session:
                self.ids[slug] = create_workspace(
                    session, name=slug.title(), owner_email="o@x.example", plan=Plan.TEAM, time_zone="America/New_York",
                    actor=OPERATOR, at=self.clock.now(),
                ).id  # fmt: skip
                self.keys[slug] = create_api_key(session, self.ids[slug], name="t", actor=OPERATOR, at=self.clock.now())
            for device in DEVICES:
                self._pair(slug, device)

    def _pair(self, slug: str, device: str) -> None:
        greeting = {"hostname": device, "daemon_version": "0.6.4", "platform": "Linux"}
        started = self.client.post("/v1/pairing/start", json=greeting).json()
        with transaction(self.engine) as session:
            code = started["pairing_code"]
            approved = approve_pairing(session, code, self.ids[slug], approver=OPERATOR, at=self.clock.now())
            self.device_ids[slug, device] = approved.id
        asked = {key: started[key] for key in ("pairing_code", "poll_token")}
        self.tokens[slug, device] = self.client.post("/v1/pairing/poll", json=asked).json()["api_key"]

    def _open(self) -> None:
        self.engine: Engine = open_database(self.database_url)
        self._running = ExitStack()
        self.app = create_app(self.home, engine=self.engine, clock=self.clock, sends_mail=False)
        self.client = self._running.enter_context(TestClient(self.app, raise_server_exceptions=False))

    def close(self) -> None:
        """Stop as an operator does."""
        self._running.close()
        self.engine.dispose()

    def die_and_reopen(self) -> None:
        """End the server's process without any of its own tidying up, and start another."""
        committer: GroupCommitter = self.app.state.committer
        writer = committer._writer  # pyright: ignore[reportPrivateUsage]
        lock_path = writer._lock_path if writer else None  # pyright: ignore[reportPrivateUsage]
        with mock.patch.object(GroupCommitter, "close", _stopped_thread_only):
            self._running.close()
        if writer is not None and lock_path is not None:
            os.close(writer._lock)  # pyright: ignore[reportPrivateUsage]  # as the kernel does
            assert lock_path.exists()
        self.engine.dispose()
        self._open()

    def send(self, slug: str, device: str, records: list[Any]) -> Any:
        """Upload a batch under a name of its own; return the HTTP answer."""
        self.attempts += 1
        headers = {"Authorization": f"Bearer {self.tokens[slug, device]}"}
        return self.client.post(
            "/v1/requests/batch", content=batch(records, f"attempt-{self.attempts}"), headers=headers
        )

    def send_dying(self, slug: str, device: str, records: list[Any], *, committed: bool) -> None:
        """Upload a batch to a server that dies after the file is durable, before or after the ledger's commit."""
        commit: Callable[..., Any] = group.commit_group

        def dying(*arguments: Any) -> None:
            if committed:
                commit(*arguments)
            raise RuntimeError("dead")

        with mock.patch.object(group, "commit_group", dying):
            answer = self.send(slug, device, records)
        assert answer.status_code >= 500, answer.text
        self._age_landing_files()
        self.die_and_reopen()

    def leave_half_a_file(self, slug: str) -> None:
        """Leave what a writer leaves that dies within a write."""
        folder = self.home.landing_folder(self.ids[slug], f"{self.clock.now():%Y-%m-%d}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "0123456789ab_torn.tmp").write_bytes(b"PAR1 torn")

    def _age_landing_files(self) -> None:
        """Let every landing file be old enough for the sweep to judge it, whatever the machine's clock says."""
        old = (self.clock.now() - timedelta(hours=1)).timestamp()
        for path in self.home.landing.rglob("*_*"):
            os.utime(path, (old, old))

    def refresh(self, *, full: bool = False) -> RefreshResult:
        return refresh(self.home, self.engine, self.clock, full=full)

    def refresh_dying(self, step: str) -> None:
        """Refresh in a process that dies when it comes to a step of publishing."""
        with mock.patch.object(build_module, step, side_effect=Died("here")) as dying, suppress(Died, RefreshFailed):
            self.refresh()
        assert dying.called

    def compact(self, *, dies: bool) -> int:
        """Compact; return how often files were merged.

        Args:
            dies: in a process that dies when a merged file is on disk and not yet in the ledger.
        """
        if not dies:
            return compact(self.home, self.engine, self.clock).merges
        with mock.patch.object(compaction, "record_merge", side_effect=Died("here")), suppress(Died):
            compact(self.home, self.engine, self.clock)
        return 0

    def archive(self, slug: str, project: str) -> None:
        with transaction(self.engine) as session:
            archive_project(session, self.ids[slug], project, actor=OPERATOR, at=self.clock.now())

    def restore(self, slug: str, project: str) -> None:
        with transaction(self.engine) as session:
            restore_project(session, self.ids[slug], project, actor=OPERATOR, at=self.clock.now())

    def view(self, slug: str, page: str, **query: str) -> dict[str, Any]:
        """Ask a dashboard for everything; `query` narrows it."""
        answer = self._ask(slug, page, query)
        return answer.json()

    def csv(self, slug: str, **query: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self._ask(slug, "requests.csv", query).text, newline="")))

    def bytes_of(self, slug: str, page: str) -> bytes:
        """Return a dashboard's answer as it comes: its status, a space, its body."""
        answer = self._get(slug, page, {})
        return f"{answer.status_code} ".encode() + answer.content

    def landing_files_on_disk(self) -> set[str]:
        """Return what lies where landing files lie, temporary ones included, compacted ones not."""
        found = self.home.landing.glob("*/*/*_*")
        return {
            str(path.relative_to(self.home.landing)) for path in found if not path.name.startswith(COMPACTED_PREFIX)
        }

    def committed_files(self) -> set[str]:
        """Return the landing files the ledger knows, by relative path."""
        with self.engine.connect() as connection:
            return set(connection.execute(select(landed_files.c.relative_path)).scalars())

    def _ask(self, slug: str, page: str, query: dict[str, str]) -> Any:
        answer = self._get(slug, page, query)
        assert answer.status_code == 200, answer.text
        return answer

    def _get(self, slug: str, page: str, query: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[slug]}"}
        return self.client.get(f"/v1/{slug}/{page}", params={**WHOLE, **query}, headers=headers)

    def daemon(self, slug: str, device: str, path: str, **query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.tokens[slug, device]}"}
        answer = self.client.get(f"/v1/{path}", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def fresh_home(home: Home) -> None:
    """Empty a home but for the run history and dbt's parsed project, which take seconds to begin anew."""
    for path in list(home.root.iterdir()):
        if path.name not in _KEPT_FOLDERS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def totals(answer: dict[str, Any]) -> Sums:
    """Return an answer's totals as the model counts them."""
    return (
        answer["requests"], answer["unpriced_requests"], answer["input_tokens"], answer["output_tokens"],
        millicents(answer["cost_usd"]),
    )  # fmt: skip


def csv_totals(rows: list[dict[str, str]]) -> Sums:
    """Add a CSV's rows up."""
    return (
        len(rows),
        sum(row["cost_usd"] == "" for row in rows),
        sum(int(row["input_tokens"]) for row in rows),
        sum(int(row["output_tokens"]) for row in rows),
        sum(millicents(row["cost_usd"] or "0") for row in rows),
    )


def millicents(usd: str) -> int:
    """Return an amount of money exactly."""
    scaled = Decimal(usd) * 100_000
    assert scaled == int(scaled)
    return int(scaled)


def _stopped_thread_only(committer: GroupCommitter) -> None:
    """End the thread, which no test can do without, and leave the writer's lock file and lock as they are."""
    committer._queue.put(None)  # pyright: ignore[reportPrivateUsage]
    committer._thread.join()  # pyright: ignore[reportPrivateUsage]
