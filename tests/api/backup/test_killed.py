"""kill -9 in the middle of a backup or a restore: nothing that passes for good is left, and a second run succeeds."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import inspect

from api.backup.folder import BackupFolder
from api.backup.restore import open_backup, restore_backup
from api.cli.database import opened
from api.errors import Refused
from pipelines.lake.paths import DATABASE_VARIABLE
from tests.api.backup.places import InUse, Place, quiet
from tests.conftest import on_sqlite

KILLS = 10


class Forks:
    """A process that does what it is told in children it kills."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, what: str, place: Place, folder: BackupFolder, seconds: float | None = None) -> tuple[int, float]:
        """Return the exit code (negative: killed) and how long it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order: dict[str, Any] = {
            "do": what, "home": str(place.home.root), "url": place.url, "folder": str(folder.root), "seconds": seconds,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code, took = json.loads(self._process.stdout.readline())
        return code, took


@pytest.fixture
def forks() -> Iterator[Forks]:
    command = [sys.executable, "-m", "tests.api.backup.forks"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--seed"))


@on_sqlite
def test_killed_backups_are_no_backups_and_the_next_one_is_whole(
    in_use: InUse, forks: Forks, empty_place: Callable[[str], Place], chance: random.Random
) -> None:
    for _ in range(12):
        in_use.upload(3)
    code, seconds = forks.do("backup", in_use.place, in_use.folder)
    assert code == 0
    shutil.rmtree(in_use.folder.root)
    killed = 0
    for _ in range(KILLS):
        before = len(in_use.folder.complete())
        code, _ = forks.do("backup", in_use.place, in_use.folder, chance.uniform(0, seconds))
        killed += code < 0
        # Killed after its last rename it may be complete: then it is as good as any.
        assert len(in_use.folder.complete()) - before in ((0, 1) if code < 0 else (1,))
        if in_use.folder.complete():
            restores_whole(in_use, empty_place("sqlite"))
    assert killed >= KILLS // 3
    in_use.take()
    restores_whole(in_use, empty_place("sqlite"))
    assert not [path for path in in_use.folder.root.rglob("*") if path.name.endswith(".unfinished")]


def restores_whole(in_use: InUse, place: Place) -> None:
    in_use.restore(place)
    assert place.rows() == in_use.place.rows()


def begun(place: Place) -> bool:
    """Whether anything lies in the home; an empty folder is as good as none."""
    return place.home.root.exists() and any(place.home.root.iterdir())


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@on_sqlite
def test_killed_restores_open_for_nobody_and_the_same_command_goes_on(
    in_use: InUse,
    forks: Forks,
    empty_place: Callable[[str], Place],
    kind: str,
    chance: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(12):
        in_use.upload(3)
    in_use.take()
    code, seconds = forks.do("restore", empty_place(kind), in_use.folder)
    assert code == 0
    place, killed, begun_again = empty_place(kind), 0, 0
    for _ in range(KILLS):
        code, _ = forks.do("restore", place, in_use.folder, chance.uniform(0, seconds))
        killed += code < 0
        monkeypatch.setenv(DATABASE_VARIABLE, place.url)
        if not begun(place):
            assert code < 0
        elif place.home.restoring_mark.exists():
            assert code < 0
            begun_again += 1
            with pytest.raises(Refused), opened(place.home):
                pass
        else:
            assert place.rows() == in_use.place.rows()
            assert len(inspect(place.engine).get_table_names()) > len(place.rows())
            place = empty_place(kind)
    assert killed >= KILLS // 3
    assert begun_again > 0
    if place.home.restoring_mark.exists() or not begun(place):
        found, manifest = open_backup(in_use.folder, None, None)
        restore_backup(in_use.folder, found, manifest, place.home, place.url, quiet)
    assert place.rows() == in_use.place.rows()
    assert not place.home.restoring_files.exists()
