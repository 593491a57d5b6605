"""Calling a provider: patience, limits, pages, and what messages hold."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from pipelines.billing import http
from pipelines.billing.http import AnswerError, BillingError, Patience, ProviderClient, RefusedError
from pipelines.lake.clock import FixedClock
from tests.billing_fakes.ledger import ADMIN_KEY
from tests.conftest import NOON

Answers = Callable[[httpx.Request], httpx.Response]


class Provider:
    """A provider that gives prepared answers, and a client that does not wait."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[httpx.Request] = []
        self.waits: list[float] = []
        patience = Patience(sleep=self.waits.append, jitter=lambda: 0.5, clock=FixedClock(NOON))
        self.client = ProviderClient(
            "Acme AI",
            "https://api.acme.example",
            {"x-api-key": ADMIN_KEY},
            transport=httpx.MockTransport(self._answer),
            patience=patience,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def good(content: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"data": []} if content is None else content)


def test_a_passing_fault_is_waited_out_longer_and_longer() -> None:
    provider = Provider(httpx.Response(500), httpx.ConnectError("no"), httpx.Response(529), good())
    assert provider.client.get("/bills") == {"data": []}
    assert provider.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "said", ["7", format_datetime(NOON + timedelta(seconds=7), usegmt=True)], ids=["seconds", "date"]
)
def test_it_waits_as_long_as_the_provider_asks(said: str) -> None:
    provider = Provider(httpx.Response(429, headers={"retry-after": said}), good())
    provider.client.get("/bills")
    assert provider.waits == [7.0]


def test_it_does_not_wait_for_hours_nor_for_ever() -> None:
    provider = Provider(httpx.Response(429, headers={"retry-after": "7200"}))
    with pytest.raises(BillingError, match="come back in 7200 seconds"):
        provider.client.get("/bills")
    provider = Provider(*[httpx.Response(503) for _ in range(http.TRIES)])
    with pytest.raises(BillingError, match=r"answered 503 5 times\."):
        provider.client.get("/bills")
    assert len(provider.waits) == http.TRIES - 1


@pytest.mark.parametrize("said", ["soon", "-5", "", "Tue, 99 Foo 2026 00:00:00 GMT", "1e9"])
def test_an_odd_retry_after_is_no_fault(said: str) -> None:
    provider = Provider(httpx.Response(429, headers={"retry-after": said}), good())
    provider.client.get("/bills")
    assert provider.waits == [0.5]


@pytest.mark.parametrize(("status", "words"), [(401, "wrong or was revoked"), (403, "may not read bills")])
def test_a_refusal_is_plain_and_final_and_holds_no_key(status: int, words: str, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    said = {"error": {"type": "authentication_error", "message": f"Incorrect API key provided: {ADMIN_KEY}"}}
    provider = Provider(httpx.Response(status, json=said))
    with pytest.raises(RefusedError, match=words) as refusal:
        provider.client.get("/bills")
    assert "(authentication_error)" in str(refusal.value)
    assert ADMIN_KEY not in repr(refusal.value) + caplog.text
    assert refusal.value.__cause__ is None
    assert len(provider.calls) == 1


def test_an_error_type_that_is_no_plain_word_is_not_repeated() -> None:
    for kind in (ADMIN_KEY, "Words With Blanks", 5, None, ["x"]):
        provider = Provider(httpx.Response(400, json={"error": {"type": kind}}))
        with pytest.raises(AnswerError) as refusal:
            provider.client.get("/bills")
        assert str(refusal.value) == "Acme AI answered 400."


def test_no_redirect_is_followed() -> None:
    provider = Provider(httpx.Response(302, headers={"location": "https://elsewhere.example"}))
    with pytest.raises(AnswerError, match="redirect"):
        provider.client.get("/bills")
    assert [str(call.url) for call in provider.calls] == ["https://api.acme.example/bills"]


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_BYTES_MAX", 1024**2)
    provider = Provider(httpx.Response(200, content=b" " * (1024**2 + 1)))
    with pytest.raises(AnswerError, match="more than 1 MiB"):
        provider.client.get("/bills")


def test_one_that_is_never_done_is_given_up() -> None:
    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            while True:
                yield b" "

    ticks = iter(range(0, 10**9, 600))
    patience = Patience(sleep=lambda _: None, elapsed=lambda: float(next(ticks)))
    answering = httpx.MockTransport(lambda _: httpx.Response(200, stream=Dripping()))
    client = ProviderClient("Acme AI", "https://api.acme.example", {}, transport=answering, patience=patience)
    with client, pytest.raises(BillingError, match="Acme AI took more than 30 minutes"):
        client.get("/bills")
    assert next(ticks) == 3_000  # begun at 0, given up at 2,400, which is after 1,800


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b'"x"', b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b"\xff"]
)
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerError):
        Provider(httpx.Response(200, content=body)).client.get("/bills")


def test_fractions_are_read_digit_by_digit() -> None:
    provider = Provider(httpx.Response(200, content=b'{"value": 0.1000000000000000055511151231257827}'))
    assert str(provider.client.get("/bills")["value"]) == "0.1000000000000000055511151231257827"


def test_pages_follow_one_query() -> None:
    provider = Provider(
        good({"data": [1], "has_more": True, "next_page": "t1"}),
        good({"data": [2], "has_more": False, "next_page": None}),
    )
    pages = list(provider.client.pages("/bills", [("group_by[]", "model"), ("group_by[]", "key")]))
    assert [one["data"] for one in pages] == [[1], [2]]
    first, second = (call.url.params.multi_items() for call in provider.calls)
    assert second == [*first, ("page", "t1")]


@pytest.mark.parametrize(
    "page",
    [
        {"has_more": True},
        {"has_more": True, "next_page": None},
        {"has_more": True, "next_page": ""},
        {"has_more": True, "next_page": 5},
        {"has_more": "yes", "next_page": "t"},
        {"next_page": "t"},
    ],
)
def test_more_without_a_token_is_an_error(page: dict[str, Any]) -> None:
    with pytest.raises(AnswerError, match="more pages and not where"):
        list(Provider(good(page)).client.pages("/bills", []))


def test_pages_that_go_round_are_an_error() -> None:
    round_ = {"data": [], "has_more": True, "next_page": "t"}
    with pytest.raises(AnswerError, match="same page twice"):
        list(Provider(good(round_), good(round_)).client.pages("/bills", []))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.example", "ftp://api.acme.example", "api.acme.example", "https://", "https://user:pw@acme.example",
        "https://acme.example/?a=1", "https://acme.example/#x", "http://127.0.0.1.acme.example", "https://[::1", "",
    ],
)  # fmt: skip
def test_a_key_goes_to_no_doubtful_address(url: str) -> None:
    with pytest.raises(BillingError):
        ProviderClient("Acme AI", url, {})
