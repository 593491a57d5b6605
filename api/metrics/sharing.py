"""Figures of all worker processes in one answer.

Belongs here: the file each worker keeps up to date, and putting them together. Does not belong here: what is measured.

Workers share a socket, so a scrape reaches any one of them. Each writes its figures down every few seconds and whenever
it is asked; whoever is asked reads the files of all workers that live. Every series carries its worker's name, so that
nothing goes backwards: a worker that ended takes its series with it, and a new one begins at nought under a new name.
A file belongs to a live worker for as long as its lock is held, which the kernel sees to.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipelines.lake.file_locks import is_locked

logger = logging.getLogger(__name__)
EVERY_SECONDS: Final = 5.0
_SERIES: Final = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? ")
_LOCK: Final = ".lock"
_TEXT: Final = ".prom"


class SharedFigures:
    """One worker's file, and a look at those of all."""

    def __init__(self, folder: Path, text: Callable[[], str]) -> None:
        """Nothing is written before `start`.

        Args:
            folder: where the workers of a home keep their files.
            text: this worker's figures.
        """
        self.worker = f"{os.getpid()}-{secrets.token_hex(3)}"
        self._folder, self._text = folder, text
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Begin to write."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / f"{self.worker}{_LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            logger.warning("metrics of this worker are told by this worker alone: %s", fault.strerror)
            return
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and take the file along."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(EVERY_SECONDS)
        if self._lock is not None:
            for ending in (_TEXT, _LOCK):
                (self._folder / f"{self.worker}{ending}").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def all_text(self) -> str:
        """Return every live worker's figures, this one's as of now."""
        own = self._text()
        self._write(own)
        texts = {self.worker: own}
        with suppress(OSError):
            for lock in sorted(self._folder.glob(f"*{_LOCK}")):
                worker = lock.name.removesuffix(_LOCK)
                if worker == self.worker:
                    continue
                file = lock.with_suffix(_TEXT)
                if is_locked(lock):
                    with suppress(FileNotFoundError):
                        texts[worker] = file.read_text()
                else:
                    file.unlink(missing_ok=True)
                    lock.unlink(missing_ok=True)
        return merged(texts)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            self._write(self._text())

    def _write(self, text: str) -> None:
        if self._lock is None:
            return
        temporary = self._folder / f".{self.worker}-{threading.get_ident()}"
        try:
            temporary.write_text(text)
            temporary.replace(self._folder / f"{self.worker}{_TEXT}")
        except OSError as fault:
            logger.warning("metrics cannot be written: %s", fault.strerror)
            temporary.unlink(missing_ok=True)


def merged(texts: dict[str, str]) -> str:
    """Return Prometheus texts as one: each family told once, each series with its worker.

    Args:
        texts: by worker.
    """
    heads: dict[str, list[str]] = {}
    series: dict[str, list[str]] = {}
    for worker, text in sorted(texts.items()):
        family = ""
        for line in text.splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                known = heads.setdefault(family, [])
                if line not in known and len(known) < 2:  # noqa: PLR2004 - HELP and TYPE
                    known.append(line)
            elif found := _SERIES.match(line):
                labels = f'worker="{worker}"' + (f",{found[2]}" if found[2] else "")
                series.setdefault(family, []).append(f"{found[1]}{{{labels}}} {line[found.end() :]}")
    return "".join(
        "".join(f"{line}\n" for line in (*heads[family], *series.get(family, ()))) for family in sorted(heads)
    )
