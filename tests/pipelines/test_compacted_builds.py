"""A home before, during and after compaction: readers, builds and proofs cannot tell the difference."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from api.app import create_app
from api.ingest.held_rows import HeldRows
from api.ingest.receipts import batch_accounts
from pipelines.durable_files import sha256_of_file
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import RefreshFailed, RefreshResult, refresh
from pipelines.verify import VerifyReport, verify
from tests.pipelines.ingested_home import IngestedHome, made_on
from tests.pipelines.published import Rows, everything
from tests.pipelines.stored_rows import live_files

FIRST = [made_on(1, f"first {i}", cost_millicents=100 + i) for i in range(20)]
SECOND = [made_on(2, f"second {i}", model="gpt-4o", provider="openai") for i in range(15)]
CONFLICT = {**FIRST[1], "output_tokens": 1}
WHOLE_MONTH = (date(2026, 11, 1), date(2026, 11, 30))


@dataclass
class Story:
    """What was seen at each point."""

    world: IngestedHome
    seen: dict[str, dict[str, Rows]] = field(default_factory=dict[str, dict[str, Rows]])
    results: dict[str, RefreshResult] = field(default_factory=dict[str, RefreshResult])
    reports: dict[str, VerifyReport] = field(default_factory=dict[str, VerifyReport])
    traces: dict[str, Any] = field(default_factory=dict[str, Any])
    totals: dict[str, Any] = field(default_factory=dict[str, Any])
    accounts: dict[str, Any] = field(default_factory=dict[str, Any])

    def look(self, moment: str, *, full: bool = False) -> None:
        world = self.world
        self.results[moment] = world.refresh(full=full)
        self.seen[moment] = everything(world.home)
        self.reports[moment] = verify(world.home, world.engine)
        self.traces[moment] = self.trace(FIRST[3]["id"])
        sender = world.senders["acme"]
        reader = SnapshotReader(world.home)
        self.totals[moment] = HeldRows(world.home, world.engine, reader).totals(*sender, *WHOLE_MONTH)
        with reader.current() as snapshot:  # type: ignore[union-attr]
            self.accounts[moment] = [
                (one.batch_id, one.landed, one.duplicate, one.quarantined)
                for one in batch_accounts(world.engine, snapshot, sender.device_id, batch_id=None, limit=99)
            ]
        reader.close()

    def trace(self, request_id: str) -> dict[str, Any]:
        world = self.world
        with TestClient(create_app(world.home, engine=world.engine, clock=world.clock)) as client:
            wanted = {"Authorization": f"Bearer {world.keys['acme']}"}
            return client.get(f"/v1/acme/traces/{request_id}", headers=wanted).json()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("compacted") / "home")
        told = Story(IngestedHome(home, FixedClock(datetime(2026, 11, 2, 12, tzinfo=UTC))))
        told.world.send(FIRST, SECOND, [CONFLICT, FIRST[0], made_on(2, "alone")])
        told.world.send(FIRST[:4], [made_on(1, "beta's own")], workspace="beta")
        told.world.clock.instant = datetime(2026, 11, 3, 1, tzinfo=UTC)
        told.look("landed")
        assert told.world.compact().files_before == 5
        told.look("compacted")
        told.world.send([FIRST[2], {**FIRST[5], "input_tokens": 7}, made_on(2, "late")])
        told.look("repeated")
        told.look("anew", full=True)
        yield told
        told.world.engine.dispose()


def test_compaction_alone_is_no_reason_to_build(story: Story) -> None:
    assert story.results["compacted"].build_id == story.results["landed"].build_id
    assert story.seen["compacted"] == story.seen["landed"]


def test_late_copies_of_compacted_rows_are_duplicates_and_conflicts(story: Story) -> None:
    assert (story.results["repeated"].rows_new, story.results["repeated"].rows_total) == (1, 42)
    newest = max(row["received_at"] for row in story.seen["repeated"]["fct_batches"])
    account = next(row for row in story.seen["repeated"]["fct_batches"] if row["received_at"] == newest)
    assert [account[f"{kind}_count"] for kind in ("landed", "duplicate", "quarantined")] == [1, 1, 1]


def test_a_full_build_over_compacted_files_is_row_for_row_the_incremental_one(story: Story) -> None:
    assert story.results["anew"].rows_new == 42
    assert story.seen["anew"] == story.seen["repeated"]
    places = {(row["file_seq"], row["file_row_number"]) for row in story.seen["anew"]["fct_requests"]}
    before = {(row["file_seq"], row["file_row_number"]) for row in story.seen["landed"]["fct_requests"]}
    assert before < places


def test_everything_stays_proven(story: Story) -> None:
    assert {moment: report.differences for moment, report in story.reports.items()} == {
        one: [] for one in story.reports
    }
    assert story.reports["landed"].checked["landed_files"] == story.reports["compacted"].checked["landed_files"] == 5
    assert story.reports["compacted"].checked["compacted_files"] == 2


def test_a_trace_shows_the_acknowledged_file_and_finds_the_row_where_it_is_now(story: Story) -> None:
    before, after = (story.traces[moment]["file"] for moment in ("landed", "anew"))
    assert {**after, **{name: before[name] for name in ("stored_path", "stored_sha256", "compacted_at")}} == before
    assert (before["row_found"], before["compacted_at"], before["stored_path"]) == (True, None, before["path"])
    assert after["compacted_at"] == "2026-11-03T01:00:00Z"
    assert sha256_of_file(story.world.home.landing / after["stored_path"]) == after["stored_sha256"]
    assert after["row_number"] == 3


def test_receipts_and_totals_do_not_notice(story: Story) -> None:
    assert story.totals["compacted"] == story.totals["landed"]
    assert story.accounts["compacted"] == story.accounts["landed"]
    assert story.accounts["anew"] == story.accounts["repeated"]


def test_totals_are_read_from_compacted_files_while_nothing_is_published(copied: tuple[Home, Engine], story: Story):
    home, engine = copied
    shutil.rmtree(home.marts)
    held = HeldRows(home, engine, SnapshotReader(home))
    assert held.totals(*story.world.senders["acme"], *WHOLE_MONTH) == story.totals["anew"]
    assert held.has_request(story.world.senders["acme"].workspace_id, FIRST[0]["id"])
    assert not held.has_request(story.world.senders["beta"].workspace_id, SECOND[0]["id"])


@pytest.fixture
def copied(story: Story, tmp_path: Path) -> Iterator[tuple[Home, Engine]]:
    """A copy of the story's last state, to damage."""
    home = Home(tmp_path / "home")
    shutil.copytree(story.world.home.root, home.root)
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    yield home, engine
    engine.dispose()


