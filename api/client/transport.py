"""Calling the server: one connection pool, patience, and refusals in its own words.

Belongs here: headers, retries, errors, reading JSON as a type. Does not belong here: routes (`client`).

Only GET is ever sent, so that trying again changes nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import httpx
import msgspec

_Answer = TypeVar("_Answer")
Value = str | int | bool | Sequence[str] | None
"""What a parameter may be; a sequence is sent once per element, None not at all."""

RETRIED: Final = frozenset({429, 502, 503, 504})
TRIES: Final = 4
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
_SERVER_ERROR: Final = 400


class ApiError(Exception):
    """The server refused a call.

    Attributes:
        status: HTTP status.
        code: the server's word for the reason, stable; `http_error` when it sent none.
        message: its sentence for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({status} {code})")
        self.status, self.code, self.message = status, code, message


class Unreachable(Exception):  # noqa: N818 - it says what is
    """The server could not be reached, or did not answer in time."""


class Transport:
    """Sends GETs below one base URL."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 30.0,
        tries: int = TRIES,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            base_url: of the server.
            api_key: of the workspace, `hm_api_…`.
            timeout: seconds for connecting, and between two bytes of an answer.
            tries: how often a call is sent at most.
            transport: another way to the server, for tests.
            sleep: how to wait between tries, in seconds.
        """
        self._tries, self._sleep = max(1, tries), sleep
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"),
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
            follow_redirects=False,  # a key goes to nobody else
        )

    def get(self, path: str, kind: type[_Answer], parameters: Mapping[str, Value]) -> _Answer:
        """Return a route's answer.

        Raises:
            ApiError: the server refused.
            Unreachable: it could not be reached.
        """
        response = self._patiently(lambda: self._http.get(path, params=_sent(parameters)))
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError as fault:
            raise ApiError(response.status_code, "unexpected_answer", f"Not what was expected: {fault}") from fault

    @contextmanager
    def stream(self, path: str, parameters: Mapping[str, Value]) -> Generator[Iterator[bytes]]:
        """Give the bytes of a large answer as they arrive; only the first byte is tried again.

        Raises:
            ApiError: the server refused.
            Unreachable: it could not be reached, or broke off.
        """
        request = self._http.build_request("GET", path, params=_sent(parameters))
        response = self._patiently(lambda: self._http.send(request, stream=True))
        try:
            yield _bytes_of(response)
        finally:
            response.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(self._tries):
            is_last = attempt + 1 == self._tries
            try:
                response = send()
            except httpx.TransportError as fault:
                if is_last:
                    raise Unreachable(f"{self._http.base_url}: {fault or type(fault).__name__}") from fault
                self._sleep(_wait(attempt, None))
                continue
            if response.status_code in RETRIED and not is_last:
                response.close()
                self._sleep(_wait(attempt, response.headers.get("Retry-After")))
                continue
            if response.status_code >= _SERVER_ERROR or response.is_redirect:
                raise _refusal(response)
            return response
        raise AssertionError  # every turn returns or raises


def _bytes_of(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.TransportError as fault:
        raise Unreachable(f"the answer broke off: {fault or type(fault).__name__}") from fault


def _sent(parameters: Mapping[str, Value]) -> tuple[tuple[str, str | int], ...]:
    sent: list[tuple[str, str | int]] = []
    for name, value in parameters.items():
        if isinstance(value, (str, int)):
            sent.append((name, value))
        elif value is not None:
            sent.extend((name, one) for one in value)
    return tuple(sent)


def _wait(attempt: int, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isdecimal():
        return min(float(retry_after), LONGEST_WAIT_SECONDS)
    return min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _refusal(response: httpx.Response) -> ApiError:
    try:
        said = msgspec.json.decode(response.read(), type=dict[str, dict[str, str]])["error"]
        return ApiError(response.status_code, said["code"], said["message"])
    except (msgspec.MsgspecError, KeyError):
        return ApiError(response.status_code, "http_error", f"The server answered with {response.status_code}.")
    finally:
        response.close()
