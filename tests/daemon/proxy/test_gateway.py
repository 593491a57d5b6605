"""The gateway: where paths lead, what is for us alone, and what it answers itself."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from daemon.capture.proxy.headers import as_mapping, sent_on
from daemon.capture.proxy.routes import BadUpstreamError, Routes
from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.test_passing import ANSWER, BODY, answering, request
from tests.daemon.proxy.wire import Upstream, connected


@pytest.mark.parametrize(
    ("base", "asked", "arriving"),
    [
        (None, "/openai/v1/responses", "https://api.openai.com:443/v1/responses"),
        (None, "/openai/responses?a=1", "https://api.openai.com:443/v1/responses?a=1"),
        (None, "/anthropic/v1/messages?beta=true", "https://api.anthropic.com:443/v1/messages?beta=true"),
        (None, "/gemini/v1beta/models/m:g", "https://generativelanguage.googleapis.com:443/v1beta/models/m:g"),
        (None, "/xai/chat/completions", "https://api.x.ai:443/v1/chat/completions"),
        (None, "/anthropic", "https://api.anthropic.com:443/"),
        (None, "/anthropic?x", "https://api.anthropic.com:443/?x"),
        ("http://llm.corp:8080/openai/v1/", "/openai/v1/responses", "http://llm.corp:8080/openai/v1/responses"),
        ("http://llm.corp:8080/openai/v1", "/openai/responses", "http://llm.corp:8080/openai/v1/responses"),
        ("https://llm.corp/team", "/openai/responses", "https://llm.corp:443/team/responses"),
        ("https://[::1]:1/v1", "/openai/v1", "https://::1:1/v1"),
    ],
)
def test_gateway_paths_lead_to_the_base_urls(base: str | None, asked: str, arriving: str) -> None:
    found = Routes({} if base is None else {"openai": base}, {}).gateway(asked.encode())
    assert found is not None
    upstream, path = found
    assert f"{upstream.scheme}://{upstream.host}:{upstream.port}{path.decode()}" == arriving


@pytest.mark.parametrize("path", [b"/", b"", b"/openaix/v1", b"/OPENAI/v1", b"*", b"/v1/messages"])
def test_other_paths_lead_nowhere(path: bytes) -> None:
    assert Routes({}, {}).gateway(path) is None


@pytest.mark.parametrize(
    "base", ["api.openai.com", "ftp://x", "https://", "http://x:99999", "https://u:p@x", "http://x?q"]
)
def test_a_base_that_is_no_url_is_refused_by_name(base: str) -> None:
    with pytest.raises(BadUpstreamError, match="upstream of openai"):
        Routes({"openai": base}, {})


def test_headers_for_us_do_not_travel_on() -> None:
    fields = ((b"Host", b"a"), (b"X-HALTON-Project", b"acme"), (b"x-halton-other", b"1"), (b"x-b", b"2"))
    assert sent_on(fields, authority=None, to_provider=True) == (((b"Host", b"a"), (b"x-b", b"2")), "acme")
    assert sent_on(fields, authority=None, to_provider=False) == (fields, None)


def test_an_offer_of_http2_without_tls_is_not_passed_on() -> None:
    offer = ((b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"AAE"))
    passed = sent_on(((b"host", b"here"), *offer, (b"a", b"b")), authority="there:1", to_provider=True)
    assert passed.fields == ((b"host", b"there:1"), (b"a", b"b"))


def test_headers_of_one_name_are_joined() -> None:
    assert as_mapping([(b"A", b"1"), (b"b", b"\xe9"), (b"a", b"2")]) == {"a": "1, 2", "b": "é"}


def test_the_project_header_is_captured_and_kept_here(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port, more=b"X-Halton-Project: acme-api\r\n"))
    client.message()
    client.close()
    call = proxy.call()
    assert (call["project_header"], call["source"]) == ("acme-api", "gateway")
    assert plain.streams[0].received == request(b"/v1/responses", plain.port)


@pytest.mark.parametrize(
    ("path", "status", "words"), [(b"/", b"200 OK", b"Halton"), (b"/x", b"404 Not Found", b"/openai/")]
)
def test_other_paths_are_answered_in_words(proxy: RunningProxy, path: bytes, status: bytes, words: bytes) -> None:
    client = connected(proxy.port)
    client.send(b"POST %s HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}" % path)
    head, body = client.message()
    assert head.startswith(b"HTTP/1.1 " + status)
    assert words in body
    if status.startswith(b"404"):
        assert json.loads(body)["error"]["type"] == "unknown_path"
    client.close()
    assert proxy.calls() == []


def test_a_gateway_that_leads_to_itself_ends(proxy: RunningProxy, settings: dict[str, Any]) -> None:
    proxy.restart(**settings | {"port": proxy.port, "upstreams": {"openai": f"http://localhost:{proxy.port}/openai"}})
    client = connected(proxy.port)
    client.send(request(b"/openai/v1/responses", proxy.port))
    assert client.to_the_end().startswith(b"HTTP/1.1 502 ")
    client.close()
    assert proxy.call()["metered"]["stop_reason"] == "upstream_failed"


def test_bodies_are_kept_up_to_the_limit_when_wanted(
    proxy: RunningProxy, settings: dict[str, Any], plain: Upstream
) -> None:
    proxy.restart(**settings | {"body_bytes": 20})
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    client.message()
    client.close()
    asked, answered = proxy.call()["bodies"]
    assert base64.b64decode(asked["content"]) == BODY[:20]
    assert (asked["direction"], asked["size_bytes"]) == ("request", len(BODY))
    assert base64.b64decode(answered["content"]) == ANSWER[-13:]
    assert (answered["direction"], answered["content_type"]) == ("response", "application/json")


def test_bodies_are_not_kept_otherwise(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    client.message()
    client.close()
    assert proxy.call()["bodies"] == []


def test_the_calling_process_is_found(proxy: RunningProxy, settings: dict[str, Any], plain: Upstream) -> None:
    proxy.restart(**settings | {"find_caller": True})
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    client.message()
    client.close()
    assert proxy.call()["caller"]["pid"] == os.getpid()
