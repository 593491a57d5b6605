"""Which money a captured call is: what a plan covers is not owed by the token."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.capture.providers.metered import MeteredCall, Outcome
from tests.daemon.providers.metering import meter_for
from tests.daemon.upstreams_anthropic import anthropic_message
from tests.daemon.upstreams_shapes import JSON, compact

PLAN = "Bearer sk-ant-oat01-abcdefghijklmnopqrstuvwxyz"
COVERED = "subscription_imputed"


def answered(request_headers: dict[str, str], answer_headers: dict[str, str], usage: dict[str, Any]) -> MeteredCall:
    meter = meter_for("anthropic")
    meter.request(request_headers, compact({"model": "claude-opus-5", "messages": "x"}))
    meter.response_started(200, {"Content-Type": JSON, **answer_headers})
    message = anthropic_message()
    meter.response_bytes(compact(message | {"usage": message["usage"] | usage}))
    return meter.finished(outcome=Outcome.COMPLETE)


@pytest.mark.parametrize(
    ("headers", "basis"),
    [
        ({"Authorization": PLAN}, COVERED),
        ({"authorization": "  bearer  sk-ant-oat02-x "}, COVERED),
        ({"x-api-key": "sk-ant-api03-abc"}, None),
        ({"authorization": "Bearer sk-ant-api03-abc"}, None),
        ({"authorization": "Basic sk-ant-oat01-abc"}, None),
        ({"x-api-key": "sk-ant-oat01-abc"}, None),
        ({}, None),
    ],
)
def test_a_call_signed_for_a_plan_is_not_owed_by_the_token(headers: dict[str, str], basis: str | None) -> None:
    assert answered(headers, {}, {}).billing_basis == basis


@pytest.mark.parametrize(
    ("headers", "basis"),
    [
        ({"Anthropic-Ratelimit-Unified-Overage-In-Use": "true"}, None),
        ({"anthropic-ratelimit-unified-representative-claim": "overage"}, None),
        (
            {
                "anthropic-ratelimit-unified-overage-in-use": "false",
                "anthropic-ratelimit-unified-overage-status": "allowed",
                "anthropic-ratelimit-unified-representative-claim": "five_hour",
            },
            COVERED,
        ),
    ],
)
def test_what_goes_beyond_a_plan_is_owed(headers: dict[str, str], basis: str | None) -> None:
    assert answered({"authorization": PLAN}, headers, {}).billing_basis == basis


def test_fast_serving_is_in_no_plan() -> None:
    assert answered({"authorization": PLAN}, {}, {"speed": "fast"}).billing_basis is None
    assert answered({"authorization": PLAN}, {}, {"speed": "standard"}).billing_basis == COVERED


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_planned_call_without_an_answer_is_of_the_plan_too(outcome: Outcome) -> None:
    meter = meter_for("anthropic")
    meter.request({"authorization": PLAN}, compact({"model": "claude-opus-5", "messages": "x" * 400}))
    assert meter.finished(outcome=outcome).billing_basis == COVERED


def test_the_kind_of_a_credential_says_nothing_of_other_providers() -> None:
    meter = meter_for("openai")
    meter.request({"authorization": PLAN}, b"{}")
    assert meter.finished(outcome=Outcome.COMPLETE).billing_basis is None
