"""An error in the place of an answer: nothing was served, so nothing is owed, however long the request was."""

from __future__ import annotations

import pytest

from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import Outcome
from tests.daemon.providers.metering import metered
from tests.daemon.upstreams_anthropic import anthropic_events
from tests.daemon.upstreams_shapes import data_events

LONG = {"model": "m", "stream": True, "messages": "x" * 400_000}
OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
FAILED = (
    *data_events({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "usage": None}}),
    *data_events(
        {
            "type": "response.failed",
            "response": {"id": "resp_1", "status": "failed", "error": {"code": "server_error"}, "usage": None},
        }
    ),
)


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.CLIENT_ABORTED, Outcome.UPSTREAM_FAILED])
@pytest.mark.parametrize(
    ("provider", "path", "pieces"),
    [
        ("anthropic", "/v1/messages", [OVERLOADED]),
        ("openai", "/v1/chat/completions", [b'data: {"error":{"code":"server_error"}}\n\n']),
        ("openai", "/v1/responses", FAILED),
        ("gemini", "/v1beta/models/g:streamGenerateContent", [b'data: {"error":{"status":"UNAVAILABLE"}}\n\n']),
    ],
)
def test_a_stream_that_is_only_an_error_uses_nothing(provider: str, path: str, pieces: list, outcome: Outcome) -> None:
    call = metered(provider, pieces, path=path, request=LONG, outcome=outcome)
    assert (call.status, call.error_class) == ("error", "server_error")
    assert (call.tokens, call.usage_source, call.tokens_complete) == (Tokens(), "absent", True)


def test_an_error_behind_the_first_count_keeps_what_was_counted() -> None:
    call = metered("anthropic", [anthropic_events()[0], OVERLOADED], request=LONG)
    assert (call.status, call.usage_source, call.tokens_complete) == ("error", "estimated", False)
    assert call.tokens.cache_read == 18_210


def test_an_error_behind_some_text_keeps_an_estimate() -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"12345678"}}]}\n\n'
    call = metered("openai", [chunk, b'data: {"error":{"code":"server_error"}}\n\n'], request=LONG)
    assert (call.tokens, call.usage_source) == (Tokens(uncached_input=100_000, output=2), "estimated")
