"""When to try again, and how long to wait first.

Belongs here: the back-off rule and the reading of `Retry-After`. Does not belong here: sending (`client`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

RETRY_AFTER_MAX_SECONDS: Final = 300.0
TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential waits with jitter: first, 2 x first, 4 x first … never above the cap, plus up to 20 %.

    Attributes:
        retries: tries after the first one.
        first_seconds: wait before the first retry.
        cap_seconds: longest wait of our own choosing; a server's `Retry-After` may go up to 300 s.
        sleep: takes seconds; tests inject their own.
        jitter: returns a number in [0, 1).
        announce: told why and for how many seconds, before every wait.
    """

    retries: int = 8
    first_seconds: float = 1.0
    cap_seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=random.random)
    announce: Callable[[str, float], None] | None = None

    def seconds(self, attempt: int, retry_after: float | None) -> float:
        """Return how long to wait before retry number `attempt` (from 0): as the server asked, else the back-off."""
        if retry_after is not None:
            return retry_after
        # The exponent is bounded: a machine that was offline for a month has failed very often.
        backoff = min(self.first_seconds * 2.0 ** min(attempt, 30), self.cap_seconds)
        return backoff * (1.0 + 0.2 * self.jitter())

    def wait(self, seconds: float, reason: str) -> None:
        """Sleep, after saying so to whoever wants to know."""
        if self.announce is not None:
            self.announce(reason, seconds)
        self.sleep(seconds)


def is_transient(status: int) -> bool:
    """Return whether an answer with `status` says "not now" rather than "no"."""
    return status == TOO_MANY_REQUESTS or status >= 500  # noqa: PLR2004 - 5xx


def retry_after_seconds(header: str | None) -> float | None:
    """Return `Retry-After` in seconds, at most 300; None when absent or not a count of seconds."""
    if header is None or not header.strip().isdecimal():
        return None
    return min(float(header.strip()), RETRY_AFTER_MAX_SECONDS)
