"""Benchmark `outbox`: sending a queue of 100,000 calls to a server in one `halton-meter cloud sync`.

Belongs here: filling queues, both sides, what must have landed. Does not belong here: the server's own speed
(`ingest`).

The rival posts the same rows in pages of the same size, one after the other over one connection, encoded before the
clock starts, and remembers nothing: what an outbox costs is the difference. Ours is timed from the start of its process
to its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import SystemClock, to_micros
from daemon.cloud.link import remember
from daemon.cloud.pages import PAGE_ROWS, row_of
from daemon.cloud.privacy import UploadRules
from daemon.config import UploadConfig
from daemon.credentials import Credentials, MeterHome
from daemon.store.store import Store
from daemon.sync.client import CloudClient
from pipelines.lake.paths import Home
from tests.benchmarks.context import Context
from tests.benchmarks.measure import OURS, Comparison, alternate, compare, timed
from tests.benchmarks.uploading import landed, pair_machines, started_server

ROWS: Final = 100_000
PLAIN: Final = "posted, nothing remembered"
PLAIN_GZIP: Final = "the same, gzip"
_AT_ONCE: Final = 5_000
_TIMEOUT: Final = 600
_PROJECTS: Final = tuple(f"project-{number}" for number in range(12))


@dataclass
class Queues:
    """A server, and laptops with full queues.

    Attributes:
        folder: of the laptops' homes.
        url: of the server.
        tokens: of machines that have not been used yet.
        rows: in each queue.
        random: of ids.
        sent: rows that the server must have, so far.
        pages: batches that it must have.
    """

    folder: MeterHome
    url: str
    tokens: Iterator[str]
    rows: int
    random: Random
    sent: int = field(default=0)
    pages: int = field(default=0)

    def command(self) -> float:
        """Fill a queue, send it by the command; return rows a second of its whole process."""
        token = next(self.tokens)
        home = MeterHome(self.folder.root / token[-12:])
        with Store(home.database_path, SystemClock()) as store:
            for start in range(0, self.rows, _AT_ONCE):
                store.add(self._calls(min(_AT_ONCE, self.rows - start)))
            remember(home, store, Credentials(endpoint=self.url, api_key=token), hostname="laptop")
        command = [sys.executable, "-m", "daemon.cli.main", "--home", str(home.root), "cloud", "sync", "--json"]
        said: list[bytes] = []
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        seconds = timed(
            lambda: said.append(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)
        )
        answer = json.loads(said[0])
        counts = {name: answer[name] for name in ("rows", "accepted", "duplicates", "quarantined", "unsynced")}
        assert counts == {"rows": self.rows, "accepted": self.rows, "duplicates": 0, "quarantined": 0, "unsynced": 0}
        self._count(answer["batches"])
        with Store(home.database_path, SystemClock()) as store, closing(store.connection_for_reading()) as connection:
            states = connection.execute("SELECT upload_state, count(*) FROM calls GROUP BY 1").fetchall()
        assert states == [("sent", self.rows)], states
        return self.rows / seconds

    def plain(self, *, compressed: bool) -> float:
        """Encode rows, then post them page by page; return rows a second of the posting."""
        rules = UploadRules.from_config(UploadConfig())
        records = [msgspec.Raw(row_of(call, rules).record) for call in self._calls(self.rows)]
        with CloudClient(self.url, next(self.tokens), gzip_bodies=compressed) as client:
            accepted: list[int] = []
            # `upload_pages` encodes what it is given: rows that are JSON already are only put together.
            pages: Sequence[dict[str, object]] = records  # pyright: ignore[reportAssignmentType]
            seconds = timed(lambda: accepted.extend(one.accepted for one in client.upload_pages(pages)))
        assert sum(accepted) == self.rows, "not every row was accepted"
        self._count(len(accepted))
        return self.rows / seconds

    def _count(self, pages: int) -> None:
        self.sent += self.rows
        self.pages += pages

    def _calls(self, count: int) -> list[Call]:
        now = to_micros(SystemClock().now())
        return [self._call(now - (count - number) * 1_000_000) for number in range(count)]

    def _call(self, at_us: int) -> Call:
        random = self.random
        return Call(
            id=str(UUID(int=random.getrandbits(128), version=4)),
            requested_at_us=at_us,
            recorded_at_us=at_us + 900_000,
            provider="anthropic",
            model="claude-haiku-4-5-20251001",
            surface="messages",
            request_kind="chat",
            source="proxy",
            streamed=True,
            tokens=Tokens(uncached_input=random.randrange(4_000), cache_read=20_000, output=random.randrange(1, 900)),
            usage_source="provider",
            service_tier="standard",
            stop_reason="end_turn",
            http_status=200,
            latency_ms=random.randrange(500_000, 9_000_000) / 1_000,
            time_to_first_token_ms=random.randrange(200, 900),
            provider_request_id=f"req_{random.getrandbits(96):024x}",
            prompt_hash=f"{random.getrandbits(256):064x}",
            cost_millicents=random.randrange(1, 900),
            price_source="genai-prices",
            project=random.choice(_PROJECTS),
            attribution_method="git",
            source_workdir="/home/dev/work/acme",
            source_machine="laptop",
        )


def run(context: Context) -> list[Comparison]:
    """Send queues by both sides in turns; everything must have landed exactly once."""
    rows = context.rows_or(ROWS)
    installation = started_server(context.subfolder("server"), 1)
    try:
        tokens = pair_machines(installation, 3 * context.runs)
        queues = Queues(
            MeterHome(context.subfolder("laptops")), installation.base_url, iter(tokens), rows, Random(context.seed)
        )
        sides = {
            OURS: queues.command,
            PLAIN: lambda: queues.plain(compressed=False),
            PLAIN_GZIP: lambda: queues.plain(compressed=True),
        }
        samples = alternate(context.runs, sides, context.progress)
    finally:
        installation.stop()
    found = landed(Home(installation.home))
    assert (found.file_rows, found.distinct_ids, found.batches) == (queues.sent, queues.sent, queues.pages), found
    return [
        compare(
            f"one `cloud sync` of {rows:,} queued calls, pages of {PAGE_ROWS}", "rows/s", samples,
            note=f"process start to end; {found.file_rows:,} rows sent by all sides, each landed once",
        )
    ]  # fmt: skip
