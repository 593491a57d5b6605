"""Gemini CLI's recordings, by lines and as one object."""

from __future__ import annotations

import json

import pytest

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.draft import BadLine
from daemon.importers.gemini_cli import GeminiLines, gemini_document
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import gemini_answer as answer
from tests.daemon.importers.samples import gemini_header as header
from tests.daemon.importers.samples import gemini_tokens as tokens
from tests.daemon.importers.samples import jsonl, micros

PERSON = {"id": "u1", "timestamp": "2026-11-02T09:00:00.000Z", "type": "user", "content": "tokens?"}


def calls_of(*lines: dict) -> list[Call]:
    reader = GeminiLines(None, "auto")
    return [draft.call for line in jsonl(*lines).splitlines() for draft in reader.line(line)]


def test_cached_is_a_part_of_input_and_thinking_and_tools_are_beside() -> None:
    [call] = calls_of(header(), PERSON, answer(1, 5, tokens(12_000, 300, 9_000, 120, 50)))
    assert call.tokens == Tokens(uncached_input=3_050, cache_read=9_000, output=420, thinking=120)
    assert (call.provider, call.model, call.surface) == ("gemini", "gemini-2.5-pro", "generateContent")
    assert (call.requested_at_us, call.billing_basis) == (micros(5), "subscription_imputed")


def test_an_answer_that_is_written_again_counts_once() -> None:
    told = answer(1, 5, tokens())
    lines = [header(), answer(1, 5), told, {**told, "toolCalls": [{"id": "t", "name": "ls"}]}, answer(2, 9, tokens())]
    assert len(calls_of(*lines)) == 2


def test_what_was_taken_back_was_paid_for() -> None:
    assert len(calls_of(header(), answer(1, 5, tokens()), {"$rewindTo": "1f"}, answer(2, 9, tokens()))) == 2


def test_a_rewritten_history_tells_the_same_calls() -> None:
    first = answer(1, 5, tokens())
    calls = calls_of(header(), first, {"$set": {"messages": [first, answer(2, 9, tokens())]}})
    assert len(calls) == len({call.id for call in calls}) == 2


def test_both_forms_tell_the_same_calls() -> None:
    lines = [answer(1, 5, tokens()), PERSON, answer(2, 9, tokens(output=1))]
    whole = json.dumps({**header(), "messages": lines}, indent=2).encode()
    drafts = list(gemini_document(whole, 0, "auto"))
    assert [draft.call for draft in drafts if not isinstance(draft, BadLine)] == calls_of(header(), *lines)


def test_the_folder_comes_from_the_recording_or_from_the_file_beside_it(desk: Desk) -> None:
    desk.file("tmp/acme/.project_root", b"/home/vk/acme-web\n")
    content = jsonl(header(), answer(1, 5, tokens()))
    desk.read("gemini-cli", "tmp/acme/chats/session-2026-11-02T09-00-5d0f8c1a.jsonl", content)
    inside = jsonl(header("other") | {"directories": ["/home/vk/own"]}, answer(2, 6, tokens()))
    desk.read("gemini-cli", "tmp/acme/chats/parent/child.jsonl", inside)
    assert [call.project for call in desk.calls()] == ["acme-web", "own"]


def test_a_recording_in_the_older_form_is_read_again_when_it_grew(desk: Desk) -> None:
    def recording(count: int) -> bytes:
        return json.dumps(header() | {"messages": [answer(n, n, tokens()) for n in range(count)]}).encode()

    assert desk.read("gemini-cli", "chats/session-1.json", recording(2)).tally.new == 2
    assert desk.read("gemini-cli", "chats/session-1.json", recording(2)).unchanged
    grown = desk.read("gemini-cli", "chats/session-1.json", recording(3))
    assert (grown.tally.new, grown.tally.known) == (1, 2)


def test_one_bad_answer_does_not_cost_the_others() -> None:
    whole = json.dumps({**header(), "messages": [answer(1, 5, tokens(), timestamp="?"), 7, answer(2, 9, tokens())]})
    drafts = list(gemini_document(whole.encode(), 0, "auto"))
    assert sum(isinstance(draft, BadLine) for draft in drafts) == 2
    assert len(drafts) == 3


@pytest.mark.parametrize("raw", [b"", b"nope", b"[]", jsonl(answer(1, 5, {"input": -4}))])  # type: ignore[list-item]
def test_a_record_that_cannot_be_read_is_said_to_be_bad(raw: bytes) -> None:
    with pytest.raises(BadLine):
        GeminiLines(None, "auto").line(raw)
