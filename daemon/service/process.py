"""The daemon as a process: `python -m daemon.service.process`, started by its keeper.

Belongs here: putting the rooms together, beginning and end. Does not belong here: the parts (`parts`), being kept alive
(`keeper`).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.bodies.keep import BodyKeeper
from daemon.calls.call import Call
from daemon.cli.state import installed_version
from daemon.clock import Clock, SystemClock
from daemon.cloud.worker import CloudWorker
from daemon.config import Config, load_config
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.prices.book import Cost
from daemon.service.answers import Facts, completed, routes
from daemon.service.capture_ability import why_not_captured
from daemon.service.channel import FromDaemon, KeeperChannel
from daemon.service.guard import allowed_origins
from daemon.service.journal import open_journal
from daemon.service.loopback import LoopbackServer
from daemon.service.parts import ApiPart, CapturePart, CloudPart, RetentionPart
from daemon.service.pricing import CurrentPrices
from daemon.service.recorder import Recorder
from daemon.service.rows import Captured, RowMaker
from daemon.service.snapshot import Recording, Snapshot
from daemon.service.supervisor import Part, Supervisor
from daemon.service.surroundings import company_proxy
from daemon.store.errors import StoreError
from daemon.store.store import Store

if TYPE_CHECKING:
    from daemon.capture.proxy.server import Proxy

_START_SECONDS: Final = 10.0
_END_SECONDS: Final = 6.0
_FLUSH_SECONDS: Final = 3.0
_HEARTBEAT_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class Daemon:
    """One home's daemon, put together."""

    def __init__(
        self, home: MeterHome, config: Config, store: Store, channel: KeeperChannel, *, capture_port: int, clock: Clock
    ) -> None:
        self._home = home
        self._config = config
        self._channel = channel
        self._began = time.monotonic()
        self._not_captured = why_not_captured(config)
        self._capture_port = capture_port
        self._prices = CurrentPrices(home)
        self._tally = _Tally()
        self._bodies = BodyKeeper(store, projects=config.bodies.projects, max_bytes=config.bodies.max_bytes)
        self._hostname = socket.gethostname()
        rows = RowMaker(self._prices, clock=clock, hostname=self._hostname)
        self.recorder = Recorder(store, rows.call_of, after=self._after)
        self._clock = clock
        self._store = store
        self._capture = CapturePart(self._proxy, channel)
        self._api = ApiPart(self._server, config.api.port)
        parts: list[Part] = [self._api, CloudPart(CloudWorker(home, store, clock), home), RetentionPart(store, home)]
        if self._not_captured is None:
            parts.append(self._capture)
        self._supervisor = Supervisor(parts)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then end in order: capture first, so that its last calls are still recorded."""
        self.recorder.start()
        self._supervisor.start(_START_SECONDS)
        self._channel.say(FromDaemon(word="ready", api_port=self._api.port))
        logger.info("running: capture on %s, API on %s", self._capture_port or "no port", self._api.port)
        while not stop.wait(_HEARTBEAT_SECONDS):
            self._channel.say(FromDaemon(word="alive", api_port=self._api.port))
        self._supervisor.end(_END_SECONDS)
        self.recorder.stop(_FLUSH_SECONDS)
        logger.info("ended")

    def snapshot(self) -> Snapshot:
        """Return the daemon as it is now."""
        parts = self._supervisor.states()
        counts = self.recorder.counts()
        proxy = self._capture.counts()
        captures = any(part.name == self._capture.name and part.condition == "running" for part in parts)
        well = all(part.condition == "running" for part in parts) and not counts.lost and counts.failure is None
        return Snapshot(
            status="ok" if well else "degraded",
            version=installed_version(),
            pid=os.getpid(),
            uptime_seconds=int(time.monotonic() - self._began),
            capture_port=self._capture_port if captures else None,
            why_not_captured=self._not_captured,
            guarded=not self._channel.alone,
            parts=parts,
            recording=Recording(
                captured=proxy.captured if proxy else 0,
                recorded=counts.recorded,
                waiting=counts.waiting,
                lost=counts.lost,
                unattributed=self._tally.unattributed,
                unpriced=self._tally.unpriced,
                metering_failures=proxy.failures if proxy else 0,
                distrusting=proxy.distrusted if proxy else 0,
                failure=counts.failure,
            ),
            prices_problem=self._prices.problem,
        )

    def _proxy(self) -> Proxy:
        from daemon.capture.proxy.server import Proxy, ProxySettings  # noqa: PLC0415 - without the extra there is none

        capture = self._config.capture
        proxy, _ = company_proxy(os.environ, self._capture_port)
        settings = ProxySettings(
            authority_folder=self._home.authority_folder,
            port=self._capture_port,
            upstreams=capture.upstreams,
            hosts=capture.hosts,
            upstream_proxy=proxy,
            hostname=self._hostname,
        )
        wanted = self._bodies.body_bytes
        return Proxy(settings, on_call=self.recorder.take, clock=self._clock, body_bytes=lambda: wanted)

    def _server(self, port: int) -> LoopbackServer:
        facts = Facts(
            home=self._home,
            store=self._store,
            clock=self._clock,
            version=installed_version(),
            hostname=self._hostname,
            snapshot=self.snapshot,
            priced=lambda call: completed(call, clock=self._clock, hostname=self._hostname, cost=self._cost),
        )
        return LoopbackServer(port, routes(facts), allowed=self._allowed)

    def _cost(self, call: Call) -> Cost | None:
        return self._prices().cost(call.provider, call.model, call.tokens, call.requested_at_us, call.service_tier)

    def _allowed(self) -> frozenset[str]:
        try:
            return allowed_origins(load_config(self._home))
        except UnreadableStateError:
            return frozenset()

    def _after(self, captured: Captured | None, call: Call) -> None:
        self._tally.add(call)
        if captured is not None and captured.bodies:
            self._bodies.keep(call.id, call.project, captured.bodies)


class _Tally:
    """Counts of recorded calls, for the status."""

    def __init__(self) -> None:
        self.unattributed = self.unpriced = 0

    def add(self, call: Call) -> None:
        self.unattributed += call.attribution_method in {"smart_default", "resolve_error", "resolve_timeout"}
        self.unpriced += call.cost_millicents is None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--channel", type=int, required=True)
    parser.add_argument("--capture-port", type=int, required=True)
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    home = MeterHome(given.home)
    channel = KeeperChannel(socket.socket(fileno=given.channel))
    open_journal(home, rotates=True)
    clock = SystemClock()
    try:
        config = load_config(home)
        with Store(home.database_path, clock) as store:
            Daemon(home, config, store, channel, capture_port=given.capture_port, clock=clock).run(stop)
    except (StoreError, UnreadableStateError, OSError) as error:
        logger.error("%s", error)  # noqa: TRY400 - a sentence with its remedy, not a trace
        channel.say(FromDaemon(word="failed", message=str(error)))
        return 1
    finally:
        channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
