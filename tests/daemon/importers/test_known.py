"""The same call, captured on its way and told by a log, is on record once; two that look alike are two."""

from __future__ import annotations

import msgspec
import pytest

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import (
    claude_line,
    claude_usage,
    codex_counts,
    codex_event,
    codex_meta,
    codex_turn,
    jsonl,
    micros,
)

REQUEST = "req_011" + "0" * 20 + "1"
CAPTURED = Call(
    id="00000000-0000-4000-8000-000000000001",
    requested_at_us=micros(-1),
    recorded_at_us=micros(4),
    provider="anthropic",
    model="claude-sonnet-4-5-20250929",
    surface="messages",
    source="proxy",
    tokens=Tokens(uncached_input=4, cache_read=15_030, cache_write_1h=8_655, output=260),
    usage_source="provider",
    latency_ms=5_000.0,
    provider_request_id=REQUEST,
)


def read(desk: Desk, line: dict, *captured: Call) -> tuple[int, int]:
    desk.store.add(captured)
    tally = desk.read("claude-code", "log.jsonl", jsonl(line)).tally
    return tally.new, tally.elsewhere


def test_a_captured_call_is_known_by_the_providers_id(desk: Desk) -> None:
    assert read(desk, claude_line(1), CAPTURED) == (0, 1)


def test_a_captured_call_is_known_by_the_providers_id_when_its_counts_are_estimated(desk: Desk) -> None:
    estimated = msgspec.structs.replace(CAPTURED, usage_source="estimated", tokens=Tokens(output=1))
    assert read(desk, claude_line(1), estimated) == (0, 1)


def test_a_captured_call_is_known_by_its_counts_and_time(desk: Desk) -> None:
    nameless = msgspec.structs.replace(CAPTURED, provider_request_id=None)
    assert read(desk, claude_line(1), nameless) == (0, 1)


def test_codex_tells_of_a_call_when_it_is_over(desk: Desk) -> None:
    captured = msgspec.structs.replace(
        CAPTURED, provider="openai", tokens=Tokens(uncached_input=6, cache_read=4, output=2), source="gateway"
    )
    desk.store.add([captured])
    counts = codex_counts(10, 4, 2)
    content = jsonl(codex_meta(), codex_turn(0, 1), codex_event(5, counts, counts), codex_event(60, counts, counts))
    assert desk.read("codex", "rollout-1.jsonl", content).tally.elsewhere == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"requested_at_us": micros(-120)},
        {"requested_at_us": micros(60)},
        {"provider": "openai"},
        {"source": "import:litellm"},
        {"tokens": Tokens(uncached_input=5, cache_read=15_030, cache_write_1h=8_655, output=260)},
    ],
)
def test_a_call_at_another_time_or_with_other_counts_is_another_call(desk: Desk, changes: dict) -> None:
    assert read(desk, claude_line(1), msgspec.structs.replace(CAPTURED, **changes)) == (1, 0)


def test_calls_without_tokens_are_not_taken_for_each_other(desk: Desk) -> None:
    empty = claude_usage(0, 0, 0, 0, 0)
    captured = msgspec.structs.replace(CAPTURED, tokens=Tokens(), provider_request_id=None)
    assert read(desk, claude_line(1, usage=empty), captured) == (1, 0)
