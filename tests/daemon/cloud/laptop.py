"""A paired machine in a folder, its clock, and calls to queue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import to_micros
from daemon.cloud.link import remember
from daemon.cloud.worker import CloudWorker, WorkerSettings
from daemon.config import edited_config
from daemon.credentials import Credentials, MeterHome
from daemon.store.store import Store
from daemon.sync.retry import RetryPolicy

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "/home/vk/very-secret"


class SetClock:
    """A wall clock that moves when told, and the monotonic one that moves with it."""

    def __init__(self) -> None:
        self.at = NOW
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


class Laptop:
    """One home, paired with `url`."""

    def __init__(self, root: Path, url: str, *, paired: bool = True) -> None:
        self.home = MeterHome(root)
        self.clock = SetClock()
        self.url = url
        self.store = Store(self.home.database_path, self.clock)
        self._number = 0
        if paired:
            remember(self.home, self.store, credentials(url), hostname="vk.local")

    def close(self) -> None:
        self.store.close()

    def worker(self, store: Any = None, **settings: Any) -> CloudWorker:
        usual: dict[str, Any] = {"backoff": RetryPolicy(first_seconds=10.0, cap_seconds=40.0, jitter=lambda: 0.0)}
        usual |= {"monotonic": self.clock.monotonic}
        return CloudWorker(self.home, store or self.store, self.clock, settings=WorkerSettings(**usual | settings))

    def record(self, count: int, project: str = "acme-api", **fields: Any) -> list[Call]:
        """Write calls down, a millisecond apart."""
        calls: list[Call] = []
        for _ in range(count):
            self._number += 1
            calls.append(call(self._number, project, **fields))
        self.store.add(calls)
        return calls

    def set_upload(self, **settings: Any) -> None:
        """Set `[cloud.upload]`."""
        with edited_config(self.home) as document:
            document["cloud"]["upload"] = settings  # pyright: ignore[reportIndexIssue]


def call(number: int, project: str = "acme-api", **fields: Any) -> Call:
    at = to_micros(NOW) + number * 1000
    facts: dict[str, Any] = {"requested_at_us": at, "recorded_at_us": at, "provider": "anthropic", "model": "claude"}
    facts |= {"surface": "messages", "source": "proxy", "source_workdir": SECRET, "source_machine": "vk.local"}
    facts |= {"prompt_hash": "ab" * 32, "tokens": Tokens(uncached_input=number, output=1), "cost_millicents": number}
    return Call(id=str(UUID(int=number, version=4)), project=project, **facts | fields)


def credentials(url: str, **fields: Any) -> Credentials:
    facts = {"workspace_id": "w-1", "workspace_name": "Acme Co", "machine_id": "m-1", "api_key": "hm_sync_secret"}
    return Credentials(endpoint=url, **facts | fields)


def left(cloud: Any) -> str:
    """All that reached the cloud, as text."""
    return json.dumps([seen.body for seen in cloud.seen])
