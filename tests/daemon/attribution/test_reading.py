from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from daemon.attribution.reading import Files

FILES = Files(None, None)


def test_a_small_plain_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    assert FILES.read(tmp_path / "file", 10) == b"x" * 10
    assert FILES.read(tmp_path / "file", 9) is None
    assert FILES.read(tmp_path / "missing", 9) is None
    assert FILES.read(tmp_path / "nul\0", 9) is None


def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to-pipe").symlink_to("pipe")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        for name in ("pipe", "folder", "device", "loop", "to-pipe", "socket"):
            assert FILES.read(tmp_path / name, 100) is None


def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"project")
    really = os.open

    def swapped(path: str, flags: int) -> int:
        Path(path).unlink()
        os.mkfifo(path)
        return really(path, flags)

    monkeypatch.setattr(os, "open", swapped)
    assert FILES.read(tmp_path / "file", 100) is None


def test_a_file_that_may_not_be_read_is_as_good_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"project")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert FILES.read(tmp_path / "file", 100) is None


def test_links_are_followed_to_what_an_owner_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"project")
    (tmp_path / "link").symlink_to("file")
    assert FILES.read(tmp_path / "link", 100) == b"project"


def test_what_belongs_to_somebody_else_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"project")
    (tmp_path / "link").symlink_to("/etc/passwd")
    others = Files(None, None)
    others.owners = frozenset({os.geteuid() + 1})
    assert others.read(tmp_path / "file", 100) is None
    assert others.read(tmp_path / "link", 100_000) is None
    assert not others.is_folder(tmp_path)


def test_a_link_that_somebody_else_made_to_a_believed_file_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc/passwd")
    if os.geteuid() == 0:
        os.lchown(link, 4242, -1)
    system = Files(None, None)
    system.owners = frozenset({Path("/etc/passwd").stat().st_uid})
    assert system.read(Path("/etc/passwd"), 100_000) is not None
    assert system.read(link, 100_000) is None


def test_the_callers_own_files_are_believed_too() -> None:
    assert Files(None, 4242).owners == {0, os.geteuid(), 4242}
    assert Files(None, None).owners == {0, os.geteuid()}


def test_another_root_is_looked_below(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "file").write_bytes(b"inside")
    inside = Files(str(tmp_path), None)
    assert inside.read(Path("/app/file"), 100) == b"inside"
    assert inside.is_folder(Path("/app"))
    assert not inside.is_folder(Path("/app/none"))
