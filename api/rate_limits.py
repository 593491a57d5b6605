"""Rate limits: how often an address, and everybody together, may ask.

Belongs here: token buckets in this process's memory. Does not belong here: limits kept in the database (a pairing code
burns after 5 wrong tries, in `api.pairing`).

Limits hold per process: with N workers an address gets at most N times as much. At most 10,000 addresses are
remembered; the one not heard of for longest is forgotten first, which gives it a full bucket, while the global limit
still holds.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from fastapi import Request

from api.errors import too_many
from pipelines.lake.clock import Clock

ADDRESSES_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `burst` calls, refilled by `per_minute`."""

    burst: int
    per_minute: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float

    def refill(self, rate: Rate, now: float) -> None:
        # A clock set back refills nothing and takes nothing away.
        gained = max(0.0, now - self.filled_at) * rate.per_minute / 60
        self.tokens = min(float(rate.burst), self.tokens + gained)
        self.filled_at = now

    def wait_seconds(self, rate: Rate) -> int:
        return 0 if self.tokens >= 1 else math.ceil((1 - self.tokens) * 60 / rate.per_minute)


class RateLimiter:
    """One limit per address and one for all together."""

    def __init__(self, *, per_address: Rate, overall: Rate, clock: Clock) -> None:
        self._per_address = per_address
        self._overall = overall
        self._clock = clock
        self._lock = Lock()
        self._everybody = _Bucket(float(overall.burst), clock.now().timestamp())
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def admit(self, address: str) -> None:
        """Count one call from `address`.

        Raises:
            Refused: 429 with `Retry-After`; a refused call takes nothing from either bucket.
        """
        now = self._clock.now().timestamp()
        with self._lock:
            bucket = self._addresses.setdefault(address, _Bucket(float(self._per_address.burst), now))
            self._addresses.move_to_end(address)
            if len(self._addresses) > ADDRESSES_REMEMBERED:
                self._addresses.popitem(last=False)
            bucket.refill(self._per_address, now)
            self._everybody.refill(self._overall, now)
            wait = max(bucket.wait_seconds(self._per_address), self._everybody.wait_seconds(self._overall))
            if wait:
                raise too_many(wait)
            bucket.tokens -= 1
            self._everybody.tokens -= 1


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limiters of one process, one per guarded action."""

    pairing_start: RateLimiter
    pairing_poll: RateLimiter
    pairing_code: RateLimiter
    pairing_code_account: RateLimiter
    sign_in: RateLimiter
    sign_in_code: RateLimiter
    verification: RateLimiter

    @classmethod
    def standard(cls, clock: Clock) -> RateLimits:
        """Return the limits a server runs with: generous for an office behind one address, tight for a guesser."""
        return cls(
            pairing_start=RateLimiter(per_address=Rate(30, 30), overall=Rate(300, 300), clock=clock),
            pairing_poll=RateLimiter(per_address=Rate(600, 1_800), overall=Rate(6_000, 18_000), clock=clock),
            pairing_code=RateLimiter(per_address=Rate(60, 30), overall=Rate(300, 150), clock=clock),
            pairing_code_account=RateLimiter(per_address=Rate(15, 5), overall=Rate(300, 150), clock=clock),
            sign_in=RateLimiter(per_address=Rate(30, 30), overall=Rate(300, 300), clock=clock),
            sign_in_code=RateLimiter(per_address=Rate(60, 60), overall=Rate(600, 600), clock=clock),
            verification=RateLimiter(per_address=Rate(20, 20), overall=Rate(60, 60), clock=clock),
        )


def client_address(request: Request) -> str:
    """Return the caller's address (behind a proxy: what uvicorn makes of its headers), at most 64 characters."""
    return (request.client.host if request.client else "unknown")[:64]


def limited(action: Callable[[RateLimits], RateLimiter]) -> Callable[[Request], None]:
    """Return a FastAPI dependency that counts the call against one of the app's limits."""

    def admit(request: Request) -> None:
        action(request.app.state.rate_limits).admit(client_address(request))

    return admit
