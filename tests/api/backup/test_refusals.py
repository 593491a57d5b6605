"""What is torn, edited, of a newer release or in the way is refused by name, and nothing passes for a restored home."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from api.backup.errors import BackupError
from api.backup.manifest import MANIFEST_NAME, FileEntry
from api.backup.restore import open_backup
from api.cli.database import opened
from api.db.migrate import NEWEST_REVISION, upgrade, upgrade_within
from api.errors import Refused
from pipelines.lake.database import open_database
from tests.api.backup.places import InUse, Place
from tests.api.backup.tampering import as_taken_at, edit_rows, flip_bit, reseal
from tests.conftest import on_sqlite

EmptyPlace = Callable[[str], Place]


def refused(in_use: InUse, place: Place, words: str) -> None:
    """A restore must fail with these words, and what it left must not open."""
    with pytest.raises(BackupError, match=words):
        in_use.restore(place)
    with pytest.raises(Refused), opened(place.home):
        pass
    if (place.home.root / "app.sqlite").exists():
        assert inspect(place.engine).get_table_names() == []


@on_sqlite
def test_every_file_of_a_backup_is_missed_when_torn_flipped_or_gone(in_use: InUse, empty_place: EmptyPlace) -> None:
    taken = in_use.take()
    chance = random.Random(7)
    stored = [in_use.folder.store.path(one.sha256) for one in taken.manifest.files]
    for path in [*sorted((taken.folder / "tables").iterdir()), *stored, taken.folder / MANIFEST_NAME]:
        whole = path.read_bytes()
        for size in sorted({0, 3, len(whole) // 2, len(whole) - 1} - {len(whole)}):
            path.write_bytes(whole[:size])
            refused(in_use, empty_place("sqlite"), path.name)
        path.write_bytes(whole)
        flip_bit(path, chance.randrange(len(whole) * 8))
        refused(in_use, empty_place("sqlite"), path.name)
        path.unlink()
        missing = "there is no complete backup" if path.name == MANIFEST_NAME else path.name
        refused(in_use, empty_place("sqlite"), missing)
        path.write_bytes(whole)
    in_use.restore(empty_place("sqlite"))


@on_sqlite
def test_an_edited_manifest_is_refused_and_a_rewritten_one_by_the_digest_kept_elsewhere(in_use: InUse) -> None:
    taken = in_use.take()
    path = taken.folder / MANIFEST_NAME
    written = path.read_text()
    path.write_text(written.replace('"row_count": 25', '"row_count": 26'))
    with pytest.raises(BackupError, match="was edited"):
        open_backup(in_use.folder, None, None)
    path.write_text(written)
    open_backup(in_use.folder, None, taken.manifest.sha256)
    edit_rows(taken.folder, "workspaces", lambda rows: [row | {"name": "Mallory"} for row in rows])
    open_backup(in_use.folder, None, None)  # every digest inside was computed anew
    with pytest.raises(BackupError, match="not the backup with that digest"):
        open_backup(in_use.folder, None, taken.manifest.sha256)


@on_sqlite
def test_totals_heads_and_files_that_contradict_the_manifest_are_refused(
    in_use: InUse, empty_place: EmptyPlace
) -> None:
    def raised(name: str) -> Callable[[list[dict[str, int]]], list[dict[str, int]]]:
        return lambda rows: [rows[0] | {name: rows[0][name] + 1}, *rows[1:]]

    for table, edit, words in (
        ("landed_files", raised("cost_logged_millicents"), "cost_logged_millicents"),
        ("workspaces", raised("audit_position"), "audit events"),
        ("landed_files", lambda rows: [rows[0] | {"sha256": "0" * 64}, *rows[1:]], "list of landed files"),
    ):
        edit_rows(in_use.take().folder, table, edit)
        refused(in_use, empty_place("sqlite"), words)


@on_sqlite
@pytest.mark.parametrize("path", ["../../outside.parquet", "/etc/outside.parquet", "a/../../b"])
def test_a_manifest_cannot_write_outside_the_home(in_use: InUse, path: str) -> None:
    taken = in_use.take()
    reseal(taken.folder, files=[FileEntry(path, "0" * 64, 1, 1)])
    with pytest.raises(BackupError, match="that no backup holds"):
        open_backup(in_use.folder, None, None)


@on_sqlite
@pytest.mark.parametrize("change", [{"format_version": 2}, {"schema_revision": "9999"}], ids=["format", "schema"])
def test_a_backup_of_a_newer_release_is_refused_in_plain_words(in_use: InUse, change: dict[str, object]) -> None:
    reseal(in_use.take().folder, product_version="9.9", **change)
    with pytest.raises(BackupError, match=r"taken by release 9\.9.*restore it with that release or a newer one"):
        open_backup(in_use.folder, None, None)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@on_sqlite
def test_a_backup_of_an_older_schema_is_upgraded(
    in_use: InUse, empty_place: EmptyPlace, kind: str, tmp_path: Path
) -> None:
    older = open_database(f"sqlite:///{tmp_path / 'older.sqlite'}")
    with older.begin() as connection:
        upgrade_within(connection, "0001")
        seen = inspect(connection)
        columns = {table: {one["name"] for one in seen.get_columns(table)} for table in seen.get_table_names()}
    older.dispose()
    before = in_use.place.rows()
    taken = in_use.take()
    as_taken_at(taken.folder, "0001", columns)
    place = empty_place(kind)
    in_use.restore(place)
    with place.engine.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar_one() == NEWEST_REVISION
    after = place.rows()
    assert {name for name, rows in before.items() if rows} - set(columns), "newer tables had rows to leave out"
    for name, rows in after.items():
        if name not in columns:
            # What older tables say of the machines behind tokens is written down by the upgrade.
            assert rows == (before[name] if name == "device_instances" else []), name
            continue
        known = columns[name] | ({"instance"} if name == "sync_tokens" else set())
        assert [_of(row, known) for row in rows] == [_of(row, known) for row in before[name]], name
        assert all(value is None for row in rows for value in _of(row, row.keys() - known).values()), name


def _of(row: dict[str, Any], columns: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in columns}


@on_sqlite
def test_nothing_that_exists_is_written_over(in_use: InUse, empty_place: EmptyPlace) -> None:
    in_use.take()
    with pytest.raises(BackupError, match="is not empty; restore into a new folder"):
        in_use.restore(in_use.place)
    place = empty_place("postgres")
    upgrade(place.engine)
    with pytest.raises(BackupError, match=r"has tables already; restore into an empty one") as refusal:
        in_use.restore(place)
    assert place.rows()["workspaces"] == []
    assert "password" not in str(refusal.value)


@on_sqlite
def test_a_home_where_another_backup_was_begun_is_not_mixed(in_use: InUse, empty_place: EmptyPlace) -> None:
    first = in_use.take()
    in_use.upload(3)
    second = in_use.take()
    place = empty_place("sqlite")
    copy = in_use.folder.store.path(first.manifest.files[0].sha256)
    whole = copy.read_bytes()
    copy.write_bytes(b"")
    with pytest.raises(BackupError):
        in_use.restore(place, first.folder.name)
    copy.write_bytes(whole)
    with pytest.raises(BackupError, match="another backup"):
        in_use.restore(place, second.folder.name)
    in_use.restore(place, first.folder.name)
    assert len(place.rows()["landed_files"]) == 2


@on_sqlite
def test_an_installation_whose_landed_file_is_damaged_gets_no_backup_and_hears_which(in_use: InUse) -> None:
    with in_use.place.engine.connect() as connection:
        relative = connection.execute(text("select relative_path from landed_files where file_seq = 2")).scalar_one()
    flip_bit(in_use.place.home.landing / relative, 4000)
    with pytest.raises(BackupError, match=f"{Path(relative).name} is damaged"):
        in_use.take()
    assert in_use.folder.complete() == []
