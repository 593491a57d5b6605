"""The four providers, faked, each on a loopback address and with a certificate for it and for its real name."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.daemon.proof.sdk_calls import FAILS_ONCE, NEVER_ENDS
from tests.daemon.upstreams import Received, Reply, Upstream, as_sampled
from tests.daemon.upstreams_samples import SAMPLES
from tests.daemon.upstreams_tls import serving_as

# Not 127.0.0.1: programs that use a proxy reach that address without it.
ADDRESSES = {"anthropic": "127.0.0.2", "openai": "127.0.0.3", "gemini": "127.0.0.4", "xai": "127.0.0.5"}
NAMES = {
    "anthropic": "api.anthropic.com",
    "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
    "xai": "api.x.ai",
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_over"}
BEFORE_THE_SILENCE = 8
"""Pieces of the stream that never ends: its usage, its thinking, its first text."""


class FakeProvider(Upstream):
    """One of them, answering with the samples, but for the users who are out of luck."""

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        super().__init__(tls, _answered)
        self._listener.close()
        self._listener = socket.create_server((address, 0), backlog=64)

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""
        return self._listener.getsockname()


@dataclass(frozen=True)
class FakeProviders:
    """All four, and whom to trust for believing them."""

    each: dict[str, FakeProvider]
    authority: Path

    @property
    def urls(self) -> dict[str, str]:
        """Provider to base URL, without a version."""
        return {name: "https://{}:{}".format(*fake.place) for name, fake in self.each.items()}

    @property
    def addressed(self) -> dict[str, str]:
        """The variables of who calls them, and not the real ones."""
        return {
            "ANTHROPIC_BASE_URL": self.urls["anthropic"],
            "OPENAI_BASE_URL": f"{self.urls['openai']}/v1",
            "GOOGLE_GEMINI_BASE_URL": self.urls["gemini"],
            "XAI_BASE_URL": f"{self.urls['xai']}/v1",
        }

    @property
    def config(self) -> str:
        """The daemon's settings that take them for the providers."""
        upstreams = "".join(f'{name} = "{url}"\n' for name, url in self.urls.items())
        hosts = "".join(f'"{address}" = "{name}"\n' for name, address in ADDRESSES.items())
        return f"[capture]\nport = 0\n[api]\nport = 0\n[capture.upstreams]\n{upstreams}[capture.hosts]\n{hosts}"

    def received(self) -> dict[str, list[Received]]:
        """All requests so far."""
        return {name: list(fake.requests) for name, fake in self.each.items()}


@contextmanager
def fake_providers(folder: Path, addresses: Mapping[str, str] = ADDRESSES) -> Iterator[FakeProviders]:
    """Serve them; their authority's file is put into `folder`."""
    tls, authority = serving_as(folder, *addresses.values(), *NAMES.values())
    with ExitStack() as stack:
        each = {name: stack.enter_context(FakeProvider(address, tls)) for name, address in addresses.items()}
        yield FakeProviders(each, authority)


def _answered(request: Received) -> Reply:
    user = (json.loads(request.body).get("metadata") or {}).get("user_id")
    if user == FAILS_ONCE and request.header("x-stainless-retry-count") == "0":
        return Reply.document(OVERLOADED, status=529, request_id="req_over", retry_after_ms="1")
    if user == NEVER_ENDS:
        whole = Reply.of(SAMPLES["anthropic stream"])
        pieces = tuple(whole.pieces)[:BEFORE_THE_SILENCE]
        return Reply.stream(pieces, "hang", **SAMPLES["anthropic stream"].headers)
    return as_sampled(request)
