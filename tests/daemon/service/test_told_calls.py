"""Calls that programs tell of by spans, beside the proxy that saw the same ones: each is on record once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.credentials import MeterHome
from daemon.prices.book import Cost, PriceBook
from daemon.service.answers import Facts, completed, routes
from daemon.service.loopback import Asked
from daemon.service.snapshot import Snapshot
from daemon.store.store import Store
from tests.daemon.otlp.requests import CHAT, START_NS, as_json, span

START_US = START_NS // 1000
CAPTURED = Call(
    id="00000000-0000-4000-8000-000000000001",
    requested_at_us=START_US + 3_000,
    recorded_at_us=START_US + 2_600_000,
    provider="openai",
    model="gpt-4o-2024-08-06",
    surface="chat.completions",
    source="gateway",
    tokens=Tokens(uncached_input=400, cache_read=600, output=180, thinking=64),
    usage_source="provider",
    latency_ms=2_400.0,
    provider_request_id="req_of_the_header",
)
UNCOUNTED = {key: value for key, value in CHAT.items() if "usage" not in key}


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 2, 12, tzinfo=UTC)


def no_snapshot() -> Snapshot:
    raise AssertionError("spans have nothing to do with it")


class Desk:
    """Takes spans into a real store."""

    def __init__(self, home: MeterHome, store: Store) -> None:
        self.store = store
        facts = Facts(
            home=home,
            store=store,
            clock=StoppedClock(),
            version="0",
            hostname="laptop",
            snapshot=no_snapshot,
            priced=lambda call: completed(call, clock=StoppedClock(), hostname="laptop", cost=self._cost),
        )
        self._answer = routes(facts)["POST", "/v1/traces"]
        self._book = PriceBook.bundled()

    def _cost(self, call: Call) -> Cost | None:
        return self._book.cost(call.provider, call.model, call.tokens, call.requested_at_us, call.service_tier)

    def takes(self, *spans: dict[str, Any]) -> list[Call]:
        """Post spans; return what of them is on record."""
        headers = Message()
        headers["Content-Type"] = "application/json"
        answer = self._answer(Asked(path="/v1/traces", query="", headers=headers, body=as_json(*spans)))
        assert (answer.status, answer.body) == (200, b"{}")
        return [call for call in self.store.newest(100) if call.source == "otel"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    home = MeterHome(tmp_path)
    with Store(home.database_path, StoppedClock()) as store:
        yield Desk(home, store)


def test_a_captured_call_is_known_though_its_header_has_another_name_than_its_answer(desk: Desk) -> None:
    desk.store.add([CAPTURED])
    assert desk.takes(span()) == []


def test_a_captured_call_is_known_by_the_answers_name_though_nobody_counted(desk: Desk) -> None:
    named = msgspec.structs.replace(CAPTURED, provider_request_id="chatcmpl-123")
    desk.store.add([named])
    assert desk.takes(span(attributes=UNCOUNTED)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"requested_at_us": START_US - 3_600_000_000},
        {"tokens": Tokens(uncached_input=401, cache_read=600, output=180)},
        {"provider": "xai"},
    ],
)
def test_another_call_is_another_call_also_where_a_relay_reuses_its_name(desk: Desk, changes: dict[str, Any]) -> None:
    desk.store.add([msgspec.structs.replace(CAPTURED, provider_request_id="chatcmpl-123", **changes)])
    assert len(desk.takes(span())) == 1


def test_spans_of_a_relay_that_names_every_answer_alike_are_all_calls(desk: Desk) -> None:
    for number in (1, 2, 3):
        kept = desk.takes(span(number, start=START_NS + number * 10**10))
    assert len(kept) == 3
    assert {call.cost_millicents for call in kept} == {100 + 75 + 180}


def test_a_span_without_counts_has_no_price(desk: Desk) -> None:
    [call] = desk.takes(span(attributes=UNCOUNTED))
    assert (call.usage_source, call.tokens_complete, call.cost_millicents) == ("absent", False, None)


def test_a_span_that_counts_nothing_costs_nothing(desk: Desk) -> None:
    counts = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    [call] = desk.takes(span(attributes=UNCOUNTED | counts))
    assert (call.usage_source, call.tokens_complete, call.cost_millicents) == ("provider", True, 0)
