"""The proxy as the rest of the daemon starts and stops it: a thread with an event loop and mitmproxy inside.

Belongs here: settings, thread, beginning and end. Does not belong here: mitmproxy itself (`embedded`), which is
imported when a proxy starts, so that this module says plainly when the extra `capture` is missing.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.attribution.caller import caller_of
from daemon.attribution.forwarded import FindCaller
from daemon.capture.providers.meter import CallMeter, Endpoint
from daemon.capture.proxy.authority import AuthorityFiles, ca_bundle, ensure_authority
from daemon.capture.proxy.callers import Callers
from daemon.capture.proxy.captured import CapturedCall, ProxyCounts
from daemon.capture.proxy.live import Failures, Meter
from daemon.capture.proxy.routes import Routes
from daemon.clock import Clock

if TYPE_CHECKING:
    from daemon.capture.proxy.embedded import Embedded

LOOPBACK: Final = "127.0.0.1"
_STARTS_WITHIN_SECONDS: Final = 30.0


class ProxyError(Exception):
    """The proxy cannot run; the message says why and what to do."""


class PortTakenError(ProxyError):
    """Somebody else listens on the port."""


class CaptureMissingError(ProxyError):
    """mitmproxy is not installed."""


@dataclass(frozen=True)
class ProxySettings:
    """How the proxy runs.

    Attributes:
        authority_folder: where the certificate authority is kept; made when missing.
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        upstreams: provider to base URL, where the gateway's is not the provider's own.
        hosts: further host to provider, of which connections are opened.
        upstream_ca: further roots (PEM) that upstream certificates are verified with.
        upstream_proxy: URL of a proxy through which everything goes; None for none.
        hostname: for the name of the authority.
    """

    authority_folder: Path
    host: str = LOOPBACK
    port: int = 8090
    upstreams: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    upstream_ca: Path | None = None
    upstream_proxy: str | None = None
    hostname: str = field(default_factory=socket.gethostname)


class Proxy:
    """Proxy and gateway on one port; one at a time in a process, since mitmproxy keeps global state."""

    def __init__(
        self,
        settings: ProxySettings,
        *,
        on_call: Callable[[CapturedCall], None],
        clock: Clock,
        body_bytes: Callable[[], int] = lambda: 0,
        make_meter: Callable[[Endpoint], Meter] | None = None,
        find_caller: FindCaller = caller_of,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            settings: how to run.
            on_call: given each attempt once, when it is over; called in the proxy's thread, so that it must return
                at once. What it raises is counted, no more.
            clock: for when calls began.
            body_bytes: how much of requests and answers to keep with a call, asked at each; 0 keeps none.
            make_meter: in place of `CallMeter`.
            find_caller: in place of `caller_of`; called in threads.

        Raises:
            BadUpstreamError: a base URL in `settings` is none.
        """
        self._settings = settings
        self._routes = Routes(settings.upstreams, settings.hosts)
        self._on_call = on_call
        self._clock = clock
        self._body_bytes = body_bytes
        self._make_meter = make_meter or (lambda endpoint: CallMeter(endpoint, clock=clock))
        self._find_caller = find_caller
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._embedded: Embedded | None = None
        self._last_counts = ProxyCounts()

    @property
    def alive(self) -> bool:
        """Whether it runs; a proxy that was started and is not alive may be started again."""
        return self._thread is not None and self._thread.is_alive()

    def counts(self) -> ProxyCounts:
        """Return what happened since the start."""
        embedded = self._embedded
        return self._last_counts if embedded is None else embedded.counts()

    def start(self) -> int:
        """Start; return the port that connections are accepted on.

        Raises:
            CaptureMissingError: mitmproxy is not installed.
            PortTakenError: the port is in use.
            AuthorityError: the certificate authority cannot be made or read.
            ProxyError: anything else that keeps it from listening.
        """
        if find_spec("mitmproxy") is None:
            raise CaptureMissingError("mitmproxy is not installed: install halton-meter-cloud[capture]")
        files = ensure_authority(self._settings.authority_folder, self._clock, hostname=self._settings.hostname)
        further = () if self._settings.upstream_ca is None else (self._settings.upstream_ca,)
        roots = ca_bundle(files.bundle.with_name("upstream-roots.pem"), *further)
        listening: Future[int] = Future()
        # A daemon thread: a process that must end is not held up by calls under way.
        self._thread = threading.Thread(target=self._run, args=(files, roots, listening), name="proxy", daemon=True)
        self._thread.start()
        try:
            return listening.result(_STARTS_WITHIN_SECONDS)
        except OSError as error:
            raise _as_proxy_error(self._settings, error) from error

    def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Accept no more connections, let calls under way end for so long, hand on the last and end the thread."""
        thread, loop, embedded = self._thread, self._loop, self._embedded
        if thread is None or loop is None or embedded is None or not thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(embedded.leave(grace_seconds), loop)
        thread.join()

    def _run(self, files: AuthorityFiles, roots: Path, listening: Future[int]) -> None:
        try:
            asyncio.run(self._serve(files, roots, listening))
        except Exception as error:  # carried over to the thread that waits for the start
            if listening.done():
                raise
            listening.set_exception(error)
        finally:
            self._loop = self._embedded = None

    async def _serve(self, files: AuthorityFiles, roots: Path, listening: Future[int]) -> None:
        from daemon.capture.proxy.addon import Capture  # noqa: PLC0415 - needs mitmproxy, which may be missing
        from daemon.capture.proxy.embedded import Embedded  # noqa: PLC0415 - needs mitmproxy, which may be missing

        loop = asyncio.get_running_loop()
        failures = Failures(loop.time)
        callers = Callers(self._find_caller, failures)
        capture = Capture(
            self._routes,
            make_meter=self._make_meter,
            callers=callers,
            on_call=self._on_call,
            body_bytes=self._body_bytes,
            failures=failures,
        )
        settings = self._settings
        embedded = Embedded(
            capture,
            host=settings.host,
            port=settings.port,
            authority=files.key.parent,
            roots=roots,
            upstream_proxy=settings.upstream_proxy,
        )
        self._loop, self._embedded = loop, embedded
        try:
            await embedded.serve(listening.set_result)
        finally:
            callers.close()
            self._last_counts = embedded.counts()


def _as_proxy_error(settings: ProxySettings, error: OSError) -> ProxyError:
    address = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(f"{address} is in use by another program: stop it, or set another port in [capture]")
    return ProxyError(f"cannot listen on {address}: {error.strerror or error}")
