"""Claude Code's transcripts: one call per answer, whatever the lines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.claude_code import QUIET_US, ClaudeCodeLines
from daemon.importers.draft import BadLine, Billing, Draft
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import (
    claude_line,
    claude_person,
    claude_usage,
    jsonl,
    message_id,
    micros,
    stamp,
)


def drafts_of(content: bytes, *, billing: Billing = "auto", now_us: int = 0) -> list[Draft]:
    reader = ClaudeCodeLines(None, billing)
    drafts = [draft for line in content.splitlines() for draft in reader.line(line)]
    return drafts + list(reader.quiet(now_us))


def calls_of(*lines: dict, billing: Billing = "auto", now_us: int = 0) -> list[Call]:
    return [draft.call for draft in drafts_of(jsonl(*lines), billing=billing, now_us=now_us)]


def test_an_answer_becomes_a_call_with_every_kind_of_token_in_its_place() -> None:
    usage = claude_usage(fresh=4, read=15_030, short=655, long=8_000, output=260)
    [draft] = drafts_of(jsonl(claude_person(), claude_line(usage=usage, seconds=3)))
    call = draft.call
    assert call.tokens == Tokens(
        uncached_input=4, cache_read=15_030, cache_write_5m=655, cache_write_1h=8_000, output=260
    )
    assert (call.provider, call.model, call.surface) == ("anthropic", "claude-sonnet-4-5-20250929", "messages")
    assert call.requested_at_us == micros(3)
    assert call.provider_request_id == "req_011" + "0" * 20 + "1"
    assert (call.stop_reason, call.service_tier, call.tokens_complete) == ("end_turn", "standard", True)
    assert draft.workdir == "/home/vk/acme-api"


def test_thinking_is_a_part_of_the_output() -> None:
    usage = claude_usage(output=6_021) | {"output_tokens_details": {"thinking_tokens": 4_585}}
    [call] = calls_of(claude_line(usage=usage))
    assert (call.tokens.output, call.tokens.thinking) == (6_021, 4_585)


def test_cache_writes_without_an_age_are_of_five_minutes() -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 900, "output_tokens": 2}
    [call] = calls_of(claude_line(usage=usage))
    assert (call.tokens.cache_write_5m, call.tokens.cache_write_1h) == (900, 0)


def test_lines_of_one_answer_count_once_with_the_last_count_of_output() -> None:
    growing = [1, 1, 1, 260]
    lines = [
        claude_line(1, number, usage=claude_usage(output=output), stop="tool_use" if output > 1 else None)
        for number, output in enumerate(growing)
    ]
    [call] = calls_of(*lines)
    assert call.tokens.output == 260
    assert call.requested_at_us == micros(0)


def test_blocks_that_repeat_a_finished_answer_add_nothing() -> None:
    assert len(calls_of(claude_line(1), claude_line(1, 1), claude_line(1, 2), claude_line(2, 3))) == 2


def test_an_answer_whose_provider_fell_back_to_another_model_is_counted_by_its_fullest_line() -> None:
    first = claude_line(1, 0, usage=claude_usage(read=100, output=1), stop=None)
    last = claude_line(1, 1, usage=claude_usage(read=7, output=90), message_model="claude-haiku-4-5")
    [call] = calls_of(first, last)
    assert (call.model, call.tokens.cache_read, call.tokens.output) == ("claude-haiku-4-5", 7, 90)


def test_an_answer_that_was_broken_off_is_kept_as_incomplete_when_the_conversation_goes_on() -> None:
    broken = claude_line(1, 0, usage=claude_usage(output=1), stop=None)
    first, second = calls_of(broken, claude_line(2, 30))
    assert (first.tokens.output, first.tokens_complete, first.stop_reason) == (1, False, None)
    assert second.tokens_complete


def test_an_answer_that_may_still_be_written_is_waited_for() -> None:
    unfinished = jsonl(claude_line(1, 0, usage=claude_usage(output=1), stop=None))
    assert not drafts_of(unfinished, now_us=micros(60))
    assert len(drafts_of(unfinished, now_us=micros(0) + QUIET_US)) == 1


def test_subordinate_conversations_in_one_file_do_not_end_each_others_answers() -> None:
    one = claude_line(1, 0, usage=claude_usage(output=1), stop=None, isSidechain=True)
    other = claude_line(2, 1, isSidechain=True)
    rest = claude_line(1, 2, usage=claude_usage(output=50), isSidechain=True)
    assert sorted(call.tokens.output for call in calls_of(one, other, rest)) == [50, 260]


def test_a_copy_of_an_answer_is_the_same_call() -> None:
    copied = claude_line(1, sessionId="another", parentUuid=None, uuid="another")
    [one], [other] = calls_of(claude_line(1)), calls_of(copied)
    assert one.id == other.id


def test_a_copy_within_a_subordinate_conversation_is_the_same_call_under_another_request_id() -> None:
    [one], [other] = calls_of(claude_line(1)), calls_of(claude_line(1, isSidechain=True, requestId="req_other"))
    assert one.id == other.id


def test_answers_without_a_request_id_are_told_apart_by_their_message() -> None:
    lines = [claude_line(number, number, requestId=...) for number in (1, 1, 2)]
    assert len({call.id for call in calls_of(*lines)}) == 2


@pytest.mark.parametrize("reused", ["msg_1", message_id(1)])
def test_a_relay_that_gives_every_answer_the_same_id_hides_none(reused: str) -> None:
    lines = [
        claude_line(1, 10 * number, usage=claude_usage(read=1_000 * number), message_id=reused, requestId=...)
        for number in range(5)
    ]
    calls = calls_of(*lines)
    assert len({call.id for call in calls}) == 5
    assert sum(call.tokens.cache_read for call in calls) == 10_000


def test_equal_answers_of_a_relay_at_different_times_are_different_calls() -> None:
    usage = claude_usage(fresh=8, read=0, long=0, output=1)
    first = calls_of(claude_line(1, 0, usage=usage, message_id="msg_1", requestId=...))
    second = calls_of(claude_line(1, 90, usage=usage, message_id="msg_1", requestId=...))
    assert first[0].id != second[0].id


def test_what_the_program_made_up_itself_is_no_call() -> None:
    assert not calls_of(claude_line(message_model="<synthetic>", isApiErrorMessage=True))


def test_use_is_of_a_subscription_unless_the_log_names_a_cost_or_the_person_says_otherwise() -> None:
    [silent] = calls_of(claude_line())
    [named] = calls_of(claude_line(costUSD=0.0123))
    [told] = calls_of(claude_line(), billing="metered")
    [covered] = calls_of(claude_line(costUSD=0.0123), billing="subscription")
    bases = [call.billing_basis for call in (silent, named, told, covered)]
    assert bases == ["subscription_imputed", None, None, "subscription_imputed"]


def test_fast_mode_is_a_tier_of_its_own_that_no_plan_covers() -> None:
    [draft] = drafts_of(jsonl(claude_line(usage=claude_usage() | {"speed": "fast"})))
    assert (draft.call.service_tier, draft.call.billing_basis) == ("fast", None)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe{}",
        b'{"a":' * 100_000,
        jsonl(claude_line(timestamp="yesterday")),
        jsonl(claude_line(timestamp=None)),
        jsonl(claude_line(usage={"input_tokens": -1, "output_tokens": True})),
    ],
)
def test_a_line_that_cannot_be_read_is_said_to_be_bad(raw: bytes) -> None:
    with pytest.raises(BadLine):
        ClaudeCodeLines(None, "auto").line(raw)


def test_absurd_counts_are_left_out() -> None:
    usage = claude_usage() | {"input_tokens": 2**63, "cache_read_input_tokens": 1.5, "cache_creation": "odd"}
    [call] = calls_of(claude_line(usage=usage))
    assert (call.tokens.uncached_input, call.tokens.cache_read, call.tokens.output) == (0, 0, 260)


def test_instants_count_by_their_zone() -> None:
    [call] = calls_of(claude_line(timestamp="2026-11-02T23:30:00.000-08:00"))
    [same] = calls_of(claude_line(timestamp="2026-11-03T07:30:00.000Z"))
    assert call.requested_at_us == same.requested_at_us


def test_endless_unfinished_answers_take_bounded_room() -> None:
    reader = ClaudeCodeLines(None, "auto")
    for number in range(1_000):
        reader.line(jsonl(claude_line(number, 0, stop=None, isSidechain=True)).strip())
    assert reader.waiting <= 257
    assert len(reader.state()) < 400_000


def test_an_import_goes_on_within_an_answer(desk: Desk) -> None:
    first = jsonl(claude_line(1, 0, usage=claude_usage(output=1), stop=None))
    whole = first + jsonl(claude_line(1, 1, usage=claude_usage(output=77)))
    desk.clock.instant -= timedelta(days=2)
    early = desk.read("claude-code", "log.jsonl", first)
    assert (early.tally.new, early.tally.waiting) == (0, 1)
    late = desk.read("claude-code", "log.jsonl", whole)
    assert (late.lines, late.tally.new, late.tally.waiting) == (1, 1, 0)
    assert [call.tokens.output for call in desk.calls()] == [77]


def test_a_call_gets_project_price_host_and_time(desk: Desk) -> None:
    desk.read("claude-code", "log.jsonl", jsonl(claude_line()))
    [call] = desk.calls()
    assert (call.project, call.attribution_method, call.source_workdir) == ("acme-api", "git", "/home/vk/acme-api")
    assert call.cost_millicents == 4 + 15_030 + 2 * 8_655 + 260
    assert (call.source_machine, call.source) == ("vk.local", "import:claude-code")
    assert call.recorded_at_us == micros(2 * 86_400)
    assert stamp(0) == "2026-11-02T09:00:00.000Z"
