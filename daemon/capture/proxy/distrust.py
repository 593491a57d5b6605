"""Which clients do not trust this machine's authority, so that their connections are let through unopened.

Belongs here: remembering refusals, for a while. Does not belong here: connections (`addon`).

A program that pins its provider's certificate, or was never told of the authority, would otherwise fail for as long as
the proxy runs. Its first attempt fails; the attempts after that are tunnelled: unmetered, but they work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

_LASTS_SECONDS: Final = 600.0
_STRIKES: Final = 2
_REMEMBERED: Final = 256

_Who = tuple[int | None, str]
_T = TypeVar("_T")


class Distrust:
    """Remembers refusals by process and host; a process that could not be found is None."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[_Who, float] = {}
        self._strikes: dict[_Who, int] = {}

    @property
    def remembers_any(self) -> bool:
        """Whether anybody is remembered: asking is not worth it otherwise."""
        return bool(self._until or self._strikes)

    def refused(self, pid: int | None, host: str) -> None:
        """Note that a client said it does not accept our certificate."""
        self._strikes.pop((pid, host), None)
        _bounded(self._until)[pid, host] = self._monotonic() + _LASTS_SECONDS

    def silent(self, pid: int | None, host: str) -> None:
        """Note that a client went away after our certificate, without a word; the second time in a row it counts.

        Node's TLS finishes the handshake first and looks at the certificate afterwards.
        """
        strikes = self._strikes.pop((pid, host), 0) + 1
        if strikes >= _STRIKES:
            self.refused(pid, host)
        else:
            _bounded(self._strikes)[pid, host] = strikes

    def trusted(self, pid: int | None, host: str) -> None:
        """Note that a client sent a request under our certificate."""
        self._strikes.pop((pid, host), None)
        self._until.pop((pid, host), None)

    def holds(self, pid: int | None, host: str) -> bool:
        """Return whether connections of this client are let through unopened."""
        until = self._until.get((pid, host))
        if until is None:
            return False
        if until > self._monotonic():
            return True
        del self._until[pid, host]
        return False


def _bounded(kept: dict[_Who, _T]) -> dict[_Who, _T]:
    while len(kept) >= _REMEMBERED:
        del kept[next(iter(kept))]
    return kept
