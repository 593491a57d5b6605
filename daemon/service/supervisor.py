"""Running the daemon's parts side by side; one that dies is started again.

Belongs here: a thread for each part, waiting longer after each death, the end in order. Does not belong here: what the
parts do (`parts`), the process (`process`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

HEALTHY_SECONDS: Final = 60.0
"""A part that ran for so long is well: when it dies, it is started again at once."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0

Condition = Literal["starting", "running", "waiting", "ended"]

logger = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs as long as the daemon does."""

    @property
    def name(self) -> str:
        """What it is called in the log and in the status."""
        ...

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        """Run until `stop` is set, having set `ready` once it works. Whatever it raises is its death."""
        ...


class PartState(msgspec.Struct, kw_only=True, frozen=True):
    """How a part is.

    Attributes:
        name: of the part.
        condition: `waiting`: it died and will be started again.
        restarts: how often it was started again.
        failure: why it died the last time; None when it never did or has been well since.
    """

    name: str
    condition: Condition
    restarts: int
    failure: str | None


class Supervised:
    """One part and its thread."""

    def __init__(self, part: Part, *, first_pause: float = FIRST_PAUSE) -> None:
        self.part = part
        self.settled = threading.Event()
        """Set once it works, or has failed for the first time."""
        self._first_pause = first_pause
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._condition: Condition = "starting"
        self._failure: str | None = None
        self._restarts = 0
        self._thread = threading.Thread(target=self._run, name=part.name, daemon=True)

    def start(self) -> None:
        """Begin to run the part."""
        self._thread.start()

    def ask_to_end(self) -> None:
        """Tell the part to end."""
        self._stop.set()

    def wait(self, patience_seconds: float) -> bool:
        """Return whether it has ended in time."""
        self._thread.join(patience_seconds)
        return not self._thread.is_alive()

    def state(self) -> PartState:
        """Return how the part is."""
        condition = self._condition
        if condition == "starting" and self._ready.is_set():
            condition = "running"
        failure = None if condition == "running" else self._failure
        return PartState(name=self.part.name, condition=condition, restarts=self._restarts, failure=failure)

    def _run(self) -> None:
        pause = self._first_pause
        while not self._stop.is_set():
            self._condition = "starting"
            self._ready = _Ready(self.settled)
            began = time.monotonic()
            failure = self._once()
            if self._stop.is_set():
                break
            self._failure, self._condition = failure, "waiting"
            self.settled.set()
            if time.monotonic() - began >= HEALTHY_SECONDS:
                pause = self._first_pause
            logger.error("%s ended (%s); starting it again in %.1f s", self.part.name, failure, pause)
            self._stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._restarts += 1
        self._condition = "ended"
        self.settled.set()

    def _once(self) -> str:
        try:
            self.part.run(self._ready, self._stop)
        except Exception as error:
            logger.debug("%s", self.part.name, exc_info=True)
            return str(error) or type(error).__name__
        return "for no reason that it gave"


class _Ready(threading.Event):
    """Set by a part that works; whoever waits for it to settle is told as well."""

    def __init__(self, settled: threading.Event) -> None:
        super().__init__()
        self._settled = settled

    def set(self) -> None:
        """Say that the part works."""
        super().set()
        self._settled.set()


class Supervisor:
    """Runs parts; the first to be started is the last to be ended."""

    def __init__(self, parts: Sequence[Part], *, first_pause: float = FIRST_PAUSE) -> None:
        self._all = [Supervised(part, first_pause=first_pause) for part in parts]

    def start(self, patience_seconds: float) -> None:
        """Start all parts; return when each works or has failed once, or when patience is over."""
        for one in self._all:
            one.start()
        until = time.monotonic() + patience_seconds
        for one in self._all:
            one.settled.wait(max(until - time.monotonic(), 0))

    def states(self) -> list[PartState]:
        """Return how the parts are."""
        return [one.state() for one in self._all]

    def end(self, patience_seconds: float) -> None:
        """End the parts, the last one first; each may take so long."""
        for one in reversed(self._all):
            one.ask_to_end()
            if not one.wait(patience_seconds):
                logger.error("%s does not end; it is left behind", one.part.name)
