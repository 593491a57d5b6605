"""Who may ask the loopback API.

Belongs here: the checks of `Host` and `Origin`, and the headers that tell a browser about them. Does not belong here:
answers (`loopback`).

A page of any web site can make a browser send requests to 127.0.0.1, also under a name of its own that it lets resolve
to it. Requests without an origin come from programs of this machine, which could read the files themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import urlsplit

from daemon.config import Config

LOCAL_DASHBOARD: Final = "http://localhost:3000"
"""Where a dashboard under development runs; allowed unless `[cors]` names origins."""
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_OTHER_SITES: Final = {"cross-site", "same-site"}


@dataclass(frozen=True)
class Verdict:
    """Whether a request may be answered.

    Attributes:
        refusal: why not, None when it may.
        origin: the web origin that may read the answer; None when no page asks.
    """

    refusal: str | None
    origin: str | None = None

    def headers(self) -> dict[str, str]:
        """Return what a browser has to be told."""
        if self.origin is None:
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": self.origin}


def allowed_origins(config: Config) -> frozenset[str]:
    """Return the origins whose pages may ask: the paired cloud's, and those of `[cors]` or the local dashboard's."""
    named = config.cors.allow_origins or [LOCAL_DASHBOARD]
    cloud = [config.cloud.base_url] if config.cloud.enabled and config.cloud.base_url else []
    return frozenset(filter(None, map(_origin, [*named, *cloud])))


def judge(headers: Message, port: int, allowed: frozenset[str]) -> Verdict:
    """Return whether a request may be answered.

    Args:
        headers: of the request.
        port: of the API.
        allowed: as `allowed_origins` gives them.
    """
    if any(len(headers.get_all(name, [])) > 1 for name in ("Host", "Origin")):
        return Verdict("one Host and one Origin at most")
    host = (headers.get("Host") or "").lower()
    if host not in {f"{name}:{port}" for name in _NAMES}:
        return Verdict("this API answers to 127.0.0.1 only")
    origin = headers.get("Origin")
    if origin is None:
        if headers.get("Sec-Fetch-Site") in _OTHER_SITES:
            return Verdict("pages of other sites may not ask")
        return Verdict(None)
    if _origin(origin) in allowed and origin != "null":
        return Verdict(None, origin)
    return Verdict("pages of this origin may not ask; [cors] allow_origins in config.toml names those that may")


def _origin(url: str) -> str | None:
    try:
        address = urlsplit(url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            return None
        usual = {"http": 80, "https": 443}[address.scheme]
        name = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        port = "" if address.port in {None, usual} else f":{address.port}"
    except ValueError:
        return None
    return f"{address.scheme}://{name}{port}"
