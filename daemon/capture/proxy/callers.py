"""Looks for the processes behind connections, beside the calls.

Belongs here: one look for each connection, in a thread, its answer kept until the connection ends. Does not belong
here: how a process is found (`daemon.attribution.caller`), when a forwarder is believed
(`daemon.attribution.forwarded`).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from daemon.attribution.caller import NOBODY, Caller
from daemon.attribution.forwarded import Address, Ends, FindCaller, caller_behind
from daemon.capture.proxy.live import Failures

_THREADS: Final = 2


class Callers:
    """Knows who is behind each connection, or will know; used from the proxy's own thread."""

    def __init__(self, find: FindCaller, failures: Failures) -> None:
        self._find = find
        self._failures = failures
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="halton-callers")
        self._found: dict[str, asyncio.Future[Caller]] = {}

    def of(self, client_id: str, client: Address, server: Address, named: Ends | None = None) -> asyncio.Future[Caller]:
        """Return who is behind a connection, looking at once when nobody has looked yet; never fails.

        Args:
            client_id: the connection.
            client: its end that connected.
            server: its end that accepted.
            named: the connection that it says it forwards; counts at the first look only.
        """
        known = self._found.get(client_id)
        if known is None:
            loop = asyncio.get_running_loop()
            known = loop.run_in_executor(self._threads, self._look, (client[:2], server[:2]), named)
            self._found[client_id] = known
        return known

    def forget(self, client_id: str) -> None:
        """Drop a connection that has ended; whoever waits for its answer still gets it."""
        self._found.pop(client_id, None)

    def close(self) -> None:
        """Look no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look(self, connection: Ends, named: Ends | None) -> Caller:
        try:
            return caller_behind(self._find, connection, named)
        except Exception as error:  # noqa: BLE001 - a call must never fail because its caller could not be found
            self._failures.note("looking for a caller", error)
            return NOBODY
