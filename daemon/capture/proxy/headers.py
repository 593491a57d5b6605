"""What is changed in a request's headers on its way: as little as a proxy may.

Belongs here: the headers that are for us or for one hop only. Does not belong here: what headers say of a call
(`daemon.capture.providers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from daemon.attribution.forwarded import CLIENT_HEADER

Fields = tuple[tuple[bytes, bytes], ...]

_OWN: Final = b"x-halton-"
_PROJECT: Final = b"x-halton-project"
_TO_A_PROXY: Final = frozenset({b"proxy-connection", b"proxy-authorization", CLIENT_HEADER.lower()})
# A client's offer to change a plain connection to HTTP/2: made to us, and worthless on the next connection.
_CHANGES_PROTOCOL: Final = frozenset({b"upgrade", b"http2-settings", b"connection"})


class SentOn(NamedTuple):
    """Headers as they go on.

    Attributes:
        fields: names and values, in their order and case.
        project: value of `X-Halton-Project`, None when not given.
    """

    fields: Fields
    project: str | None


def sent_on(fields: Fields, *, authority: str | None, to_provider: bool) -> SentOn:
    """Return a request's headers as the next server gets them.

    Args:
        fields: as received.
        authority: value for `Host`, None to leave it as it is.
        to_provider: whether it goes to a provider: then what is for Halton Meter is taken out.
    """
    dropped = _TO_A_PROXY
    project: str | None = None
    kept: list[tuple[bytes, bytes]] = []
    named = authority is None
    if any(name.lower() == b"upgrade" and value.strip().lower() == b"h2c" for name, value in fields):
        dropped = _TO_A_PROXY | _CHANGES_PROTOCOL
    for field in fields:
        name = field[0].lower()
        if name in dropped:
            continue
        if to_provider and name.startswith(_OWN):
            if name == _PROJECT:
                project = field[1].decode("utf-8", "replace")
        elif name == b"host" and authority is not None:
            named = True
            kept.append((field[0], authority.encode()))
        else:
            kept.append(field)
    if not named and authority is not None:  # HTTP/1.0 need not name the host
        kept.insert(0, (b"Host", authority.encode()))
    return SentOn(tuple(kept), project)


def as_mapping(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; several of one name are joined by commas."""
    mapping: dict[str, str] = {}
    for raw, value in fields:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        mapping[name] = f"{mapping[name]}, {text}" if name in mapping else text
    return mapping
