"""Bytes of answers, computed once.

Belongs here: a bounded cache whose callers for one key wait for one computation. Does not belong here: what makes up
a key, and HTTP (`serving`).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Final

MAX_BYTES: Final = 64 * 1024 * 1024
_LARGEST_PART: Final = 8
"""One entry may take at most an eighth of the cache; a larger one is answered and not kept."""


@dataclass(frozen=True)
class CachedAnswer:
    """One answer's bytes and their strong entity tag, quotes included."""

    content: bytes
    etag: str


class AnswerCache:
    """Answers by key, least recently used dropped first. Safe to share among threads.

    While a key is being computed its other callers wait for that one result; a failure reaches all of them and is not
    kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._entries: OrderedDict[Hashable, CachedAnswer] = OrderedDict()
        self._flights: dict[Hashable, Future[CachedAnswer]] = {}
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes of content held now."""
        return self._held_bytes

    def get(self, key: Hashable, produce: Callable[[], bytes]) -> CachedAnswer:
        """Return the answer for `key`, from `produce` when there is none yet.

        Raises:
            Exception: whatever `produce` raised.
        """
        with self._lock:
            held = self._entries.get(key)
            if held is not None:
                self._entries.move_to_end(key)
                return held
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        return self._lead(key, flight, produce) if leads else flight.result()

    def _lead(self, key: Hashable, flight: Future[CachedAnswer], produce: Callable[[], bytes]) -> CachedAnswer:
        try:
            content = produce()
            answer = CachedAnswer(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        except BaseException as failure:
            self._land(key, None)
            flight.set_exception(failure)
            raise
        self._land(key, answer)
        flight.set_result(answer)
        return answer

    def _land(self, key: Hashable, answer: CachedAnswer | None) -> None:
        with self._lock:
            del self._flights[key]
            if answer is None or len(answer.content) * _LARGEST_PART > self._max_bytes:
                return
            self._entries[key] = answer
            self._held_bytes += len(answer.content)
            while self._held_bytes > self._max_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._held_bytes -= len(dropped.content)
