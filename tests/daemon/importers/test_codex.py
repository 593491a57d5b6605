"""Codex' rollouts: calls out of running totals."""

from __future__ import annotations

import itertools

import pytest

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.codex import CodexLines
from daemon.importers.draft import BadLine, Billing, Draft
from tests.daemon.importers.samples import codex_counts as counts
from tests.daemon.importers.samples import codex_event as event
from tests.daemon.importers.samples import codex_meta as meta
from tests.daemon.importers.samples import codex_text, jsonl, micros
from tests.daemon.importers.samples import codex_turn as turn

FIRST = counts(10_000, 4_000, 200, 50)
SECOND = counts(12_000, 10_000, 300, 0)
BOTH = counts(22_000, 14_000, 500, 50)


def drafts_of(*lines: dict, billing: Billing = "auto") -> list[Draft]:
    reader = CodexLines(None, billing)
    return [draft for line in jsonl(*lines).splitlines() for draft in reader.line(line)]


def calls_of(*lines: dict, billing: Billing = "auto") -> list[Call]:
    return [draft.call for draft in drafts_of(*lines, billing=billing)]


def test_each_growth_of_the_totals_is_a_call() -> None:
    lines = [meta(), turn(1, 1), codex_text(2), event(3, FIRST, FIRST), codex_text(4), event(9, BOTH, SECOND)]
    one, two = drafts_of(*lines)
    assert one.call.tokens == Tokens(uncached_input=6_000, cache_read=4_000, output=200, thinking=50)
    assert two.call.tokens == Tokens(uncached_input=2_000, cache_read=10_000, output=300)
    assert (one.call.model, one.call.provider, one.call.surface) == ("gpt-5-codex", "openai", "responses")
    assert [draft.call.requested_at_us for draft in (one, two)] == [micros(3), micros(9)]
    assert one.workdir == "/home/vk/billing"


def test_an_event_that_is_repeated_adds_nothing() -> None:
    assert len(calls_of(meta(), turn(1, 1), event(3, FIRST, FIRST), event(4, FIRST, FIRST))) == 1


def test_an_event_with_only_the_limits_of_the_plan_is_no_call() -> None:
    assert not calls_of(meta(), turn(1, 1), event(2, None, None))


def test_growth_counts_where_an_event_between_is_missing() -> None:
    third = counts(30_000, 20_000, 900, 60)
    _, late = calls_of(meta(), turn(1, 1), event(3, FIRST, FIRST), event(9, third, counts(8_000, 6_000, 400, 10)))
    assert late.tokens == Tokens(uncached_input=4_000, cache_read=16_000, output=700, thinking=10)


def test_totals_alone_are_enough() -> None:
    one, two = calls_of(meta(), turn(1, 1), event(3, FIRST, None), event(9, BOTH, None))
    assert (one.tokens.total_input, two.tokens.total_input) == (10_000, 12_000)


def test_the_last_answer_alone_is_enough() -> None:
    one, two = calls_of(meta(), turn(1, 1), event(3, None, FIRST), event(9, None, SECOND))
    assert one.id != two.id
    assert (one.tokens.total_input, two.tokens.total_input) == (10_000, 12_000)


def test_inherited_totals_at_the_beginning_of_a_file_are_not_counted_again() -> None:
    [call] = calls_of(meta(), turn(1, 1), event(3, BOTH, SECOND))
    assert call.tokens.total_input == 12_000


def test_totals_that_begin_anew_count_the_last_answer() -> None:
    full = {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0, "total_tokens": 258_400}
    calls = calls_of(
        meta(), turn(1, 1), event(3, BOTH, SECOND), event(5, full, {**full, "total_tokens": 1}), event(9, FIRST, FIRST)
    )
    assert [call.tokens.total_input for call in calls] == [12_000, 10_000]


def test_a_conversation_may_take_more_tokens_than_any_call() -> None:
    huge = counts(3_000_000_000, 2_900_000_000, 4_000_000)
    more = counts(3_000_010_000, 2_900_004_000, 4_000_200)
    _, call = calls_of(meta(), turn(1, 1), event(3, huge, FIRST), event(9, more, FIRST))
    assert call.tokens == Tokens(uncached_input=6_000, cache_read=4_000, output=200)


