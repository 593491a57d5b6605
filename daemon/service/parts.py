"""What the daemon consists of: capture, cloud worker, loopback API, retention.

Belongs here: fitting each room's work into a part that runs until it is told to end. Does not belong here: the work
itself, and starting a part again (`supervisor`).
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from daemon.cloud.privacy import UploadRules
from daemon.cloud.waiting import withheld_spellings
from daemon.config import Config, load_config
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.service.channel import PortKeeper
from daemon.service.loopback import LoopbackServer
from daemon.service.port_owner import port_is_taken

if TYPE_CHECKING:
    from daemon.capture.proxy.captured import ProxyCounts
    from daemon.capture.proxy.server import Proxy
    from daemon.cloud.worker import CloudWorker
    from daemon.store.store import Store

GRACE_SECONDS: Final = 3.0
"""What calls under way may take when capture ends."""
_LOOK_SECONDS: Final = 0.5
_PURGE_SECONDS: Final = 86_400.0
_FIRST_PURGE_SECONDS: Final = 30.0
_PURGE_AGAIN_SECONDS: Final = 3_600.0

logger = logging.getLogger(__name__)


class PartError(Exception):
    """A part cannot go on; the message says why."""


class CapturePart:
    """Proxy and gateway."""

    name = "capture"

    def __init__(self, make_proxy: Callable[[], Proxy], keeper: PortKeeper) -> None:
        """`make_proxy` gives a new proxy for every start; `keeper` has its port in between."""
        self._make_proxy = make_proxy
        self._keeper = keeper
        self._proxy: Proxy | None = None

    def counts(self) -> ProxyCounts | None:
        """Return what the proxy counted; None before its first start."""
        proxy = self._proxy
        return None if proxy is None else proxy.counts()

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        """Capture until told to end."""
        proxy = self._proxy = self._make_proxy()
        self._keeper.want_port()
        try:
            proxy.start()
            self._keeper.have_port()
            ready.set()
            while not stop.wait(_LOOK_SECONDS):
                if not proxy.alive:
                    raise PartError("the proxy stopped by itself")
        finally:
            proxy.stop(grace_seconds=GRACE_SECONDS)
            self._keeper.lost_port()


class CloudPart:
    """The cloud worker."""

    name = "cloud"

    def __init__(self, worker: CloudWorker, home: MeterHome) -> None:
        """`home` says how often the worker looks, anew each time."""
        self._worker = worker
        self._home = home

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        """Let the worker look, again and again."""
        ready.set()
        while True:
            self._worker.tick()
            if stop.wait(_interval(self._home)):
                return


class RetentionPart:
    """Removing what is older than a person wants it kept."""

    name = "retention"

    def __init__(self, store: Store, home: MeterHome, *, first_seconds: float = _FIRST_PURGE_SECONDS) -> None:
        """The first time comes `first_seconds` after the start, so that a start is quick."""
        self._store = store
        self._home = home
        self._first_seconds = first_seconds

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        """Remove once a day; more often while nothing was removed, since the store may doubt the clock."""
        ready.set()
        pause = self._first_seconds
        while not stop.wait(pause):
            config = load_config(self._home)
            staying = withheld_spellings(self._store, UploadRules.from_config(config.cloud.upload))
            removed = self._store.purge(
                config.store.retention_days, keep_pending=config.cloud.enabled, never_leaving=staying
            )
            pause = _PURGE_SECONDS if removed else _PURGE_AGAIN_SECONDS
            if removed:
                logger.info("removed %d calls older than %d days", removed, config.store.retention_days)


class ApiPart:
    """The loopback API."""

    name = "api"

    def __init__(self, make_server: Callable[[int], LoopbackServer], port: int) -> None:
        """`make_server` binds the port; 0 is a free one, kept from then on."""
        self._make_server = make_server
        self._wanted = port
        self.port: int | None = None

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        """Serve until told to end."""
        with self._bound() as server:
            self.port = self._wanted = server.port
            ready.set()
            server.serve(stop)

    def _bound(self) -> LoopbackServer:
        try:
            return self._make_server(self._wanted)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PartError(port_is_taken(self._wanted, "api")) from error
            raise


def _interval(home: MeterHome) -> float:
    try:
        return load_config(home).cloud.sync_interval_seconds
    except UnreadableStateError:
        return Config().cloud.sync_interval_seconds
