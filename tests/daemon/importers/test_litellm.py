"""LiteLLM's spend logs, in all their forms."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from daemon.calls.tokens import Tokens
from daemon.importers.draft import BadLine, Draft
from daemon.importers.litellm import litellm_log
from tests.daemon.importers.samples import litellm_row as row
from tests.daemon.importers.samples import micros


def drafts_of(content: bytes) -> list[Draft]:
    drafts = list(litellm_log(content, 0, "auto"))
    assert not [draft for draft in drafts if isinstance(draft, BadLine)]
    return [draft for draft in drafts if isinstance(draft, Draft)]


def one(**changes: Any) -> Draft:
    [draft] = drafts_of(json.dumps([row(**changes)]).encode())
    return draft


def test_cached_tokens_are_a_part_of_the_prompt() -> None:
    call = one().call
    assert call.tokens == Tokens(
        uncached_input=4_000,
        cache_read=12_000,
        cache_write_5m=2_000,
        cache_write_1h=3_000,
        output=100,
        thinking=40,
    )
    assert (call.provider, call.model, call.surface) == ("anthropic", "claude-sonnet-4-5", "chat.completions")


def test_early_releases_counted_cached_tokens_beside_the_prompt() -> None:
    assert one(prompt_tokens=4_000).call.tokens.uncached_input == 4_000


def test_the_spend_is_taken_over_in_millicents_half_to_even() -> None:
    assert [one(spend=spend).call.cost_millicents for spend in (0.0123456, 0.000025, 0.000035, "1e-7")] == [
        1_235,
        2,
        4,
        None,
    ]
    assert one().call.billing_basis == "imported"


def test_no_spend_for_tokens_is_an_unknown_price_not_a_gift() -> None:
    assert one(spend=0).call.cost_millicents is None
    assert one(spend=0, model="claude-unheard-of").call.price_source is None


def test_what_the_gateways_own_cache_answered_is_no_call() -> None:
    assert not drafts_of(json.dumps([row(cache_hit="True", spend=0)]).encode())


def test_times_are_utc_and_lengths_come_from_them() -> None:
    call = one(startTime="2026-11-02 09:00:00.250000", completionStartTime="2026-11-02 09:00:00.900").call
    assert (call.requested_at_us, call.latency_ms, call.time_to_first_token_ms) == (micros(0.25), 3_500.0, 650)
    assert one(completionStartTime=row()["endTime"]).call.time_to_first_token_ms is None


def test_a_failure_has_its_class_and_no_cost() -> None:
    metadata = {"status": "failure", "error_information": {"error_code": "429", "error_class": "RateLimitError"}}
    call = one(metadata=metadata, spend=0, prompt_tokens=0, completion_tokens=0).call
    assert (call.status, call.error_class, call.http_status, call.retryable) == ("error", "rate_limit", 429, True)
    assert (call.provider_error_code, call.usage_source, call.cost_millicents) == ("RateLimitError", "absent", None)


def test_the_team_is_the_project() -> None:
    assert one().project == "Acme API"
    assert one(metadata={"user_api_key_alias": "ci"}, team_id=None).project == "ci"


def test_embeddings_are_told_apart() -> None:
    call = one(call_type="aembedding", model="text-embedding-3-small", custom_llm_provider="openai", metadata={}).call
    assert (call.surface, call.request_kind, call.provider) == ("embeddings", "embedding", "openai")


def test_all_forms_tell_the_same_calls() -> None:
    rows = [row(), row(request_id="chatcmpl-2", spend=0.5)]
    expected = drafts_of(json.dumps(rows).encode())
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows({**each, "metadata": json.dumps(each["metadata"])} for each in rows)
    lines = "\n".join(json.dumps({**each, "metadata": json.dumps(each["metadata"])}) for each in rows)
    answer = json.dumps({"data": rows, "total": 2, "page": 1}, indent=1)
    for form in (table.getvalue(), lines, answer):
        assert drafts_of(form.encode()) == expected


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([row(request_id=None)]).encode(),
        json.dumps([row(startTime="?")]).encode(),
        json.dumps([row(prompt_tokens=-1)]).encode(),
        json.dumps([row(prompt_tokens=True)]).encode(),
        b"[1]",
        b'{"request_id":',
        b"[" * 100_000,
        b"a,b\n1,2\n",
    ],
)
def test_a_row_that_cannot_be_read_is_said_to_be_bad(content: bytes) -> None:
    assert [type(each) for each in litellm_log(content, 0, "auto")] == [BadLine]
