"""Following logs: what grows is imported, files that come and go do no harm."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.importers.follow import Follower
from daemon.importers.places import default_files, default_places, files_in
from daemon.importers.tally import FileResult
from daemon.store.errors import StoreUnavailable
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import claude_line, claude_usage, jsonl


def follower(desk: Desk) -> Follower:
    return Follower(desk.importer("claude-code"), lambda: files_in("claude-code", desk.folder), desk.clock)


def look(following: Follower) -> list[FileResult]:
    results: list[FileResult] = []
    following.look(results.append)
    return results


def test_only_what_changed_is_read_and_new_files_are_found(desk: Desk) -> None:
    following = follower(desk)
    desk.file("a.jsonl", jsonl(claude_line(1)))
    assert [result.tally.new for result in look(following)] == [1]
    assert not look(following)
    desk.file("b/c.jsonl", jsonl(claude_line(2, 1)))
    desk.file("a.jsonl", jsonl(claude_line(1), claude_line(3, 2)))
    assert [result.tally.new for result in look(following)] == [1, 1]


def test_a_log_that_is_cut_or_removed_does_not_end_it(desk: Desk) -> None:
    following = follower(desk)
    path = desk.file("a.jsonl", jsonl(claude_line(1), claude_line(2, 1)))
    look(following)
    path.write_bytes(jsonl(claude_line(4, 5)))
    assert [result.tally.new for result in look(following)] == [1]
    path.unlink()
    assert not look(following)
    assert len(desk.calls()) == 3


def test_an_answer_that_is_never_finished_is_taken_after_a_while(desk: Desk) -> None:
    desk.clock.instant -= timedelta(days=2)
    following = follower(desk)
    desk.file("a.jsonl", jsonl(claude_line(1, 0, usage=claude_usage(output=1), stop=None)))
    [first] = look(following)
    assert (first.tally.new, following.waiting) == (0, 1)
    desk.clock.instant += timedelta(minutes=5)
    assert not look(following)
    desk.clock.instant += timedelta(minutes=15)
    assert [result.tally.new for result in look(following)] == [1]
    assert following.waiting == 0


def test_a_store_that_cannot_be_written_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    following = follower(desk)
    desk.file("a.jsonl", jsonl(claude_line(1)))
    add, failures, looks = desk.store.add, [], []

    def full(*_: object, **__: object) -> int:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(desk.store, "add", full)

    def wait() -> bool:
        looks.append(1)
        monkeypatch.setattr(desk.store, "add", add)
        return len(looks) == 2

    results: list[FileResult] = []
    following.until(wait, results.append, failures.append)
    assert len(failures) == 1
    assert [result.tally.new for result in results] == [1]


def test_each_tools_own_places_are_searched(tmp_path: Path) -> None:
    wanted = {
        "claude-code": (
            ".claude/projects/-home-vk/7b1d.jsonl",
            ".config/claude/projects/p/7b1d/subagents/agent-1.jsonl",
        ),
        "codex": (".codex/sessions/2026/11/02/rollout-1.jsonl", ".codex/archived_sessions/rollout-2.jsonl"),
        "gemini-cli": (".gemini/tmp/9b/chats/session-1.json", ".gemini/tmp/9b/chats/parent/child.jsonl"),
    }
    for names in wanted.values():
        for name in (*names, f"{Path(names[0]).parent}/notes.txt"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for source, names in wanted.items():
        assert set(default_files(source, {}, tmp_path)) == {tmp_path / name for name in names}
    assert not default_files("litellm", {}, tmp_path)


def test_variables_move_the_places(tmp_path: Path) -> None:
    environment = {"CLAUDE_CONFIG_DIR": "/a, /b", "CODEX_HOME": "/c"}
    assert default_places("claude-code", environment, tmp_path) == [Path("/a/projects"), Path("/b/projects")]
    assert default_places("codex", environment, tmp_path)[0] == Path("/c/sessions")
