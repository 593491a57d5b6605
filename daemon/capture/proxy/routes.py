"""Where a request goes: gateway paths to providers' base URLs, hosts to providers.

Belongs here: parsing base URLs, rewriting paths, telling a provider's host. Does not belong here: connections and
headers (`addon`), which requests are calls (`daemon.capture.providers.registry`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from daemon.capture.providers.registry import DEFAULT_UPSTREAMS, provider_of_host

_PORTS: Final = {"https": 443, "http": 80}
_HOSTS_REMEMBERED: Final = 1024
# SDKs of these put the version into the base URL; whoever writes the gateway's address without it means this one.
_VERSION_OF_BASE: Final = {"openai": b"/v1", "xai": b"/v1"}
_VERSIONED: Final = re.compile(rb"/v\d")


class BadUpstreamError(Exception):
    """A configured base URL cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider's base URL, taken apart.

    Attributes:
        provider: wire name.
        scheme: `https` or `http`.
        host: to connect to.
        port: to connect to.
        authority: value of the Host header.
        prefix: path of the base, without a final slash.
    """

    provider: str
    scheme: str
    host: str
    port: int
    authority: str
    prefix: bytes

    def path(self, rest: bytes) -> bytes:
        """Return the path to ask for, of what followed the gateway's own part (`/v1/messages?beta=true`).

        A version that stands in the base as well as in `rest` is not doubled.
        """
        rest = rest if rest.startswith(b"/") else b"/" + rest
        if not self.prefix:
            version = _VERSION_OF_BASE.get(self.provider)
            return rest if version is None or _VERSIONED.match(rest) else version + rest
        last = self.prefix[self.prefix.rindex(b"/") :]
        if _VERSIONED.match(last) and (rest == last or rest.startswith((last + b"/", last + b"?"))):
            rest = rest[len(last) :]
        return self.prefix + rest


class Routes:
    """Knows the ways; one for as long as a proxy runs."""

    def __init__(self, upstreams: Mapping[str, str], hosts: Mapping[str, str]) -> None:
        """Take what is configured over the providers' own.

        Args:
            upstreams: provider to base URL.
            hosts: further host to provider.

        Raises:
            BadUpstreamError: a base URL is none.
        """
        merged = {**DEFAULT_UPSTREAMS, **upstreams}
        self._upstreams = {provider.encode(): _taken_apart(provider, base) for provider, base in merged.items()}
        self._hosts = dict(hosts)
        self._known: dict[str, str | None] = {}

    @property
    def providers(self) -> list[str]:
        """Names of the gateway's paths."""
        return [upstream.provider for upstream in self._upstreams.values()]

    def gateway(self, path: bytes) -> tuple[Upstream, bytes] | None:
        """Return the upstream and the path to ask it for, None when `path` names no provider."""
        _, _, rest = path.partition(b"/")
        end = next((index for index, byte in enumerate(rest) if byte in b"/?"), len(rest))
        upstream = self._upstreams.get(rest[:end])
        return None if upstream is None else (upstream, upstream.path(rest[end:]))

    def provider_of(self, host: str) -> str | None:
        """Return the provider behind a host, None when it is none."""
        if host not in self._known:
            if len(self._known) >= _HOSTS_REMEMBERED:  # names are chosen by callers: never without end
                self._known.clear()
            self._known[host] = provider_of_host(host, self._hosts)
        return self._known[host]


def _taken_apart(provider: str, base: str) -> Upstream:
    try:
        parts = urlsplit(base.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise BadUpstreamError(f"upstream of {provider} is no URL: {base!r}") from error
    if parts.scheme not in _PORTS or not host or parts.query or parts.fragment or parts.username:
        raise BadUpstreamError(f"upstream of {provider} must be http(s)://host[:port][/path]: {base!r}")
    named = f"[{host}]" if ":" in host else host
    authority = named if port in {None, _PORTS[parts.scheme]} else f"{named}:{port}"
    prefix = parts.path.rstrip("/").encode()
    return Upstream(provider, parts.scheme, host, port or _PORTS[parts.scheme], authority, prefix)
