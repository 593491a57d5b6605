"""Which requests are calls to a model: providers' hosts, base URLs and paths.

Belongs here: what tells a metered request from any other by its host, method and path alone. Does not belong here:
what stands in requests and answers (the surfaces' own modules), or how requests travel (`daemon.capture.proxy`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

DEFAULT_UPSTREAMS: Final[Mapping[str, str]] = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "xai": "https://api.x.ai",
}
"""Provider to the base URL that its gateway forwards to."""

_HOSTS: Final = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "gemini",
    "api.x.ai": "xai",
}
# Regional names: us.api.openai.com, eu-west-1.api.x.ai, generativelanguage.europe-west4.rep.googleapis.com.
_REGIONAL: Final = re.compile(
    r"[a-z0-9-]{1,63}\.(?P<owner>api\.openai\.com|api\.x\.ai)|generativelanguage\.[a-z0-9-]{1,63}\.rep\.googleapis\.com"
)

CHAT: Final = "chat"
EMBEDDING: Final = "embedding"

_OPENAI_LIKE: Final = {
    "chat/completions": ("chat.completions", CHAT),
    "completions": ("completions", CHAT),
    "responses": ("responses", CHAT),
    "responses/compact": ("responses", CHAT),
    "embeddings": ("embeddings", EMBEDDING),
}
_MESSAGES: Final = {"messages": ("messages", CHAT)}
_SURFACES: Final = {
    "anthropic": _MESSAGES | {"chat/completions": ("chat.completions", CHAT)},
    "openai": _OPENAI_LIKE,
    "gemini": {f"openai/{path}": surface for path, surface in _OPENAI_LIKE.items()},
    "xai": _OPENAI_LIKE | _MESSAGES,
}
_GEMINI_METHODS: Final = {
    "generateContent": ("generateContent", CHAT, False),
    "streamGenerateContent": ("generateContent", CHAT, True),
    "embedContent": ("embedContent", EMBEDDING, False),
    "batchEmbedContents": ("batchEmbedContents", EMBEDDING, False),
}
_VERSION: Final = re.compile(r"v\d+(?:alpha|beta)?\d*")
_PATH_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call to a provider, and what the path says of this one.

    Attributes:
        provider: wire name.
        surface: `messages`, `chat.completions`, `completions`, `responses`, `embeddings`, `generateContent`,
            `embedContent` or `batchEmbedContents`.
        request_kind: `chat` or `embedding`.
        model: as asked for in the path, where the provider puts it there.
        streamed: whether the path itself asks for a stream.
    """

    provider: str
    surface: str
    request_kind: str
    model: str | None = None
    streamed: bool = False


def provider_of_host(host: str, extra_hosts: Mapping[str, str]) -> str | None:
    """Return the provider behind `host` (a port and a final dot are allowed), None when it is none we know.

    Args:
        host: as a client names it, in any case.
        extra_hosts: further hosts to provider; they win over the built-in ones.
    """
    name = host.strip().lower()
    if not name.startswith("["):
        name = name.partition(":")[0]
    name = name.rstrip(".")
    for extra, provider in extra_hosts.items():
        if extra.strip().lower().rstrip(".") == name:
            return provider
    if (known := _HOSTS.get(name)) is not None:
        return known
    if (regional := _REGIONAL.fullmatch(name)) is not None:
        return _HOSTS[regional["owner"]] if regional["owner"] else "gemini"
    return None


def endpoint_of(provider: str, method: str, path: str) -> Endpoint | None:
    """Return what a request asks for, None when it is no call to a model (lists of models, files, counting tokens).

    A company's own gateway may put more before the version (`/llm/openai/v1/responses`); nothing may follow.

    Args:
        provider: wire name.
        method: of HTTP.
        path: as sent, with its query or without.
    """
    if method.upper() != "POST" or len(path) > _PATH_MAX:
        return None
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if provider == "gemini" and parts and (endpoint := _gemini(parts[-1])) is not None:
        return endpoint
    for start, part in enumerate(parts):
        if _VERSION.fullmatch(part):
            known = _SURFACES.get(provider, {}).get("/".join(parts[start + 1 :]))
            if known is not None:
                return Endpoint(provider, *known)
    return None


def _gemini(last: str) -> Endpoint | None:
    model, _, method = unquote(last).rpartition(":")
    known = _GEMINI_METHODS.get(method)
    if known is None or not model:
        return None
    surface, kind, streamed = known
    return Endpoint("gemini", surface, kind, model=model, streamed=streamed)
