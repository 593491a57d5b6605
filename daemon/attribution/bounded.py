"""Look-ups that may hang, made to end.

Belongs here: waiting only so long for an answer, and remembering it for a moment. Does not belong here: what is looked
up (`places`).

Asking a network file system that is gone blocks a thread for minutes, and nothing can interrupt it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Final, Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")
_KEPT_MAX: Final = 512


class TookTooLongError(Exception):
    """There was no answer in time."""


class _Asked(NamedTuple, Generic[Answer]):
    at: float
    answer: Future[Answer]


class BoundedLookups(Generic[Answer]):
    """Answers by key; safe to be used by several threads.

    Each question runs in a thread of its own. While one hangs, the same question fails without another thread; once
    `hung_max` hang, every new question fails.
    """

    def __init__(self, *, patience: float = 1.0, keep: float = 1.0, hung_max: int = 8) -> None:
        """Wait up to `patience` seconds for an answer; give the same one for `keep` seconds after it was asked for."""
        self._patience = patience
        self._keep = keep
        self._hung_max = hung_max
        self._lock = threading.Lock()
        self._asked: dict[Hashable, _Asked[Answer]] = {}

    def get(self, key: Hashable, look: Callable[[], Answer]) -> Answer:
        """Return the answer to `key`, from `look` unless it was given just now.

        Raises:
            TookTooLongError: `look` did not answer in time, now or when it was asked last and hangs ever since.
            Exception: whatever `look` raised.
        """
        asked, is_new = self._ask(key)
        if is_new:
            threading.Thread(target=_answer, args=(asked.answer, look), name="attribution", daemon=True).start()
        try:
            return asked.answer.result(max(0.0, asked.at + self._patience - time.monotonic()))
        except TimeoutError as error:
            raise TookTooLongError from error

    def _ask(self, key: Hashable) -> tuple[_Asked[Answer], bool]:
        now = time.monotonic()
        with self._lock:
            asked = self._asked.get(key)
            if asked and (not asked.answer.done() or now < asked.at + self._keep):
                return asked, False
            if len(self._asked) >= _KEPT_MAX:
                self._asked = {each: old for each, old in self._asked.items() if not old.answer.done()}
            if self._hung(now) >= self._hung_max:
                raise TookTooLongError
            asked = self._asked[key] = _Asked(now, Future())
            return asked, True

    def _hung(self, now: float) -> int:
        late = now - self._patience
        return sum(asked.at < late and not asked.answer.done() for asked in self._asked.values())


def _answer(answer: Future[Answer], look: Callable[[], Answer]) -> None:
    try:
        answer.set_result(look())
    except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
        answer.set_exception(error)
