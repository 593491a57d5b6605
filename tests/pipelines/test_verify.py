"""Verification proves an untouched installation, and names each fault planted in one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from api.audit import OPERATOR
from api.db.migrate import upgrade
from api.db.models import Device, Plan
from api.db.session import transaction
from api.ingest.group import GroupCommitter
from api.ingest.prepare import Sender, prepare
from api.workspaces import create_workspace
from pipelines.lake.catalog import read_pointer
from pipelines.lake.clock import SystemClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.publish import snapshot_files
from pipelines.refresh import refresh
from pipelines.verify import verify
from tests.pipelines.published_parts import edit_list_of_parts, edit_part
from tests.wire_records import batch, record, uuid_from


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with two uploads in two files, a repeat and a conflict, built and published once."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home, clock = Home(tmp_path_factory.mktemp("verify") / "home"), SystemClock()
        engine = open_database(home.database_url)
        upgrade(engine)
        with transaction(engine) as session:
            workspace = create_workspace(
                session, name="Acme", owner_email="o@acme.example", plan=Plan.TEAM, time_zone="Asia/Kathmandu",
                actor=OPERATOR, at=clock.now(),
            )  # fmt: skip
            sender = Sender(workspace.id, uuid_from("device"))
            session.add(
                Device(
                    id=sender.device_id, workspace_id=workspace.id, hostname="h", platform="Linux",
                    daemon_version="0.6.4", paired_at_us=to_micros(clock.now()),
                )
            )  # fmt: skip
        committer = GroupCommitter(home, engine, clock)
        first = [record(i, cost_millicents=100 + i) for i in range(30)]
        second = [record(i, model="gpt-4o", provider="openai") for i in range(100, 120)]
        for rows in (first, [*second, first[0], {**first[1], "output_tokens": 1}, {"id": "poison"}]):
            committer.submit(prepare(batch(rows), sender, clock.now())).result(timeout=30)
        committer.close()
        refresh(home, engine, clock)
        engine.dispose()
        yield home


@pytest.fixture
def copied(built: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, Engine]]:
    """A copy of the built home to damage."""
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    shutil.copytree(built.root, tmp_path / "home")
    home = Home(tmp_path / "home")
    engine = open_database(home.database_url)
    yield home, engine
    engine.dispose()


def landing_files(home: Home) -> list[Path]:
    return sorted(home.landing.glob("*/*/*_*.parquet"))


def marts(home: Home) -> Path:
    pointer = read_pointer(home)
    assert pointer is not None
    return home.marts / pointer.file


def in_marts(home: Home, statement: str) -> None:
    os.chmod(marts(home), 0o600)  # noqa: PTH101 - published files may be read-only
    with duckdb.connect(marts(home)) as connection:
        connection.execute(statement)


def in_ledger(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_an_untouched_installation_is_proven(copied: tuple[Home, Engine]):
    report = verify(*copied)
    assert report.differences == []
    assert report.checked["fct_requests"] == 50
    assert report.checked["landed_files"] == 2
    assert {"mart_spend_15min", "mart_spend_daily", "mart_spend_monthly", "fct_batches"} <= report.checked.keys()


def flip_a_bit(home: Home) -> None:
    victim = landing_files(home)[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 4
    victim.write_bytes(content)


def change_a_row(home: Home) -> None:
    victim = landing_files(home)[0]
    table = pq.read_table(victim)
    tokens = [int(value or 0) + 1 for value in table["input_tokens"].to_pylist()]
    changed = table.set_column(table.schema.get_field_index("input_tokens"), "input_tokens", [tokens])
    pq.write_table(changed, victim)


def tear(home: Home) -> None:
    victim = landing_files(home)[0]
    victim.write_bytes(victim.read_bytes()[:-100])


def drop(home: Home) -> None:
    landing_files(home)[0].unlink()


@pytest.mark.parametrize("damage", [flip_a_bit, change_a_row, tear, drop])
def test_a_damaged_landing_file_is_named(copied: tuple[Home, Engine], damage: Callable[[Home], None]):
    home, engine = copied
    victim = landing_files(home)[0].name
    damage(home)
    report = verify(home, engine)
    assert any(victim in difference for difference in report.differences)


def test_a_doubled_landing_file_is_named(copied: tuple[Home, Engine]):
    home, engine = copied
    original = landing_files(home)[0]
    shutil.copy(original, original.with_name("000000000000_double.parquet"))
    assert any("000000000000_double.parquet" in difference for difference in verify(home, engine).differences)


@pytest.mark.parametrize(
    ("mart", "statement"),
    [
        ("mart_spend_15min", "update part set cost_logged_millicents = 1"),
        ("mart_spend_daily", "update part set requests = requests + 1 where rowid = 0"),
        ("mart_spend_monthly", "delete from part where rowid = 0"),
        ("mart_spend_daily", "update part set local_day = local_day + 1 where rowid = 0"),
        ("mart_spend_15min", "insert into part from part limit 1"),
    ],
)
def test_an_edited_roll_up_is_named(copied: tuple[Home, Engine], mart: str, statement: str):
    home, engine = copied
    edit_part(home, mart, statement)
    differences = verify(home, engine).differences
    assert differences != []
    assert all(difference.startswith(mart) for difference in differences)


def test_an_edited_account_is_named(copied: tuple[Home, Engine]):
    home, engine = copied
    in_marts(home, "update fct_batches set duplicate_count = 9, landed_count = landed_count - 1")
    assert any("fct_batches" in difference for difference in verify(home, engine).differences)


def first_part(home: Home) -> Path:
    files = snapshot_files(home, marts(home).name)
    assert files is not None
    return home.roll_up_parts / files.parts[0].name


def remove_it(part: Path) -> None:
    part.unlink()


def change_a_bit(part: Path) -> None:
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 1
    part.write_bytes(content)


def cut_it(part: Path) -> None:
    os.truncate(part, part.stat().st_size - 1)


def put_another_in_its_place(part: Path) -> None:
    shutil.copy(next(one for one in part.parent.iterdir() if one != part), part)


@pytest.mark.parametrize("damage", [remove_it, change_a_bit, cut_it, put_another_in_its_place])
def test_a_damaged_part_of_a_roll_up_is_named(copied: tuple[Home, Engine], damage: Callable[[Path], None]):
    home, engine = copied
    part = first_part(home)
    damage(part)
    assert any(part.name in difference for difference in verify(home, engine).differences)


@pytest.mark.parametrize("views_follow", [True, False])
@pytest.mark.parametrize(
    "statement",
    ["delete from roll_up_parts where name = '{part}'", "insert into roll_up_parts from roll_up_parts limit 1"],
    ids=["dropped", "doubled"],
)
def test_a_part_that_is_not_there_once_is_named(copied: tuple[Home, Engine], statement: str, views_follow: bool):  # noqa: FBT001 - pytest's
    home, engine = copied
    part = first_part(home)
    edit_list_of_parts(home, statement.format(part=part.name), views_follow=views_follow)
    named = part.name if "insert" in statement or not views_follow else "mart_spend_15min"
    assert any(named in difference for difference in verify(home, engine).differences)


def test_an_edited_segment_is_named(copied: tuple[Home, Engine]):
    home, engine = copied
    victim = next(home.segments.glob("*.parquet"))
    victim.chmod(0o600)
    with duckdb.connect() as connection:
        connection.execute(f"create table t as from read_parquet('{victim}')")
        connection.execute("update t set cost_logged_millicents = 1 where rowid = 3")
        connection.execute(f"copy t to '{victim}' (format parquet)")
    assert any(victim.name in difference for difference in verify(home, engine).differences)


@pytest.mark.parametrize(
    "statement",
    [
        "update landed_batches set landed_count = 29, duplicate_count = 1 where chain_position = 1",
        "update landed_batches set received_count = received_count + 1 where chain_position = 2",
        "update landed_batches set batch_id = 'other' where chain_position = 1",
        "update landed_batches set previous_chain_hash = chain_hash where chain_position = 2",
        "update workspaces set batch_chain_position = 1",
        "update landed_files set input_tokens = input_tokens + 1 where file_seq = 1",
        "delete from quarantined_rows",
    ],
)  # fmt: skip
def test_an_edited_ledger_does_not_hold(copied: tuple[Home, Engine], statement: str):
    home, engine = copied
    in_ledger(engine, statement)
    assert verify(home, engine).differences != []


def test_marts_that_cannot_be_opened_are_a_difference(copied: tuple[Home, Engine]):
    home, engine = copied
    marts(home).unlink()
    assert any("cannot be opened" in difference for difference in verify(home, engine).differences)


def test_nothing_published_yet_is_no_difference(copied: tuple[Home, Engine]):
    home, engine = copied
    shutil.rmtree(home.marts)
    report = verify(home, engine)
    assert (report.differences, report.build_id) == ([], None)
