"""Bodies that a project's owner chose to keep, and to forget."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.store.kept_bodies import KeptBody
from daemon.store.store import Store
from tests.daemon.store.made_calls import NOON_US, made_call


@pytest.fixture
def full(store: Store) -> Store:
    store.add([made_call(1), made_call(2, project="other")])
    for number in (1, 2):
        assert store.keep_body(made_call(number).id, "response", "text/event-stream", f"answer {number}", 99, [])
        assert store.keep_body(made_call(number).id, "request", "application/json", f"text {number}", 50, ["api_key"])
    return store


def test_both_legs_are_kept_with_what_was_taken_out(full: Store) -> None:
    request, response = full.bodies(made_call(1).id)
    assert request == KeptBody(
        call_id=made_call(1).id,
        direction="request",
        content_type="application/json",
        text="text 1",
        original_size_bytes=50,
        redactions=("api_key",),
        kept_at_us=NOON_US,
    )
    assert (response.direction, response.text, response.redactions) == ("response", "answer 1", ())
    assert full.bodies("nothing") == []


def test_a_leg_kept_again_replaces_the_first(full: Store) -> None:
    assert full.keep_body(made_call(1).id, "request", "text/plain", "shorter", 7, ["a", "b"])
    request, _ = full.bodies(made_call(1).id)
    assert (request.text, request.content_type, request.redactions) == ("shorter", "text/plain", ("a", "b"))
    assert len(full.list_bodies(9)) == 4


def test_text_of_a_call_that_is_not_in_the_store_is_not_kept(store: Store) -> None:
    assert not store.keep_body(made_call(1).id, "request", "text/plain", "x", 1, [])
    assert store.list_bodies(9) == []


def test_any_text_is_kept_as_far_as_a_column_can(store: Store) -> None:
    store.add([made_call(1)])
    assert store.keep_body(made_call(1).id, "request", "text/\ud800", "a\x00b\ud800\u202ec", -1, ["\udfff"])
    (body,) = store.bodies(made_call(1).id)
    assert (body.text, body.content_type, body.redactions, body.original_size_bytes) == (
        "a\x00b?\u202ec",
        "text/?",
        ("?",),
        0,
    )


def test_there_are_two_directions(store: Store) -> None:
    with pytest.raises(ValueError, match="sideways"):
        store.keep_body(made_call(1).id, "sideways", "text/plain", "x", 1, [])


def test_a_list_of_bodies_tells_everything_but_the_text(full: Store) -> None:
    headings = full.list_bodies(9, project="OTHER")
    assert [(h.call_id, h.direction, h.kept_characters, h.original_size_bytes) for h in headings] == [
        (made_call(2).id, "request", 6, 50),
        (made_call(2).id, "response", 8, 99),
    ]
    assert {(h.project, h.provider, h.model) for h in headings} == {("other", "anthropic", "claude-sonnet-4-5")}
    assert len(full.list_bodies(3)) == 3


def test_forgetting_one_project_or_all_leaves_nothing_on_the_disk(path: Path, full: Store) -> None:
    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert full.forget_bodies("Other") == 2
    assert b"answer 2" not in on_disk()
    assert b"answer 1" in on_disk()
    assert full.forget_bodies() == 2
    assert b"answer 1" not in on_disk()
    assert full.forget_bodies() == 0
    assert len(full.newest(9)) == 2
