"""Calling a provider's billing interface: patiently, within limits, and without a secret in any message.

Belongs here: timeouts, retries, size limits, pages, and what a refusal means in plain words. Does not belong here: any
provider's paths and fields (its own module).

No message holds anything a provider wrote, because some repeat the key in their refusals: only status codes, and error
types that are plain words. Redirects are not followed, so the key goes to the host it is meant for and to no other.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from pipelines.lake.clock import Clock, SystemClock

Params = Sequence[tuple[str, str]]

TRIES: Final = 5
BODY_BYTES_MAX: Final = 64 * 1024 * 1024
PAGES_MAX: Final = 2_000
LONGEST_WAIT_SECONDS: Final = 120.0
"""Longer than this nobody waits; the next run asks again."""
READING_SECONDS_MAX: Final = 1_800.0
"""So long one reading may take, with all its pages, tries and waiting."""
_BACKOFF_SECONDS: Final = 1.0
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504, 529})
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_PLAIN_WORD: Final = re.compile(r"[a-z][a-z_]{0,63}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class BillingError(Exception):
    """A bill could not be read; the message is for people and holds no secret."""


class RefusedError(BillingError):
    """The provider does not let this credential read bills."""


class AnswerError(BillingError):
    """The provider answered something that is not a bill as documented."""


class StoppedError(Exception):
    """Whoever waits for the provider is to end; nothing is wrong with the connection."""


@dataclass(frozen=True)
class Patience:
    """How a client waits; tests put in their own.

    Attributes:
        sleep: waits so many seconds; may raise `StoppedError`.
        jitter: a number in [0, 1).
        clock: for `Retry-After` with a date.
        elapsed: seconds on a clock that never jumps, for how long a reading may take.
    """

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    clock: Clock = field(default_factory=SystemClock)
    elapsed: Callable[[], float] = time.monotonic


class ProviderClient:
    """Calls one provider with one credential. A context manager; closing it closes its connections."""

    def __init__(
        self,
        provider: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        transport: httpx.BaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Prepare to call.

        Args:
            provider: its name in messages.
            base_url: https, or http on a loopback address.
            headers: sent with every call, the credential among them.
            transport: another way to reach it, for tests.
            patience: how to wait.

        Raises:
            BillingError: the base URL is not one to send a credential to.
        """
        self.provider = provider
        check_base_url(base_url)
        self._patience = patience or Patience()
        self._deadline = self._patience.elapsed() + READING_SECONDS_MAX
        self._client = httpx.Client(
            base_url=base_url, headers=dict(headers), transport=transport, timeout=_TIMEOUT, follow_redirects=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._client.close()

    def get(self, path: str, params: Params = ()) -> dict[str, Any]:
        """Return the JSON object at a path; numbers with a fraction are `Decimal`.

        Raises:
            BillingError: it could not be had; its subclasses say why.
        """
        return self._ask("GET", path, params, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that answers a JSON body, as `get`. Only for calls that change nothing."""
        return self._ask("POST", path, (), body)

    def pages(self, path: str, params: Params) -> Iterator[dict[str, Any]]:
        """Yield every page of an answer; a page's token goes with the very query it was given for.

        Raises:
            BillingError: as `get`; or the pages do not end as documented.
        """
        token: str | None = None
        seen: set[str] = set()
        for _ in range(PAGES_MAX):
            page = self.get(path, params if token is None else [*params, ("page", token)])
            yield page
            if page.get("has_more") is False:
                return
            token = page.get("next_page")
            if page.get("has_more") is not True or not isinstance(token, str) or not token:
                raise AnswerError(f"{self.provider} says there are more pages and not where.")
            if token in seen:
                raise AnswerError(f"{self.provider} gave the same page twice.")
            seen.add(token)
        raise AnswerError(f"{self.provider} gave more than {PAGES_MAX} pages.")

    def _ask(self, method: str, path: str, params: Params, body: Mapping[str, Any] | None) -> dict[str, Any]:
        last = ""
        for attempt in range(TRIES):
            self._check_time()
            wait = self._patience.jitter() * _BACKOFF_SECONDS * 2**attempt
            try:
                status, headers, content = self._send(method, path, params, body)
            except httpx.RequestError as fault:
                last = f"{self.provider} could not be reached ({type(fault).__name__})."
            else:
                if status not in _PASSING:
                    return self._object(content) if status == httpx.codes.OK else self._refusal(status, content)
                last = f"{self.provider} answered {status}{_error_type(content)} {attempt + 1} times."
                wait = max(wait, self._retry_after(headers))
            if attempt + 1 < TRIES:
                if wait > LONGEST_WAIT_SECONDS:
                    raise BillingError(f"{self.provider} asks to come back in {wait:.0f} seconds.")
                self._patience.sleep(wait)
        raise BillingError(last)

    def _send(
        self, method: str, path: str, params: Params, body: Mapping[str, Any] | None
    ) -> tuple[int, httpx.Headers, bytes]:
        query = httpx.QueryParams(list(params)) if params else None
        with self._client.stream(method, path, params=query, json=body) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                self._check_time()  # one that sends a byte now and then is never silent, and never done
                if len(content) > BODY_BYTES_MAX:
                    raise AnswerError(f"{self.provider} sent more than {BODY_BYTES_MAX // 1024**2} MiB at once.")
            return response.status_code, response.headers, bytes(content)

    def _check_time(self) -> None:
        if self._patience.elapsed() > self._deadline:
            raise BillingError(f"{self.provider} took more than {READING_SECONDS_MAX / 60:.0f} minutes.")

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError, ArithmeticError):
            raise AnswerError(f"{self.provider} answered something that is not JSON.") from None
        if not isinstance(answer, dict):
            raise AnswerError(f"{self.provider} answered something that is not a JSON object.")
        return answer

    def _refusal(self, status: int, content: bytes) -> dict[str, Any]:
        said = f"{self.provider} answered {status}{_error_type(content)}"
        if status == httpx.codes.UNAUTHORIZED:
            raise RefusedError(f"{said}: the key is wrong or was revoked.")
        if status == httpx.codes.FORBIDDEN:
            raise RefusedError(f"{said}: the key may not read bills; it must be one for administration.")
        if 300 <= status < 400:  # noqa: PLR2004 - the redirects
            raise AnswerError(f"{said}, a redirect; none is followed with a key.")
        raise AnswerError(f"{said}.")

    def _retry_after(self, headers: httpx.Headers) -> float:
        """Return the seconds a provider asks to wait; 0 when it does not, or not in words we know."""
        value = headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value, re.ASCII):
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return max(0.0, (at - self._patience.clock.now()).total_seconds())


def check_base_url(url: str) -> None:
    """Refuse an address a credential must not be sent to.

    Raises:
        BillingError: it is neither https nor on a loopback address, or holds more than host, port and path.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise BillingError("The address of the provider is not a URL.") from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise BillingError("The address of the provider must be https, a host, and at most a port and a path.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise BillingError("The address of the provider must begin with https://.")


def _no_number(name: str) -> Decimal:
    raise ValueError(name)


def _error_type(content: bytes) -> str:
    """Return the type of an error in brackets, if the provider gave one that is a plain word; else nothing."""
    try:
        error = json.loads(content)["error"]
        kind = error.get("type") or error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return f" ({kind})" if isinstance(kind, str) and _PLAIN_WORD.fullmatch(kind) else ""
