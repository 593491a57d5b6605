"""One call under way: its meter fed, its end handed on exactly once, and nothing of that able to harm the call.

Belongs here: `LiveCall` and the counting of failures. Does not belong here: mitmproxy (`addon`), reading what passes
(`daemon.capture.providers`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from daemon.attribution.caller import Caller
from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.capture.proxy.captured import BodyLeg, CapturedCall, Direction, Source

_log = logging.getLogger(__name__)
_LOGGED_EVERY_SECONDS: Final = 60.0


class Meter(Protocol):
    """What a call is metered by: `daemon.capture.providers.meter.CallMeter`."""

    def request_started(self, headers: Mapping[str, str]) -> None:
        """Read the request's headers, names in lower case."""
        ...

    def request_bytes(self, chunk: bytes) -> None:
        """Read a part of the request's body."""
        ...

    def response_started(self, status: int, headers: Mapping[str, str]) -> None:
        """Read the answer's status and headers, names in lower case."""
        ...

    def response_bytes(self, chunk: bytes) -> None:
        """Read a part of the answer's body, as it was received."""
        ...

    def finished(self, *, outcome: Outcome, at: float | None = None) -> MeteredCall:
        """Return what is known at the end; `at` is when that was, on the monotonic clock."""
        ...


class Failures:
    """Counts what went wrong beside the calls, and says so in the log once a minute at most."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._logged_at: float | None = None
        self.count = 0

    def note(self, doing: str, error: BaseException) -> None:
        """Count one; `doing` says what failed. The error's text is not logged: it may quote what passed."""
        self.count += 1
        now = self._monotonic()
        if self._logged_at is None or now - self._logged_at >= _LOGGED_EVERY_SECONDS:
            self._logged_at = now
            _log.error("%s failed (%s); the call went on (%d so far)", doing, _where(error), self.count)


class LiveCall:
    """One attempt, from its headers to its end."""

    def __init__(
        self,
        meter: Meter,
        *,
        source: Source,
        project_header: str | None,
        body_bytes: int,
        failures: Failures,
    ) -> None:
        """Begin.

        Args:
            meter: of this attempt alone.
            source: how it came.
            project_header: as given.
            body_bytes: how much of each leg is kept; 0 keeps none.
            failures: told of everything the meter raises.
        """
        self._meter = meter
        self._source: Source = source
        self._project_header = project_header
        self._failures = failures
        self._broken = False
        self._legs = {"request": _Leg("request", body_bytes), "response": _Leg("response", body_bytes)}

    def request_started(self, headers: Mapping[str, str]) -> None:
        """Note the request's headers, names in lower case."""
        self._legs["request"].headers = headers
        self._fed(self._meter.request_started, headers)

    def request_bytes(self, chunk: bytes) -> None:
        """Note a part of the request's body."""
        self._legs["request"].add(chunk)
        self._fed(self._meter.request_bytes, chunk)

    def response_started(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the answer's status and headers, names in lower case."""
        self._legs["response"].headers = headers
        self._fed(self._meter.response_started, status, headers)

    def response_bytes(self, chunk: bytes) -> None:
        """Note a part of the answer's body, as it was received."""
        self._legs["response"].add(chunk)
        self._fed(self._meter.response_bytes, chunk)

    def ended(self, outcome: Outcome, at: float) -> Callable[[Caller], CapturedCall] | None:
        """Return what makes the record once the caller is known; None when metering failed altogether.

        Args:
            outcome: how it ended.
            at: when, on the monotonic clock.
        """
        try:
            metered = self._meter.finished(outcome=outcome, at=at)
        except Exception as error:  # noqa: BLE001 - whatever metering does, the call must not notice
            self._failures.note("metering the end of a call", error)
            return None
        bodies = tuple(leg.as_body() for leg in self._legs.values() if leg.limit)
        return lambda caller: CapturedCall(
            metered=metered,
            caller=caller,
            project_header=self._project_header,
            source=self._source,
            bodies=bodies,
        )

    def _fed(self, feed: Callable[..., None], *what: Any) -> None:
        if self._broken:
            return
        try:
            feed(*what)
        except Exception as error:  # noqa: BLE001 - whatever metering does, the call must not notice
            self._broken = True
            self._failures.note("metering a call", error)


class _Leg:
    def __init__(self, direction: Direction, limit: int) -> None:
        self.limit = limit
        self.headers: Mapping[str, str] = {}
        self._direction: Direction = direction
        self._kept = bytearray()
        self._size = 0

    def add(self, chunk: bytes) -> None:
        if self.limit:
            self._size += len(chunk)
            self._kept += chunk[: self.limit - len(self._kept)]

    def as_body(self) -> BodyLeg:
        return BodyLeg(
            direction=self._direction,
            content_type=self.headers.get("content-type"),
            content_encoding=self.headers.get("content-encoding"),
            content=bytes(self._kept),
            size_bytes=self._size,
        )


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
