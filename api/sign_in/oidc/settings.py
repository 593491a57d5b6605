"""Which issuer signs people in: read from the environment once, when the server starts.

Belongs here: variables and what a usable value is. Does not belong here: talking to the issuer (`issuer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from api.access.same_site import LOOPBACK_HOSTS

ISSUER_VARIABLE: Final = "HALTON_OIDC_ISSUER"
CLIENT_ID_VARIABLE: Final = "HALTON_OIDC_CLIENT_ID"
CLIENT_SECRET_VARIABLE: Final = "HALTON_OIDC_CLIENT_SECRET"  # noqa: S105 - the variable's name
NAME_VARIABLE: Final = "HALTON_OIDC_NAME"
_ISSUER_LENGTH_MAX: Final = 255


class OidcSettingsError(ValueError):
    """The environment names an issuer that cannot be used."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An issuer and this server's registration with it.

    Attributes:
        issuer: its identifier, exactly as its tokens carry it.
        client_id: what it calls this server.
        client_secret: None for a public client, which PKCE alone protects.
        name: what the sign-in page calls it.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    name: str


def oidc_settings(environment: Mapping[str, str]) -> OidcSettings | None:
    """Return what the environment says, None when it names no issuer.

    Raises:
        OidcSettingsError: it names only half of it, or an issuer that is reached without TLS.
    """
    issuer = environment.get(ISSUER_VARIABLE, "").strip()
    client_id = environment.get(CLIENT_ID_VARIABLE, "").strip()
    if not issuer and not client_id:
        return None
    if not issuer or not client_id:
        raise OidcSettingsError(f"set both {ISSUER_VARIABLE} and {CLIENT_ID_VARIABLE}, or neither")
    if not is_safe_url(issuer) or "?" in issuer or len(issuer) > _ISSUER_LENGTH_MAX:
        raise OidcSettingsError(f"{ISSUER_VARIABLE} must be an https:// URL, exactly as the issuer writes itself")
    secret = environment.get(CLIENT_SECRET_VARIABLE, "").strip() or None
    return OidcSettings(
        issuer, client_id, secret, environment.get(NAME_VARIABLE, "").strip() or urlsplit(issuer).hostname or issuer
    )


def is_safe_url(url: object) -> bool:
    """Tell whether something is a URL that nobody on the way can read or change: https, or plain http on loopback."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.fragment or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)
