"""Three simulated machines: `halton-meter simulate` in processes of their own, followed by their events.

Belongs here: starting them, reading their events, adding up what they say they sent. Does not belong here: made-up
rows or the protocol (`daemon`), which this room only meets as a command.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

DEVICES: Final = 3


class LaptopFailedError(Exception):
    """A simulated machine could not do its part."""


class Bars(Protocol):
    """Where progress is shown."""

    def advance(self, device: int, name: str, done: int, total: int) -> None:
        """Show how many rows of a device are through."""
        ...


@dataclass
class Sent:
    """What all machines together say they sent: counts of rows, tokens and millicents by name, and their days."""

    totals: Counter[str] = field(default_factory=Counter[str])
    first_day: str = "9999-12-31"
    last_day: str = "0001-01-01"

    def add(self, event: dict[str, Any]) -> None:
        """Add one machine's final event."""
        self.totals.update({name: value for name, value in event.items() if type(value) is int})
        if event["first_requested_at"] is not None:
            self.first_day = min(self.first_day, str(event["first_requested_at"])[:10])
            self.last_day = max(self.last_day, str(event["last_requested_at"])[:10])


class Laptops:
    """The machines of one demo; a context manager that ends those that still run."""

    def __init__(self, url: str, folder: Path, history: Sequence[str]) -> None:
        """Start them.

        Args:
            url: the server.
            folder: their homes are made in here.
            history: options of `halton-meter simulate` that say which calls all of them together make.
        """
        self.sent = Sent()
        self._events: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: list[subprocess.Popen[str]] = []
        for index in range(DEVICES):
            home = folder / f"laptop-{index + 1}"
            command = [sys.executable, "-m", "daemon.cli.main", "--home", str(home), "simulate", "--base-url", url]
            command += [*history, "--device-index", str(index), "--poll-interval-seconds", "0.2", "--json-lines"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
            self._processes.append(process)
            threading.Thread(target=self._read, args=(index, process), daemon=True).start()

    def follow(self, bars: Bars, approve: Callable[[str], None]) -> None:
        """Approve each machine's code and show its progress until all are done.

        Raises:
            LaptopFailedError: one of them gave up.
        """
        running = set(range(DEVICES))
        finished: set[int] = set()
        while running:
            index, event = self._events.get()
            if event is None:
                running.discard(index)
                if index not in finished:
                    raise LaptopFailedError(f"simulated machine {index + 1} stopped early; its message stands above")
                continue
            match event["event"]:
                case "pairing":
                    approve(event["pairing_code"])
                case "progress":
                    bars.advance(index, f"laptop {index + 1}", event["rows_sent"], event["rows_total"])
                case "done":
                    finished.add(index)
                    self.sent.add(event)
                case _:
                    pass

    def _read(self, index: int, process: subprocess.Popen[str]) -> None:
        if process.stdout is not None:
            for line in process.stdout:
                self._events.put((index, json.loads(line)))
        self._events.put((index, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
