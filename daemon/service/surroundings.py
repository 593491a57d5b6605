"""What the environment says about proxies, with our own taken out.

Belongs here: the company's proxy, and an environment in which our own processes do not call themselves. Does not belong
here: the variables we export (`exports`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SAVED: Final = "HALTON_METER_SAVED_"
"""Prefix of what a variable held before `halton-meter env` set it."""
EXPORTED_FOR: Final = "HALTON_METER_EXPORTED"
"""Names, separated by spaces, of the variables that `halton-meter env` set."""
_PROXIES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_LOCAL: Final = {"127.0.0.1", "localhost", "::1"}


def original_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it was before `halton-meter env` set its variables."""
    exported = environment.get(EXPORTED_FOR, "").split()
    kept = {
        name: value
        for name, value in environment.items()
        if name not in exported and name != EXPORTED_FOR and not name.startswith(SAVED)
    }
    saved = {name: environment[SAVED + name] for name in exported if SAVED + name in environment}
    return kept | saved


def company_proxy(environment: Mapping[str, str], own_port: int) -> tuple[str | None, str]:
    """Return the URL of the proxy that this machine needs, None for none, and the hosts that need none.

    Args:
        environment: as it is now; what `halton-meter env` set in it does not count.
        own_port: capture port, which is no company's proxy.
    """
    before = original_environment(environment)
    url = next((before[name] for name in _PROXIES if before.get(name)), None)
    no_proxy = before.get("no_proxy") or before.get("NO_PROXY") or ""
    if url is None:
        return None, no_proxy
    try:
        address = urlsplit(url if "://" in url else f"http://{url}")
        usable = address.scheme in {"http", "https"} and address.hostname is not None
        if not usable or (address.hostname in _LOCAL and address.port == own_port):
            return None, no_proxy
    except ValueError:
        return None, no_proxy
    return address.geturl(), no_proxy
