"""The tests' end of a refresh nursery.

Belongs here: starting one, giving orders. Does not belong here: what happens inside (`refresh_nursery`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from pipelines.lake.paths import Home

PUBLISHING: Final = "publish"
DONE: Final = "done"

Step = tuple[str, float]
"""A step begun, or `DONE` for the innermost one, and when."""


class Order(msgspec.Struct, frozen=True):
    """What children are to do.

    Attributes:
        way: `refresh`, `refresher` (the long-lived loop) or `dagster` (a run of the job, as Dagster itself does it).
        kill_after: seconds until SIGKILL; None lets children end by themselves.
        from_publish: count these seconds from the moment publishing begins.
        children: how many at once.
        full: build everything anew.
    """

    way: str = "refresh"
    kill_after: float | None = None
    from_publish: bool = False
    children: int = 1
    full: bool = False


class Ended(msgspec.Struct, frozen=True):
    """How one child ended.

    Attributes:
        code: exit code; negative: the signal.
        seconds: its life.
        steps: what it told of, by the machine's monotonic clock.
    """

    code: int
    seconds: float
    steps: list[Step]

    @property
    def publish_seconds(self) -> float | None:
        """How long publishing took; None of a child that had nothing to publish, or did not come to its end."""
        names = [name for name, _ in self.steps]
        at = names.index(PUBLISHING) if PUBLISHING in names else len(names)
        return self.steps[at + 1][1] - self.steps[at][1] if at + 1 < len(names) else None

    @property
    def building(self) -> tuple[float, float]:
        """From the first step under the lock to the end of the last."""
        return self.steps[0][1], self.steps[-1][1]


def steps_at(steps: list[Step], name: str) -> float | None:
    """Return when a step began; None when it has not."""
    return next((at for one, at in steps if one == name), None)


class Nursery:
    """A warm process that refreshes one home in children of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def run(self, order: Order) -> list[Ended]:
        """Carry out an order and return how its children ended."""
        self.give(order)
        return self.taken()

    def give(self, order: Order) -> None:
        """Give an order without waiting for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order).decode() + "\n")
        self._process.stdin.flush()

    def taken(self) -> list[Ended]:
        """Wait for the end of the order given before."""
        return msgspec.json.decode(self._answer(), type=list[Ended])

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the nursery ended with {self._process.wait()}"
        return line


@contextmanager
def nursery(home: Home) -> Iterator[Nursery]:
    """Start a nursery over a built home; it and its children are gone at the end."""
    command = [sys.executable, "-m", "tests.faults.builds.refresh_nursery", str(home.root)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
