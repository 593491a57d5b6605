"""The one writer of captured calls.

Belongs here: taking calls without ever making the proxy wait, writing them in batches, keeping them in memory while the
store cannot be written. Does not belong here: what a row is made of (`rows`), the tables (`daemon.store`).

A batch is whatever has come in while the last one was written: a lone call is on disk within milliseconds, and under
load one transaction carries many.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from daemon.calls.call import Call
from daemon.service.rows import Captured
from daemon.store.errors import StoreError

MOST_WAITING: Final = 100_000
"""Calls kept in memory while the store cannot be written; beyond that the oldest are lost."""
LARGEST_BATCH: Final = 1_000
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0

logger = logging.getLogger(__name__)

Made = tuple[Captured | None, Call]


class Sink(Protocol):
    """Where calls are kept."""

    def add(self, calls: Sequence[Call]) -> int:
        """Keep calls in one transaction; return how many were new."""
        ...


@dataclass(frozen=True)
class RecorderCounts:
    """What became of the calls since the daemon started.

    Attributes:
        recorded: on disk.
        waiting: in memory, not yet on disk.
        lost: given up: pushed out of a full memory, or impossible to store.
        failure: why the store cannot be written, None when it can.
    """

    recorded: int
    waiting: int
    lost: int
    failure: str | None


class Recorder:
    """Takes calls from any thread and writes them from one."""

    def __init__(
        self,
        sink: Sink,
        call_of: Callable[[Captured], Call],
        *,
        most_waiting: int = MOST_WAITING,
        longest_pause: float = _LONGEST_PAUSE,
        after: Callable[[Captured | None, Call], None] | None = None,
    ) -> None:
        """Not yet running.

        Args:
            sink: where calls are kept.
            call_of: makes the row; runs in the writer's thread.
            most_waiting: calls kept in memory at most.
            longest_pause: seconds between attempts while the store cannot be written, at most.
            after: called for each row that is on disk, with what it was made from; with None for that when the row had
                to wait, since bodies of thousands of calls would fill the memory.
        """
        self._sink = sink
        self._call_of = call_of
        self._most_waiting = most_waiting
        self._longest_pause = longest_pause
        self._after = after
        self._changed = threading.Condition()
        self._incoming: deque[Captured] = deque()
        self._ready: deque[Made] = deque()
        self._recorded = self._lost = 0
        self._failure: str | None = None
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, captured: Captured) -> None:
        """Keep a call; returns at once, never raises."""
        with self._changed:
            self._incoming.append(captured)
            if len(self._incoming) + len(self._ready) > self._most_waiting:
                (self._ready or self._incoming).popleft()
                self._lost += 1
            self._changed.notify()

    def counts(self) -> RecorderCounts:
        """Return what became of the calls so far."""
        with self._changed:
            return RecorderCounts(self._recorded, len(self._incoming) + len(self._ready), self._lost, self._failure)

    def stop(self, patience_seconds: float) -> int:
        """Write what waits, end; return how many calls could not be written in time and are lost."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(patience_seconds)
        counts = self.counts()
        if counts.waiting:
            logger.error("%d calls could not be written: %s", counts.waiting, counts.failure)
        return counts.waiting

    def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            with self._changed:
                while not (self._incoming or self._ready or self._ending):
                    self._changed.wait()
                if not (self._incoming or self._ready):
                    return
                taken = [self._incoming.popleft() for _ in range(min(len(self._incoming), LARGEST_BATCH))]
            made = self._rows_of(taken)
            with self._changed:
                self._ready.extend(made)
                batch = [self._ready[place] for place in range(min(len(self._ready), LARGEST_BATCH))]
            if self._write(batch):
                pause = _SHORTEST_PAUSE
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._ending, pause)
                pause = _SHORTEST_PAUSE if self._ending else pause
            pause = min(pause * 2, self._longest_pause)

    def _rows_of(self, taken: Sequence[Captured]) -> list[Made]:
        made: list[Made] = []
        for captured in taken:
            try:
                made.append((captured, self._call_of(captured)))
            except Exception:
                logger.exception("a call could not be made a row; it is lost")
                self._lose(1)
        return made

    def _write(self, batch: Sequence[Made]) -> bool:
        """Return whether the batch is out of the way: on disk, or impossible to store."""
        try:
            self._sink.add([call for _, call in batch])
        except StoreError as error:
            if self._failure is None:
                logger.error("calls are kept in memory until the store can be written: %s", error)  # noqa: TRY400
            self._failure = str(error)
            with self._changed:
                self._ready = deque((None, call) for _, call in self._ready)
            return False
        except Exception:
            if len(batch) > 1:
                # One row that no store takes must not keep the others out.
                return all(self._write([one]) for one in batch)
            logger.exception("a call cannot be stored; it is lost")
            self._forget(batch)
            self._lose(1)
            return True
        if self._failure is not None:
            logger.info("the store can be written again")
        self._failure = None
        with self._changed:
            self._recorded += len(batch)
        self._forget(batch)
        self._tell(batch)
        return True

    def _tell(self, batch: Sequence[Made]) -> None:
        if self._after is None:
            return
        for captured, call in batch:
            try:
                self._after(captured, call)
            except Exception:
                logger.exception("what belongs to call %s could not be kept", call.id)

    def _forget(self, batch: Sequence[Made]) -> None:
        done = {call.id for _, call in batch}
        with self._changed:
            while self._ready and self._ready[0][1].id in done:  # a batch is the front of the queue
                self._ready.popleft()

    def _lose(self, number: int) -> None:
        with self._changed:
            self._lost += number
