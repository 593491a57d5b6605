"""Which hosts and paths are calls to a model."""

from __future__ import annotations

import pytest

from daemon.capture.providers.registry import DEFAULT_UPSTREAMS, Endpoint, endpoint_of, provider_of_host


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.anthropic.com", "anthropic"),
        ("API.Anthropic.com.:443", "anthropic"),
        ("api.openai.com", "openai"),
        ("us.api.openai.com", "openai"),
        ("eu.api.openai.com:443", "openai"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("generativelanguage.europe-west4.rep.googleapis.com", "gemini"),
        ("api.x.ai", "xai"),
        ("eu-west-1.api.x.ai", "xai"),
        ("llm.acme.example", "openai"),
        ("api.mistral.example", None),
        ("console.anthropic.com", None),
        ("api.anthropic.com.evil.example", None),
        ("evilapi.x.ai", None),
        ("a.b.api.openai.com", None),
        ("storage.googleapis.com", None),
        ("[::1]:443", None),
        ("", None),
    ],
)
def test_a_host_is_a_providers_only_by_its_whole_name(host: str, provider: str | None) -> None:
    assert provider_of_host(host, {"LLM.acme.example": "openai"}) == provider


def test_an_extra_host_wins_over_the_built_in_one() -> None:
    assert provider_of_host("api.x.ai", {"api.x.ai": "openai"}) == "openai"


def test_every_default_upstream_is_a_host_of_its_provider() -> None:
    for provider, url in DEFAULT_UPSTREAMS.items():
        assert provider_of_host(url.removeprefix("https://"), {}) == provider


@pytest.mark.parametrize(
    ("provider", "path", "surface", "kind"),
    [
        ("anthropic", "/v1/messages", "messages", "chat"),
        ("anthropic", "/v1/messages?beta=true", "messages", "chat"),
        ("anthropic", "//v1/messages/", "messages", "chat"),
        ("anthropic", "/v1/chat/completions", "chat.completions", "chat"),
        ("openai", "/v1/chat/completions", "chat.completions", "chat"),
        ("openai", "/v1/completions", "completions", "chat"),
        ("openai", "/v1/responses", "responses", "chat"),
        ("openai", "/v1/responses/compact", "responses", "chat"),
        ("openai", "/v1/embeddings", "embeddings", "embedding"),
        ("openai", "/llm/v2/openai/v1/responses", "responses", "chat"),
        ("gemini", "/v1beta/openai/chat/completions", "chat.completions", "chat"),
        ("gemini", "/v1beta/openai/embeddings", "embeddings", "embedding"),
        ("xai", "/v1/chat/completions", "chat.completions", "chat"),
        ("xai", "/v1/responses", "responses", "chat"),
        ("xai", "/v1/messages", "messages", "chat"),
    ],
)
def test_surfaces_are_known_by_their_paths(provider: str, path: str, surface: str, kind: str) -> None:
    assert endpoint_of(provider, "post", path) == Endpoint(provider, surface, kind)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", ("generateContent", "chat", "gemini-2.5-pro", False)),
        (
            "/v1/models/gemini-pro:streamGenerateContent?alt=sse",
            ("generateContent", "chat", "gemini-pro", True),
        ),
        ("/v1beta/tunedModels/mine-1:generateContent", ("generateContent", "chat", "mine-1", False)),
        ("/v1beta/models/gemini%2D2.5-pro%3AgenerateContent", ("generateContent", "chat", "gemini-2.5-pro", False)),
        (
            "/v1beta/models/emb-001:embedContent",
            ("embedContent", "embedding", "emb-001", False),
        ),
        ("/v1beta/models/e:batchEmbedContents", ("batchEmbedContents", "embedding", "e", False)),
        (
            "/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:generateContent",
            ("generateContent", "chat", "gemini-2.5-pro", False),
        ),
    ],
)
def test_gemini_names_model_and_method_in_the_path(path: str, expected: tuple[str, str, str, bool]) -> None:
    surface, kind, model, streamed = expected
    assert endpoint_of("gemini", "POST", path) == Endpoint("gemini", surface, kind, model, streamed)


@pytest.mark.parametrize(
    ("provider", "method", "path"),
    [
        ("anthropic", "GET", "/v1/messages"),
        ("anthropic", "POST", "/v1/messages/count_tokens"),
        ("anthropic", "POST", "/v1/messages/batches"),
        ("anthropic", "POST", "/v1/files"),
        ("openai", "GET", "/v1/models"),
        ("openai", "GET", "/v1/responses/resp_1"),
        ("openai", "POST", "/v1/responses/resp_1/cancel"),
        ("openai", "POST", "/v1/responses/input_tokens"),
        ("openai", "POST", "/v1/files"),
        ("openai", "POST", "/v1/messages"),
        ("gemini", "POST", "/v1beta/models/gemini-2.5-pro:countTokens"),
        ("gemini", "POST", "/v1beta/models/:generateContent"),
        ("gemini", "GET", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("gemini", "POST", "/v1beta/cachedContents"),
        ("groq", "POST", "/v1/chat/completions"),
        ("openai", "POST", ""),
        ("openai", "POST", "/v1"),
        ("openai", "POST", "/v1/" + "a/" * 5000 + "responses"),
    ],
)
def test_everything_else_is_no_call(provider: str, method: str, path: str) -> None:
    assert endpoint_of(provider, method, path) is None
