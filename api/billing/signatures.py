"""Signatures of billing webhooks: the scheme that Svix and Standard Webhooks share.

Belongs here: telling a genuine call from any other. Does not belong here: what an event says (`provider_events`).

Signed is `id.timestamp.body` with HMAC-SHA256. The header lists one or several `v1,<base64>`, separated by blanks:
while the provider replaces its secret it signs with both, and while we do we know both. A call is genuine when any
listed signature is right under any known secret and its timestamp is at most five minutes off.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from api.errors import Refused

TOLERANCE: Final = timedelta(minutes=5)
_SIGNATURES_MAX: Final = 16
_ID_LENGTH_MAX: Final = 255


def genuine_event_id(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now: datetime) -> str:
    """Return the event's id when the call is genuine.

    Args:
        headers: of the call, by lower-case name.
        body: exactly as it came.
        secrets: any of which may have signed it.
        now: the server's clock.

    Raises:
        Refused: 401 `signature_invalid`.
    """
    event_id, stamp, listed = (_header(headers, name) for name in ("id", "timestamp", "signature"))
    if not 1 <= len(event_id) <= _ID_LENGTH_MAX or not event_id.isascii() or not event_id.isprintable():
        raise _refused()
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:  # noqa: PLR2004 - seconds, for 30,000 years
        raise _refused()
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise _refused()
    signed = f"{event_id}.{stamp}.".encode() + body
    expected = [_signature(secret, signed) for secret in secrets]
    given = [one.removeprefix("v1,").encode() for one in listed.split()[:_SIGNATURES_MAX] if one.startswith("v1,")]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given):
        raise _refused()
    return event_id


def sign(secret: bytes, event_id: str, stamp: int, body: bytes) -> str:
    """Return the signature of a call, as its header lists it."""
    return "v1," + _signature(secret, f"{event_id}.{stamp}.".encode() + body).decode()


def _signature(secret: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"svix-{name}") or headers.get(f"webhook-{name}") or ""


def _refused() -> Refused:
    return Refused(401, "signature_invalid", "The signature is missing, wrong or too old.")
