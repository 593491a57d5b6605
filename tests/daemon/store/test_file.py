"""The store's file: private, migrated, shared by processes, and whole whatever happens to them or to the disk."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.store import database
from daemon.store.errors import StoreDamaged, StoreTooNew, StoreUnavailable
from daemon.store.migrations import STEPS
from daemon.store.store import Store
from pipelines.lake.clock import FixedClock
from tests.daemon.store.made_calls import made_call, made_calls

ROOT = Path(__file__).parents[3]


def modes(path: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


def start_writer(path: Path, first: int, last: int, batch: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.daemon.store.writer", str(path), str(first), str(last), str(batch)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_nobody_else_can_read_the_store_even_as_it_is_made(
    path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, int]] = []
    connect = sqlite3.connect

    def watched(*arguments: object, **options: object) -> sqlite3.Connection:
        seen.append(modes(path))
        return connect(*arguments, **options)  # type: ignore[arg-type]

    def too_late(file: Path, mode: int) -> None:
        raise AssertionError(f"{file} was open to others until now")

    monkeypatch.setattr(sqlite3, "connect", watched)
    monkeypatch.setattr(Path, "chmod", too_late)
    before = os.umask(0)
    try:
        with Store(path, clock) as store:
            store.add(made_calls(3))
            assert modes(path) == {"db.sqlite": 0o600, "db.sqlite-wal": 0o600, "db.sqlite-shm": 0o600}
    finally:
        os.umask(before)
    assert seen[0] == {"db.sqlite": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_store_that_others_could_read_is_closed_to_them(path: Path, clock: FixedClock) -> None:
    Store(path, clock).close()
    path.chmod(0o644)
    with Store(path, clock):
        assert set(modes(path).values()) == {0o600}


def test_a_store_of_a_later_release_is_left_alone(path: Path, clock: FixedClock) -> None:
    Store(path, clock).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="later release"):
        Store(path, clock)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_step_is_taken_once_and_keeps_what_was_there(
    path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path, clock) as store:
        store.add(made_calls(3))
    step = ("ALTER TABLE calls ADD COLUMN later TEXT", "PRAGMA user_version = 2")
    monkeypatch.setattr(database, "STEPS", (*STEPS, step))
    for _ in range(2):
        with Store(path, clock) as store:
            assert store.newest(9) == made_calls(3)[::-1]
            with closing(store.connection_for_reading()) as connection:
                assert connection.execute("SELECT count(*), count(later) FROM calls").fetchone() == (3, 0)


def test_a_step_that_fails_half_way_leaves_the_version_before(
    path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path, clock) as store:
        store.add(made_calls(3))
    with monkeypatch.context() as patched:
        step = ("CREATE TABLE half (x)", "PRAGMA user_version = 2", "DELETE FROM calls", "SELECT * FROM nothing")
        patched.setattr(database, "STEPS", (*STEPS, step))
        with pytest.raises(StoreUnavailable, match="nothing"):
            Store(path, clock)
    with Store(path, clock) as store:
        assert len(store.newest(9)) == 3
        with closing(store.connection_for_reading()) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at" * 40, b"SQLite format 3\x00" * 300])
def test_a_file_that_is_no_store_is_named_and_not_touched(path: Path, clock: FixedClock, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match="move it away") as refused:
        Store(path, clock)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == content


def test_damage_is_found_and_named(path: Path, clock: FixedClock) -> None:
    with Store(path, clock) as store:
        store.add(made_calls(2_000))
        assert store.faults() == []
    content = bytearray(path.read_bytes())
    content[40 * 4096 : 60 * 4096] = b"\x55" * (20 * 4096)
    path.write_bytes(content)
    with Store(path, clock) as store:
        assert store.faults()
        with pytest.raises(StoreDamaged):
            list(store.between(0, 2**60))


def test_a_place_that_cannot_hold_a_store_is_named(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "db.sqlite"):
        with pytest.raises(StoreUnavailable, match=str(place)):
            Store(place, clock)


def test_a_closed_store_says_so(path: Path, clock: FixedClock) -> None:
    store = Store(path, clock)
    store.close()
    store.close()
    attempts: list[Callable[[], object]] = [
        lambda: store.add(made_calls(1)),
        lambda: store.newest(1),
        store.connection_for_reading,
    ]
    for attempt in attempts:
        with pytest.raises(StoreUnavailable, match="closed"):
            attempt()


def test_a_full_disk_takes_nothing_by_halves_and_works_again_with_room(store: Store) -> None:
    store.add(made_calls(10))
    writer = store._database._writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages + 3}")
    many = [made_call(number) for number in range(100, 1_100)]
    with pytest.raises(StoreUnavailable, match="full"):
        store.add(many, cursor=("importer", b"1"))
    assert len(store.newest(2_000)) == 10
    assert store.cursor("importer") is None
    writer.execute("PRAGMA max_page_count = 1000000")
    assert store.add(many, cursor=("importer", b"1")) == 1_000
    assert store.faults() == []


def test_a_disk_that_refuses_writes_loses_nothing_that_was_acknowledged(path: Path, clock: FixedClock) -> None:
    Store(path, clock).close()
    size = path.stat().st_size
    command = [sys.executable, "-m", "tests.daemon.store.writer", str(path), "0", "100000", "50"]

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, size + 200_000))

    child = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit_files, check=False, timeout=60
    )
    assert "StoreUnavailable" in child.stderr.splitlines()[-1]
    acknowledged = 50 * len(child.stdout.split())
    with Store(path, clock) as store:
        assert store.faults() == []
        kept = len(store.newest(100_000))
        assert kept in (acknowledged, acknowledged + 50)
        assert kept > 0
        assert store.add([made_call(999_999)]) == 1


def test_another_process_that_holds_the_store_is_waited_for_and_then_named(
    path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with Store(path, clock) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            store.add(made_calls(1))
        assert store.newest(1) == []
        other.execute("ROLLBACK")
        assert store.add(made_calls(1)) == 1


def test_processes_that_start_at_once_make_one_store_and_count_each_call_once(path: Path, clock: FixedClock) -> None:
    path.parent.mkdir()
    writers = [start_writer(path, first, first + 60, 7) for first in (0, 20, 40)]
    new = 0
    for writer in writers:
        out, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        new += sum(int(line) for line in out.split())
    with Store(path, clock) as store:
        assert new == 100 == len(store.newest(1_000))
        assert store.faults() == []


def test_a_writer_killed_at_any_moment_leaves_whole_batches_and_all_it_acknowledged(
    path: Path, clock: FixedClock
) -> None:
    batch = 20
    for cycle, lines in enumerate((0, 1, 4, 9)):
        first = cycle * 100_000
        writer = start_writer(path, first, first + 90_000, batch)
        assert writer.stdout is not None
        acknowledged = sum(int(writer.stdout.readline()) for _ in range(lines))
        if not lines:
            while not path.exists():  # it has only begun to make the file
                assert writer.poll() is None
        writer.kill()
        acknowledged += sum(int(line) for line in writer.stdout.read().split())
        writer.stdout.close()
        writer.wait()
        with Store(path, clock) as store:
            kept = [
                call for call in store.newest(100_000) if first <= int(call.id.replace("-", ""), 16) < first + 90_000
            ]
            assert len(kept) % batch == 0
            assert acknowledged <= len(kept) <= acknowledged + batch
            if kept:
                assert store.cursor("writer") == str(first + len(kept) - batch).encode()
            assert store.faults() == []


def test_threads_share_a_store_and_senders_take_different_calls(store: Store) -> None:
    new: list[int] = []
    taken: list[str] = []
    failures: list[BaseException] = []

    def write(first: int) -> None:
        new.extend(store.add([made_call(number) for number in range(at, at + 5)]) for at in range(first, first + 50, 5))

    def send(name: str) -> None:
        for number in range(20):
            page = [call.id for call in store.pending(4)]
            try:
                if page:
                    store.open_batch(f"{name}{number}", page, "00")
                    taken.extend(page)
            except ValueError:  # another sender was faster
                continue

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the test itself
            failures.append(error)

    jobs: list[Callable[[], None]] = [
        *(lambda f=f: write(f) for f in (0, 25, 50)),
        *(lambda n=n: send(n) for n in "xy"),
    ]
    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(new) == 100 == store.pending_count()
    assert len(set(taken)) == len(taken)
    assert {call_id for batch in store.open_batches() for call_id in batch.call_ids} == set(taken)
