"""A bounded memory of what was made once.

Belongs here: keeping values by key within so many bytes, callers for one key waiting for one making. Does not belong
here: what is kept (`cache`, `queries.held`) and what makes up a key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """Values by key, least recently used dropped first. Safe to share among threads.

    While a value is being made the key's other callers wait for that one; a failure reaches all of them and is not
    kept.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[V], int], *, largest_part: int = 1) -> None:
        """Nothing is held yet.

        Args:
            max_bytes: most bytes held.
            size_of: bytes a value takes.
            largest_part: one value may take at most this fraction (1 / largest_part) of all; a larger one is handed
                out and not kept.
        """
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._largest_part = largest_part
        self._held_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._flights: dict[Hashable, Future[V]] = {}
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return self._held_bytes

    def get(self, key: Hashable, produce: Callable[[], V]) -> V:
        """Return the value of `key`, from `produce` when there is none yet.

        Raises:
            Exception: whatever `produce` raised.
        """
        with self._lock:
            held = self._entries.get(key)
            if held is not None:
                self._entries.move_to_end(key)
                return held[0]
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        return self._lead(key, flight, produce) if leads else flight.result()

    def drop(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Forget the values of some keys; whoever has one may go on using it."""
        with self._lock:
            for key in [key for key in self._entries if unwanted(key)]:
                self._held_bytes -= self._entries.pop(key)[1]

    def _lead(self, key: Hashable, flight: Future[V], produce: Callable[[], V]) -> V:
        try:
            value = produce()
            size = self._size_of(value)
        except BaseException as failure:
            with self._lock:
                del self._flights[key]
            flight.set_exception(failure)
            raise
        self._land(key, value, size)
        flight.set_result(value)
        return value

    def _land(self, key: Hashable, value: V, size: int) -> None:
        with self._lock:
            del self._flights[key]
            if size * self._largest_part > self._max_bytes:
                return
            self._entries[key] = value, size
            self._held_bytes += size
            while self._held_bytes > self._max_bytes:
                _, (_, dropped) = self._entries.popitem(last=False)
                self._held_bytes -= dropped
