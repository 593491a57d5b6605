"""The read-only door to the analysis, what keeps its marts, and what a purge and a verification make of it."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from pipelines.analysis.publish import analysis_files
from pipelines.lake.analysis_catalog import ANALYSIS_FORMAT, AnalysisPointer, AnalysisReader, read_analysis_pointer
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import NotReadingError
from pipelines.lake.snapshot_lease import snapshot_stays
from pipelines.purge.analysis import delete_analyses
from pipelines.snapshot_cleanup import clean_marts
from pipelines.verify import verify
from tests.pipelines.lake_builder import NOON, Lake, named_id
from tests.pipelines.published import build_id

COUNT = "select count(*) from mart_unattributed_spend"


def test_a_lease_tells_what_it_is_of_and_only_reads(lake: Lake) -> None:
    pointer = read_analysis_pointer(lake.home)
    assert pointer is not None
    with closing(AnalysisReader(lake.home)) as reader:
        analysis = reader.current()
        assert analysis is not None
        assert (analysis.analysis_id, analysis.build_id) == (pointer.analysis_id, build_id(lake.home))
        assert analysis.data_as_of == NOON
        with analysis, analysis.cursor() as cursor:
            with pytest.raises(NotReadingError):
                cursor.execute("create table analysis.one as select 1 as one")
            with pytest.raises(duckdb.Error):
                cursor.execute(f"select * from read_text('{lake.home.root / 'app.sqlite'}')")
            with pytest.raises(NotReadingError):
                cursor.execute("set enable_external_access = true")
        with pytest.raises(ValueError, match="closed"):
            analysis.cursor()


def test_a_lease_reads_on_what_it_was_given_while_the_next_is_served(lake: Lake) -> None:
    with closing(AnalysisReader(lake.home)) as reader:
        first = reader.current()
        assert first is not None
        publish_copy(lake.home, first.analysis_id, "a20300101T000000-00000000", "delete from mart_unattributed_spend")
        second = reader.current()
        assert second is not None
        with first, second, first.cursor() as before, second.cursor() as after:
            assert second.analysis_id == "a20300101T000000-00000000"
            assert (before.execute(COUNT).fetchall() > [(0,)], after.execute(COUNT).fetchall()) == (True, [(0,)])


def test_one_that_cannot_be_opened_is_not_served_and_the_one_before_is(lake: Lake) -> None:
    with closing(AnalysisReader(lake.home)) as reader:
        first = reader.current()
        assert first is not None
        path = publish_copy(lake.home, first.analysis_id, "a20300101T000000-00000000", "select 1")
        path.write_bytes(path.read_bytes()[:5000])
        again = reader.current()
        assert again is not None
        assert again.analysis_id == first.analysis_id
    with closing(AnalysisReader(lake.home)) as reader:
        assert reader.current() is None
    torn = f"analysis {path.name}: its bytes are not those that were published (SHA-256 differs)"
    assert verified(lake) == [torn]
    path.unlink()
    assert verified(lake) == [f"analysis {path.name}: is missing"]
    lake.home.analysis_pointer.write_bytes(b"{")
    assert verified(lake)[0].startswith("marts/ANALYSIS cannot be read")


def test_a_pointer_to_elsewhere_is_refused(lake: Lake) -> None:
    pointer = AnalysisPointer("a20300101T000000-00000000", "b1", "../app.sqlite", "", "")
    lake.home.analysis_pointer.write_bytes(msgspec.json.encode(pointer))
    with pytest.raises(ValueError, match="outside"):
        read_analysis_pointer(lake.home)


@pytest.mark.parametrize("release", [ANALYSIS_FORMAT - 1, ANALYSIS_FORMAT + 1])
def test_an_analysis_of_another_release_is_none_until_ours_is_made(lake: Lake, release: int) -> None:
    pointer = read_analysis_pointer(lake.home)
    assert pointer is not None
    lake.home.analysis_pointer.write_bytes(msgspec.json.encode(msgspec.structs.replace(pointer, format=release)))
    with closing(AnalysisReader(lake.home)) as reader:
        assert reader.current() is None
        lake.home.analysis_pointer.write_bytes(msgspec.json.encode(pointer))
        ours = reader.current()
        assert ours is not None
        ours.close()


def test_changed_columns_are_a_new_format(lake: Lake) -> None:
    """A server must not look for columns in an analysis that an older release published."""
    pointer = read_analysis_pointer(lake.home)
    assert pointer is not None
    with duckdb.connect(str(lake.home.marts / pointer.file), read_only=True) as analysis:
        columns = analysis.execute(
            "select table_name, column_name, data_type from duckdb_columns() order by all"
        ).fetchall()
    digest = hashlib.sha256(repr(columns).encode()).hexdigest()[:16]
    assert (ANALYSIS_FORMAT, digest) == (2, "bb5fbbb546c75db5"), "count ANALYSIS_FORMAT up and note the new digest here"


def test_a_purge_deletes_analyses_that_know_the_workspace(lake: Lake) -> None:
    with closing(AnalysisReader(lake.home)) as reader:
        held = reader.current()
        assert held is not None
        publish_copy(lake.home, held.analysis_id, "a20300101T000000-00000000", "select 1")
        held.close()
        delete_analyses(lake.home, named_id("workspace nobody"))
        kept = reader.current()
        assert kept is not None
        kept.close()
        assert list(analysis_files(lake.home)) == ["a20300101T000000-00000000"]
        delete_analyses(lake.home, lake.acme)
        assert reader.current() is None
    assert analysis_files(lake.home) == {}
    assert not lake.home.analysis_pointer.exists()
    assert {path.name for path in lake.home.analysis.iterdir()} == {"build.lock", "snapshot.lock"}
    delete_analyses(lake.home, lake.acme)  # as a purge does that is begun again


def test_an_analysis_that_cannot_be_asked_is_purged(lake: Lake) -> None:
    for path in analysis_files(lake.home).values():
        path.write_bytes(b"no database")
    delete_analyses(lake.home, named_id("workspace nobody"))
    assert analysis_files(lake.home) == {}


def test_a_snapshot_stays_while_it_is_analysed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.marts.mkdir(parents=True)
    ids = [f"b20261120T12{minute:02}00-00000000" for minute in range(8)]
    for one in ids:
        (home.marts / f"marts-{one}.duckdb").write_bytes(b"")
    later = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
    with snapshot_stays(home, ids[1]):
        clean_marts(home, later)
        assert {path.stem for path in home.marts.iterdir()} == {f"marts-{one}" for one in [ids[1], *ids[3:]]}
    clean_marts(home, later + timedelta(minutes=1))
    assert {path.stem for path in home.marts.iterdir()} == {f"marts-{one}" for one in ids[3:]}


def verified(lake: Lake) -> list[str]:
    """Verify, and return what is said of the analysis; batches of this home were never chained."""
    return [one for one in verify(lake.home, lake.engine).differences if "analysis" in one.lower()]


def publish_copy(home: Home, analysis_id: str, new_id: str, change: str) -> Path:
    """Publish a changed copy of an analysis under another id."""
    files, pointer = analysis_files(home), read_analysis_pointer(home)
    assert pointer is not None
    path = home.marts / f"analysis-{new_id}.duckdb"
    shutil.copy(files[analysis_id], path)
    with duckdb.connect(str(path)) as database:
        database.execute(f"update analysis_info set analysis_id = '{new_id}'; {change}")
    moved = msgspec.structs.replace(pointer, analysis_id=new_id, file=path.name)
    home.analysis_pointer.with_suffix(".new").write_bytes(msgspec.json.encode(moved))
    home.analysis_pointer.with_suffix(".new").replace(home.analysis_pointer)
    return path
