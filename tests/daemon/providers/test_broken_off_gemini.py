"""A Gemini stream that breaks off: its chunks count the input from the first on, the output often only in the last."""

from __future__ import annotations

import json

import pytest

from daemon.capture.providers.metered import Outcome
from tests.daemon.providers.metering import metered

PATH = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
BEGUN = {"promptTokenCount": 1_000, "cachedContentTokenCount": 400, "totalTokenCount": 1_000}
ENDED = BEGUN | {"candidatesTokenCount": 90, "thoughtsTokenCount": 10, "totalTokenCount": 1_100}


def chunk(text: str, usage: dict[str, int], **candidate: str) -> bytes:
    said = {"candidates": [{"content": {"parts": [{"text": text}]}, "index": 0} | candidate], "usageMetadata": usage}
    return b"data: " + json.dumps(said).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_text_that_nobody_counted_is_estimated_and_not_free(outcome: Outcome) -> None:
    call = metered("gemini", [chunk("x" * 400, BEGUN), chunk("y" * 400, BEGUN)], path=PATH, outcome=outcome)
    assert (call.tokens.uncached_input, call.tokens.cache_read, call.tokens.output) == (600, 400, 200)
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)


def test_the_last_count_is_taken_whole() -> None:
    call = metered("gemini", [chunk("x" * 400, BEGUN), chunk("y", ENDED, finishReason="STOP")], path=PATH)
    assert (call.tokens.output, call.tokens.thinking, call.usage_source) == (100, 10, "provider")
    assert call.tokens_complete


def test_an_end_that_counts_no_output_is_believed() -> None:
    call = metered("gemini", [chunk("x", BEGUN, finishReason="SAFETY")], path=PATH)
    assert (call.tokens.output, call.usage_source, call.tokens_complete) == (0, "provider", True)


def test_a_count_before_the_end_is_the_providers() -> None:
    counted = BEGUN | {"candidatesTokenCount": 7}
    call = metered("gemini", [chunk("x" * 400, counted)], path=PATH, outcome=Outcome.CLIENT_ABORTED)
    assert (call.tokens.output, call.usage_source, call.tokens_complete) == (7, "provider", False)
