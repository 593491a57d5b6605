"""Anthropic's answers to OpenAI's clients are metered like any other's; compression may begin anew in mid-answer."""

from __future__ import annotations

import zstandard

from daemon.calls.tokens import Tokens
from tests.daemon.providers.metering import metered_document, metered_sample
from tests.daemon.upstreams_samples import SAMPLES


def test_anthropics_chat_completions_are_metered() -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
    answer = {"id": "msg_1", "model": "claude-opus-4-6", "choices": [{"finish_reason": "stop"}], "usage": usage}
    call = metered_document("anthropic", answer, path="/v1/chat/completions", request={"model": "claude-opus-4-6"})
    assert (call.tokens, call.usage_source, call.tokens_complete) == (
        Tokens(uncached_input=20, output=7),
        "provider",
        True,
    )
    assert (call.provider, call.surface, call.model) == ("anthropic", "chat.completions", "claude-opus-4-6")


def test_a_frame_of_zstd_for_every_flush_is_one_answer() -> None:
    sample = SAMPLES["anthropic stream"]
    pieces = [zstandard.ZstdCompressor().compress(piece) for piece in sample.pieces]
    for sent in (pieces, [b"".join(pieces)], [bytes([byte]) for piece in pieces for byte in piece]):
        call = metered_sample(sample, sent, **{"Content-Encoding": "zstd"})
        assert (call.tokens, call.usage_source, call.tokens_complete) == (sample.tokens, "provider", True)
