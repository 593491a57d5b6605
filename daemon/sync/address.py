"""What may be the address of a cloud.

Belongs here: that one question. Does not belong here: which address it is (`daemon.config`, the commands).
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx


def is_address(base_url: str) -> bool:
    """Return whether requests can go to paths below `base_url`, and with our token: a user in it would displace it."""
    try:
        parts, url = urlsplit(base_url), httpx.URL(base_url)
        parts.port  # noqa: B018 - raises where it is none
        url.host.encode("idna")
    except (ValueError, httpx.InvalidURL):
        return False
    more = parts.query or parts.fragment or "@" in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not more