def test_cache_writes_are_a_part_of_the_input() -> None:
    written = counts(10_000, 4_000, 200, 0, written=1_500)
    [call] = calls_of(meta(), turn(1, 1), event(3, written, written))
    assert call.tokens == Tokens(uncached_input=4_500, cache_read=4_000, cache_write_5m=1_500, output=200)


def test_a_continued_conversation_copies_its_past_under_new_times_and_adds_only_what_is_new() -> None:
    past = [turn(1, 1), event(3, FIRST, FIRST)]
    copied = [turn(600, 1), event(600.01, FIRST, FIRST)]
    child = meta(600, "019a1000-0000-7000-8000-000000000002", forked_from_id="019a1000-0000-7000-8000-000000000001")
    parent_calls = calls_of(meta(), *past)
    child_calls = calls_of(child, meta(600), *copied, turn(601, 2), event(610, BOTH, SECOND))
    assert {call.id for call in parent_calls} < {call.id for call in child_calls}
    assert len({call.id for call in parent_calls + child_calls}) == 2


def test_copies_of_turns_without_an_id_of_their_own_are_told_by_their_time() -> None:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": "019a", "depth": 1}}}
    lines = [meta(600, source=spawned), turn(600.1, None), event(600.2, FIRST, FIRST), event(609, BOTH, SECOND)]
    [call] = calls_of(*lines)
    assert (call.requested_at_us, call.tokens.total_input) == (micros(609), 12_000)


def test_copies_with_their_own_times_are_the_same_calls() -> None:
    lines = [turn(1, None), event(3, FIRST, FIRST)]
    [one] = calls_of(meta(), *lines)
    [other] = calls_of(meta(0, "019a1000-0000-7000-8000-00000000000f"), *lines)
    assert one.id == other.id


def test_equal_calls_of_different_conversations_are_different() -> None:
    ids = {
        call.id
        for number, turned in itertools.product((1, 2), (True, False))
        for call in calls_of(meta(), turn(1, number if turned else None), event(3 + number, FIRST, FIRST))
    }
    assert len(ids) == 4


def test_turn_ids_that_only_count_are_no_names() -> None:
    lines = [turn(1, None, turn_id="1"), event(3, FIRST, FIRST)]
    later = [turn(901, None, turn_id="1"), event(903, FIRST, FIRST)]
    assert calls_of(meta(), *lines)[0].id != calls_of(meta(900), *later)[0].id


def test_the_model_is_that_of_the_turn_and_unknown_before_any() -> None:
    [nameless] = calls_of(meta(), event(3, FIRST, FIRST))
    [named] = calls_of(meta(), turn(1, 1), turn(2, 2, model="gpt-5.5"), event(3, FIRST, FIRST))
    assert (nameless.model, named.model) == ("unknown", "gpt-5.5")


def test_use_is_of_a_subscription_unless_it_goes_to_another_provider_or_the_person_says_otherwise() -> None:
    lines = [turn(1, 1), event(3, FIRST, FIRST)]
    [own] = calls_of(meta(), *lines)
    [other] = calls_of(meta(model_provider="azure"), *lines)
    [told] = calls_of(meta(), *lines, billing="metered")
    assert (own.billing_basis, other.billing_basis, told.billing_basis) == ("subscription_imputed", None, None)
    assert other.provider == "azure"


def test_going_on_from_a_state_is_like_never_having_stopped() -> None:
    lines = jsonl(meta(), turn(1, 1), event(3, FIRST, FIRST), event(4, FIRST, FIRST), event(9, BOTH, SECOND))
    whole = CodexLines(None, "auto")
    expected = [draft for line in lines.splitlines() for draft in whole.line(line)]
    reader, found = CodexLines(None, "auto"), []
    for line in lines.splitlines():
        found += reader.line(line)
        reader = CodexLines(reader.state(), "auto")
    assert found == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense",
        b"[1]",
        jsonl({"type": "event_msg", "payload": {"type": "token_count", "info": {"last_token_usage": FIRST}}}),
        jsonl(turn(0, 1))[:-5],
        jsonl(event(1, None, counts(10**12, 0, 1))),
    ],
)
def test_a_line_that_cannot_be_read_is_said_to_be_bad(raw: bytes) -> None:
    with pytest.raises(BadLine):
        CodexLines(None, "auto").line(raw)
