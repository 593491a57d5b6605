"""A program and the forwarder beside it.

Belongs here: the forwarder's thread, the program's start, signals and exit code. Does not belong here: which variables
it gets (`exports`), what the forwarder does (`stand_in`).
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final

from daemon.config import Config
from daemon.service.keeper_process import direct_ways
from daemon.service.stand_in import StandIn

_HANDED_ON: Final = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_KILLED: Final = 128


class Forwarder:
    """A port of its own in front of the daemon, in a thread. Use as a context manager, which gives the port."""

    def __init__(self, config: Config, daemon_port: int) -> None:
        self._stand_in = StandIn(direct_ways(config), daemon_port=daemon_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="forwarder", daemon=True)

    @property
    def passed(self) -> int:
        """How many connections went past the daemon."""
        return self._stand_in.passed

    def __enter__(self) -> int:
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._stand_in.listen(0), self._loop).result()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stand_in.end(0), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def run_program(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` in this terminal; return its exit code, or 128 and the number of the signal that ended it."""
    program: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if program:
            program[0].send_signal(number)
        else:
            early.append(number)

    with _signals(hand_on), subprocess.Popen(list(command), env=dict(environment)) as process:  # noqa: S603 - as asked
        program.append(process)
        for number in early:
            process.send_signal(number)
        code = process.wait()
    return _KILLED - code if code < 0 else code


@contextmanager
def _signals(hand_on: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Hand signals on to the program; Ctrl-C reaches it by itself, from the terminal."""
    numbers = [getattr(signal, name) for name in _HANDED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, hand_on) for number in numbers}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
