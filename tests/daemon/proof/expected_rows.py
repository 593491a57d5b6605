"""What the store must hold after `sdk_calls.py`: told from the fake providers' samples and the warehouse's own prices.

Shares no code with what captures or prices on the laptop.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Any

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from pipelines.lake.pricing import RateIndex, TokenKinds, price_picousd
from pipelines.rates.aliases import resolve_model
from pipelines.rates.seed import seed_rates
from tests.daemon.proof.sdk_calls import PROMPT
from tests.daemon.upstreams import Received
from tests.daemon.upstreams_anthropic import ANTHROPIC_USAGE
from tests.daemon.upstreams_samples import SAMPLES

_PICODOLLARS_PER_MILLICENT = 10**7
# About four bytes a token where the provider does not count, of the prompt and of "It stops one eärly.".
_PROMPT_TOKENS = -(-len(PROMPT.encode()) // 4)
_ANSWER_TOKENS = 5
# As much of the stream as came before it fell silent: "Count the steps…" and "The loop stops".
_BROKEN_OFF = {
    "status": "error",
    "error_class": "aborted",
    "retryable": False,
    "stop_reason": None,
    "tokens_complete": False,
    "usage_source": "estimated",
}


@dataclass(frozen=True)
class Expected:
    """One row: what the sample says, but for `changes`."""

    sample: str
    changes: dict[str, Any] = field(default_factory=dict)


ROWS: dict[str, list[Expected]] = {
    "anthropic": [
        Expected("anthropic message"),
        Expected("anthropic stream"),
        Expected(
            "anthropic message",
            {
                "model": "claude-haiku-4-5",
                "tokens": Tokens(),
                "usage_source": "absent",
                "service_tier": None,
                "stop_reason": None,
                "status": "error",
                "http_status": 529,
                "error_class": "server_error",
                "provider_error_code": "overloaded_error",
                "retryable": True,
                "provider_request_id": "req_over",
            },
        ),
        Expected("anthropic message"),
        Expected("anthropic stream", _BROKEN_OFF),
        Expected("anthropic message"),
    ],
    "openai": [
        Expected("openai chat"),
        Expected("openai chat stream"),
        Expected("openai response"),
        Expected("openai response stream"),
        Expected(
            "openai chat stream without a count",
            {"tokens": Tokens(uncached_input=_PROMPT_TOKENS, output=_ANSWER_TOKENS), "tokens_complete": False},
        ),
        Expected("openai embeddings"),
    ],
    "gemini": [
        Expected("gemini content"),
        Expected("gemini stream of events"),
        Expected("gemini embeddings"),
    ],
    "xai": [
        Expected("xai chat"),
        Expected("xai chat stream"),
        Expected("xai response"),
        Expected("xai response stream"),
        Expected("xai message"),
    ],
}
CALLS = sum(map(len, ROWS.values()))


def expected_facts(expected: Expected, request: Received) -> dict[str, Any]:
    """What a row says of a call, but for when, where and how much."""
    sample = SAMPLES[expected.sample]
    named = sample.headers.get("request-id") or sample.headers.get("x-request-id") or sample.answer_id
    return {
        "provider": sample.provider,
        "model": sample.model,
        "surface": sample.surface,
        "request_kind": sample.request_kind,
        "streamed": sample.streamed,
        "tokens": sample.tokens,
        "usage_source": sample.usage_source,
        "tokens_complete": True,
        "service_tier": sample.service_tier,
        "stop_reason": sample.stop_reason,
        "status": "success",
        "http_status": 200,
        "error_class": None,
        "provider_error_code": None,
        "retryable": None,
        "provider_request_id": named,
        "prompt_hash": _hash_of(request.body),
        "billing_basis": None,
    } | expected.changes


def facts(call: Call, names: dict[str, Any]) -> dict[str, Any]:
    """The same of a row as it is; of tokens of an answer that broke off, only what the provider had said."""
    told = {name: getattr(call, name) for name in names}
    if call.error_class == "aborted":
        counts = call.tokens
        assert (counts.uncached_input, counts.cache_read) == (
            ANTHROPIC_USAGE["input_tokens"],
            ANTHROPIC_USAGE["cache_read_input_tokens"],
        )
        assert (counts.cache_write_5m, counts.cache_write_1h) == (300, 1000)
        assert 0 < counts.output < ANTHROPIC_USAGE["output_tokens"]
        told["tokens"] = names["tokens"]
    return told


def listed_millicents(call: Call) -> int | None:
    """What the warehouse would make of the call's tokens, rounded once."""
    ref = resolve_model(call.provider, call.model).model_ref
    assert ref is not None
    tokens = call.tokens
    kinds = TokenKinds(
        tokens.uncached_input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h, tokens.output
    )
    rate = _listed().find(
        provider=call.provider,
        model_ref=ref,
        service_tier=call.service_tier,
        at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=call.requested_at_us),
        total_input=kinds.total_input,
        workspace_id="",
    )
    picodollars = price_picousd(kinds, rate.rates) if rate else None
    if picodollars is None:
        return None
    return int((Decimal(picodollars) / _PICODOLLARS_PER_MILLICENT).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@cache
def _listed() -> RateIndex:
    return RateIndex(seed_rates())


def _hash_of(body: bytes) -> str:
    canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
