"""mitmproxy inside this process: its options, the few add-ons it needs, its beginning and end.

Belongs here: everything that is set on mitmproxy itself. Does not belong here: the thread it runs in (`server`), what
is done with requests (`addon`).
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mitmproxy import tls
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.addons.upstream_auth import UpstreamAuth
from mitmproxy.master import Master
from mitmproxy.options import Options

from daemon.capture.proxy.addon import Capture
from daemon.capture.proxy.captured import ProxyCounts
from daemon.capture.proxy.draining import drain_in_order

_CLOSING_SECONDS: Final = 1.0
_POLLED_EVERY_SECONDS: Final = 0.02


class ProviderFirst(TlsConfig):
    """TLS; meets the provider before it answers a client, so that both agree on one version of HTTP."""

    def tls_clienthello(self, tls_clienthello: tls.ClientHelloData) -> None:
        """Connect to the provider now; when that fails the client is still answered, and its call recorded."""
        tls_clienthello.establish_server_tls_first = tls_clienthello.context.server.tls


class Embedded(Master):
    """One running mitmproxy; made and used in its own event loop."""

    def __init__(
        self, capture: Capture, *, host: str, port: int, authority: Path, roots: Path, upstream_proxy: str | None
    ) -> None:
        """Set it up.

        Args:
            capture: our add-on.
            host: address to listen on.
            port: port to listen on; 0 for a free one.
            authority: folder of the certificate authority.
            roots: bundle of roots that upstream certificates are verified with.
            upstream_proxy: URL of a proxy through which everything goes, None for none.
        """
        # Headers with secrets would be in mitmproxy's information about odd requests.
        logging.getLogger("mitmproxy").setLevel(logging.WARNING)
        options = Options(
            confdir=str(authority),
            listen_host=host,
            listen_port=port,
            ssl_verify_upstream_trusted_ca=str(roots),
            upstream_cert=False,
            websocket=False,
        )
        super().__init__(options)
        drain_in_order()
        self._legacy_log_events.uninstall()  # would send every log record of the whole daemon through this loop
        self._capture = capture
        self._server = Proxyserver()
        self.addons.add(capture, self._server, ProviderFirst(), UpstreamAuth())
        mode, credentials = _mode_of(upstream_proxy)
        self.options.update(
            mode=[mode],
            upstream_auth=credentials,
            connection_strategy="lazy",
            validate_inbound_headers=False,
        )

    async def serve(self, listening: Callable[[int], None]) -> None:
        """Run until `leave` is awaited.

        Args:
            listening: told the port once connections are accepted.

        Raises:
            OSError: the port cannot be listened on.
        """
        self._listening = listening
        await self.run()

    async def running(self) -> None:
        """Tell that we listen, or why not."""
        await super().running()
        addresses = self._server.listen_addrs()
        if not addresses:
            causes = [server.last_exception for server in self._server.servers]
            raise next((cause for cause in causes if cause), OSError(errno.EADDRNOTAVAIL, "cannot listen"))
        self._listening(addresses[0][1])

    async def leave(self, grace_seconds: float) -> None:
        """Accept no more connections, let calls end, then close what is left and hand on the last calls."""
        await self._server.servers.update([])
        await _until(lambda: not self.counts().running, grace_seconds)
        for handler in list(self._server.connections.values()):
            one = handler.transports.get(handler.client)
            if one is not None and one.handler is not None:
                handler.close_connection(handler.client)
        await _until(lambda: not self._server.connections, _CLOSING_SECONDS)
        await self._capture.settle(_CLOSING_SECONDS)
        self.should_exit.set()

    def counts(self) -> ProxyCounts:
        """Return what happened so far."""
        return self._capture.counts()


def _mode_of(upstream_proxy: str | None) -> tuple[str, str | None]:
    if upstream_proxy is None:
        return "regular", None
    parts = urlsplit(upstream_proxy if "://" in upstream_proxy else f"http://{upstream_proxy}")
    credentials = None if parts.username is None else f"{parts.username}:{parts.password or ''}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"upstream:{parts.scheme}://{host}{port}", credentials


async def _until(done: Callable[[], bool], seconds: float) -> None:
    for _ in range(round(seconds / _POLLED_EVERY_SECONDS)):
        if done():
            return
        await asyncio.sleep(_POLLED_EVERY_SECONDS)
