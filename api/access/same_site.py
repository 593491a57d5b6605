"""Making sure that a change asked for with a cookie comes from our own pages.

Belongs here: the Origin check and the form token. Does not belong here: cookies (`browser_sessions`).

Cookies are `SameSite=Lax` already; this holds even where a browser does not honour it.
"""

from __future__ import annotations

import hmac
import os
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from api.errors import Refused

PUBLIC_URL_VARIABLE: Final = "HALTON_PUBLIC_URL"
FORM_FIELD: Final = "form_token"
FORM_HEADER: Final = "x-form-token"
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS: Final = {"http": 80, "https": 443}


def public_url(request: Request) -> str:
    """Return the base URL people reach this server at, without a slash at its end."""
    configured = os.environ.get(PUBLIC_URL_VARIABLE, "").rstrip("/")
    return configured or str(request.base_url).rstrip("/")


def trusted_url(request: Request) -> str | None:
    """Return the base URL of links that sign somebody in; None when nobody vouches for the name we were called by.

    Anybody can ask for a sign-in under a host name of their own, and would read the link once its owner follows it. So
    it is `$HALTON_PUBLIC_URL`, or the loopback address of a server that somebody tries out.
    """
    if os.environ.get(PUBLIC_URL_VARIABLE):
        return public_url(request)
    scheme, host, port = _parts(str(request.base_url))
    if host not in LOOPBACK_HOSTS:
        return None
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def keeps_cookies(request: Request) -> bool:
    """Tell whether a browser keeps our cookies at the address it called: they need TLS, or a loopback address."""
    return any(
        scheme == "https" or host in LOOPBACK_HOSTS
        for scheme, host, _ in (_parts(str(request.base_url)), _parts(public_url(request)))
    )


def require_same_origin(request: Request) -> None:
    """Refuse a change that another site's page asks for.

    Raises:
        Refused: 403 `cross_site`: `Origin` is another one, or absent and the browser does not vouch for its page.
    """
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site") == "same-origin":
            return
        raise _cross_site()
    if _parts(origin) not in {_parts(str(request.base_url)), _parts(public_url(request))}:
        raise _cross_site()


def require_form_token(given: str | None, expected: str) -> None:
    """Refuse a change without the token our own forms carry.

    Raises:
        Refused: 403 `form_token`.
    """
    if given is None or not hmac.compare_digest(given.encode(), expected.encode()):
        raise form_out_of_date()


def form_out_of_date() -> Refused:
    """Return the 403 of a change without a good token."""
    return Refused(403, "form_token", "This form is out of date; reload the page and send it again.")


def _parts(url: str) -> tuple[str, str, int]:
    """Return what makes an origin: scheme, host and port; of what is no URL, an origin that no URL has."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", url, -1


def _cross_site() -> Refused:
    return Refused(403, "cross_site", "This change did not come from a page of this server.")
