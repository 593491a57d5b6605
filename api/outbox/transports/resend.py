"""E-mails through Resend's HTTP API.

Belongs here: its one call and what the answers mean. Does not belong here: when to try again (`api.outbox.delivery`).

The message's id is the idempotency key: within a day Resend sends a message with the same key once, so a lost answer
is simply asked for again.
"""

from __future__ import annotations

from datetime import timedelta
from email.headerregistry import Address
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from api.access.text import clipped
from api.outbox.composing import compose
from api.outbox.transports.port import Never, NotSent, NotYet, Outgoing, Unsure

TIMEOUT_SECONDS: Final = 30.0
RETRY_AFTER_MAX: Final = timedelta(hours=1)
_OUR_FAULT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""Wrong key, unverified domain, wrong URL: the configuration is at fault, not the message."""


class _Problem(msgspec.Struct):
    name: str = ""
    message: str = ""


class ResendTransport:
    """Hands each message to Resend."""

    repeat_within = timedelta(hours=23)
    """Resend remembers a key for 24 hours."""

    def __init__(
        self, base_url: str, api_key: str, sender: Address, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/emails"
        self._api_key = api_key
        self._sender = sender
        # No connection is kept: one that died quietly would leave the next message in doubt.
        self._client = httpx.Client(timeout=timeout_seconds, limits=httpx.Limits(max_keepalive_connections=0))

    def send(self, outgoing: Outgoing) -> None:
        """Hand one message over.

        Raises:
            NotSent: NotYet when no call was made or it was refused for now; Unsure when the answer is missing or a 5xx.
        """
        composed = compose(outgoing, self._sender)  # the same checks as everywhere
        message = {
            "from": str(composed["From"]),
            "to": [composed["To"].addresses[0].addr_spec],
            "subject": outgoing.subject,
            "text": outgoing.text,
            **({} if outgoing.html is None else {"html": outgoing.html}),
        }
        headers = {"Authorization": f"Bearer {self._api_key}", "Idempotency-Key": outgoing.id}
        try:
            answer = self._client.post(self._url, json=message, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotYet(f"Resend cannot be reached: {_reason(error)}") from error
        except httpx.HTTPError as error:
            raise Unsure(f"no answer from Resend: {_reason(error)}") from error
        if not answer.is_success:
            raise _refusal(answer)


def _refusal(answer: httpx.Response) -> NotSent:
    status = answer.status_code
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        problem = _Problem()
    said = clipped(f"Resend says {status} {problem.name} {problem.message}".strip(), 200)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotYet(said, retry_after=_retry_after(answer))
    if status == HTTPStatus.CONFLICT:
        # The key was used with another text (the sender was changed meanwhile), or its first call is still going on.
        return Unsure(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unsure(said)
    if status in _OUR_FAULT or status < HTTPStatus.BAD_REQUEST:
        return NotYet(said)
    return Never(said)


def _retry_after(answer: httpx.Response) -> timedelta | None:
    value = answer.headers.get("retry-after", "")
    return min(timedelta(seconds=int(value)), RETRY_AFTER_MAX) if value.isdecimal() and len(value) < 8 else None  # noqa: PLR2004


def _reason(error: Exception) -> str:
    return clipped(str(error) or type(error).__name__, 160)
