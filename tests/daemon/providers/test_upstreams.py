"""The fake providers themselves: the official SDKs understand their answers as the samples say."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.daemon.upstreams import Reply, Upstream
from tests.daemon.upstreams_anthropic import ANTHROPIC_REQUEST, anthropic_events
from tests.daemon.upstreams_openai import CHAT_REQUEST, CHAT_USAGE, RESPONSES_REQUEST
from tests.daemon.upstreams_samples import SAMPLES
from tests.daemon.upstreams_tls import serving_as


def test_anthropics_sdk_understands_the_samples() -> None:
    from anthropic import Anthropic

    with Upstream() as upstream, Anthropic(api_key="sk-ant-test", base_url=upstream.url, max_retries=0) as client:
        message = client.messages.create(**ANTHROPIC_REQUEST)
        assert message.usage.cache_creation is not None
        assert message.usage.cache_creation.ephemeral_1h_input_tokens == 1000
        with client.messages.stream(**ANTHROPIC_REQUEST) as stream:
            final = stream.get_final_message()
        assert (final.usage.output_tokens, final.stop_reason) == (503, "tool_use")
        assert upstream.received(2).header("authorization") == "Bearer sk-ant-test"


def test_openais_sdk_understands_the_samples() -> None:
    from openai import OpenAI

    with Upstream() as upstream, OpenAI(api_key="sk-test", base_url=f"{upstream.url}/v1", max_retries=0) as client:
        answer = client.chat.completions.create(**CHAT_REQUEST)
        assert answer.usage is not None
        assert answer.usage.model_dump(exclude_none=True) == CHAT_USAGE
        counted = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = list(client.chat.completions.create(**CHAT_REQUEST, **counted))
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 300
        events = list(client.responses.create(**RESPONSES_REQUEST, stream=True))
        assert events[-1].type == "response.completed"
        assert events[-1].response.usage is not None
        assert events[-1].response.usage.output_tokens_details.reasoning_tokens == 640
        assert client.embeddings.create(model="text-embedding-3-small", input=["one", "two"]).usage.prompt_tokens == 8


def test_googles_sdk_understands_the_samples() -> None:
    from google import genai
    from google.genai import types

    with Upstream() as upstream:
        client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=upstream.url))
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="Is this loop right?")
        assert answer.usage_metadata is not None
        assert answer.usage_metadata.thoughts_token_count == 728
        parts = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Is this loop right?"))
        assert (len(parts), parts[-1].usage_metadata) == (3, answer.usage_metadata)
        client.close()


@pytest.mark.parametrize("coding", [None, "gzip", "deflate", "br", "zstd"])
def test_documents_come_in_any_coding_and_requests_are_kept_byte_for_byte(coding: str | None) -> None:
    with Upstream() as upstream:
        upstream.script(Reply.document({"a": "ö"}, coding=coding, x_request_id="req_1"))
        answer = httpx.post(f"{upstream.url}/x?y=1", content=b'{"q": 1}', headers={"X-Mixed": "Case"})
        assert (answer.json(), answer.headers["x-request-id"]) == ({"a": "ö"}, "req_1")
        received = upstream.received()
        assert received.raw.startswith(b"POST /x?y=1 HTTP/1.1\r\n")
        assert received.raw.endswith(b'\r\n\r\n{"q": 1}')
        assert b"X-Mixed: Case\r\n" in received.raw


def test_chunked_requests_and_kept_connections() -> None:
    with Upstream() as upstream, httpx.Client() as client:
        for _ in range(2):
            upstream.script(Reply.document({}))
            client.post(upstream.url, content=iter([b"abc", b"def"]))
        assert [request.body for request in upstream.requests] == [b"abcdef", b"abcdef"]
        assert upstream.connections == 1
        assert b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n" in upstream.received(2).raw


@pytest.mark.parametrize("ending", ["reset", "close"])
def test_a_stream_breaks_off_as_told(ending: str) -> None:
    with Upstream() as upstream:
        upstream.script(Reply.stream(anthropic_events()[:3], ending=ending))
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            httpx.post(upstream.url, content=b"{}")


def test_a_silent_upstream_notices_who_goes_away() -> None:
    with Upstream() as upstream:
        upstream.script(Reply.stream(anthropic_events()[:3], ending="hang"))
        with httpx.Client() as client, client.stream("POST", upstream.url, content=b"{}") as answer:
            assert b"message_start" in next(answer.iter_bytes())
            assert upstream.received().answered.wait(5)
        assert upstream.received().gone.wait(5)


def test_a_silent_upstream_stops_at_once() -> None:
    with Upstream() as upstream:
        upstream.script(Reply.stream([], ending="hang"))
        with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
            assert upstream.received().answered.wait(5)


def test_a_provider_may_be_served_over_tls(tmp_path: Path) -> None:
    context, trusted = serving_as(tmp_path, "api.anthropic.com", "127.0.0.1")
    trust = ssl.create_default_context(cafile=str(trusted))
    sample = SAMPLES["anthropic message"]
    with Upstream(tls=context) as upstream, httpx.Client(verify=trust) as client:
        answer = client.post(f"{upstream.url}{sample.path}", json=sample.request)
        assert answer.content == sample.body
    with Upstream(tls=context) as upstream, pytest.raises(httpx.ConnectError):
        httpx.post(upstream.url, json={})