def victim(home: Home, engine: Engine) -> Path:
    """Return acme's compacted file."""
    found = [home.landing / path for path in live_files(engine) if "compacted-" in path]
    return max(found, key=lambda path: path.stat().st_size)


def rewritten(home: Home, engine: Engine, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a compacted file's rows and let the ledger's digest and size agree, as a thorough forger would."""
    path = victim(home, engine)
    pq.write_table(change(pq.read_table(path, partitioning=None)), path, store_schema=False)
    statement = text(
        "update compacted_files set sha256 = :sha256, byte_count = :size, row_count = :rows where relative_path = :path"
    )
    values = {
        "sha256": sha256_of_file(path),
        "size": path.stat().st_size,
        "rows": pq.read_metadata(path).num_rows,
        "path": str(path.relative_to(home.landing)),
    }
    with engine.begin() as connection:
        connection.execute(statement, values)


def flip_a_bit(home: Home, engine: Engine) -> None:
    path = victim(home, engine)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def lose(home: Home, engine: Engine) -> None:
    victim(home, engine).unlink()


def double_a_row(home: Home, engine: Engine) -> None:
    rewritten(home, engine, lambda table: pa.concat_tables([table.slice(0, 1), table]))


def drop_a_row(home: Home, engine: Engine) -> None:
    rewritten(home, engine, lambda table: table.slice(0, table.num_rows - 1))


def swap_two_rows(home: Home, engine: Engine) -> None:
    rewritten(home, engine, lambda table: pa.concat_tables([table.slice(1, 1), table.slice(0, 1), table.slice(2)]))


def change_a_count(home: Home, engine: Engine) -> None:
    def changed(table: pa.Table) -> pa.Table:
        tokens = [int(value or 0) + 1 for value in table["output_tokens"].to_pylist()]
        return table.set_column(table.schema.get_field_index("output_tokens"), "output_tokens", [tokens])

    rewritten(home, engine, changed)


@pytest.mark.parametrize(
    "damage", [flip_a_bit, lose, double_a_row, drop_a_row, swap_two_rows, change_a_count], ids=lambda one: one.__name__
)
def test_verification_names_a_compacted_file_that_is_not_right(
    copied: tuple[Home, Engine], damage: Callable[[Home, Engine], None]
) -> None:
    home, engine = copied
    name = victim(home, engine).stem.removeprefix("compacted-")
    damage(home, engine)
    assert any(name in difference for difference in verify(home, engine).differences)


def test_verification_names_a_copy_of_a_compacted_file(copied: tuple[Home, Engine]) -> None:
    home, engine = copied
    original = victim(home, engine)
    shutil.copy(original, original.with_name("compacted-double.parquet"))
    assert any("compacted-double.parquet" in difference for difference in verify(home, engine).differences)


def test_a_full_build_refuses_a_damaged_compacted_file(copied: tuple[Home, Engine]) -> None:
    home, engine = copied
    flip_a_bit(home, engine)
    with pytest.raises(RefreshFailed, match=victim(home, engine).name):
        refresh(home, engine, FixedClock(datetime(2026, 11, 3, 2, tzinfo=UTC) + timedelta(hours=1)), full=True)
