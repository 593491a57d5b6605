"""The prices of a running daemon: read again when their owner edits `prices.toml`.

Belongs here: when to read again, and what counts while the file is broken. Does not belong here: prices
(`daemon.prices`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from daemon.credentials import MeterHome, UnreadableStateError
from daemon.prices.book import PriceBook
from daemon.prices.overrides import load_prices

_LOOK_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class CurrentPrices:
    """Gives the home's prices as they are now.

    Attributes:
        problem: why the file counts for nothing, None when it does not.
    """

    def __init__(self, home: MeterHome, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.problem: str | None = None
        self._home = home
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._book: PriceBook | None = None

    def __call__(self) -> PriceBook:
        """Return the prices. A file that cannot be understood leaves those that counted before."""
        with self._lock:
            now = self._monotonic()
            if self._book is None or now - self._looked_at >= _LOOK_SECONDS:
                self._looked_at = now
                self._look()
            return self._book or PriceBook.bundled()

    def _look(self) -> None:
        stamp = self._stamp_now()
        if self._book is not None and stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._book = load_prices(self._home)
            self.problem = None
        except UnreadableStateError as error:
            logger.error("%s", error)  # noqa: TRY400 - a person's typing error needs no trace
            self.problem = str(error)
            self._book = self._book or PriceBook.bundled()

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            facts = self._home.prices_path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size
