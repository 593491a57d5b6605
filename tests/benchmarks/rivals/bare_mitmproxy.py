"""mitmproxy's own pass-through: the floor under every proxy that is made of it.

Belongs here: mitmproxy as a reverse proxy and as an HTTPS proxy, streaming, with no more add-ons than it needs to pass
calls on. Does not belong here: anything of ours: it meters nothing and stores nothing.

Run by a Python that has mitmproxy, as a file: `bare_mitmproxy.py FOLDER UPSTREAM AUTHORITY`; prints its two ports as
JSON, first the reverse proxy's. FOLDER takes its certificate authority.
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys

from mitmproxy import http
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.master import Master
from mitmproxy.options import Options


class Streaming:
    """Passes bodies on as they come: by default mitmproxy holds them until they end."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Pass a request on."""
        flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass an answer on."""
        assert flow.response is not None
        flow.response.stream = True


class Bare(Master):
    """It runs until it is told to end; then it leaves its connections, which no one measures any more."""

    def __init__(self, folder: str, upstream: str, authority: str) -> None:
        logging.getLogger("mitmproxy").setLevel(logging.WARNING)
        super().__init__(Options(confdir=folder, ssl_verify_upstream_trusted_ca=authority))
        self._server = Proxyserver()
        self.addons.add(self._server, NextLayer(), TlsConfig(), Streaming())
        # Two names of one address: mitmproxy takes equal ones for a mistake, free ports or not.
        self.options.update(mode=[f"reverse:{upstream}@127.0.0.1:0", "regular@localhost:0"])
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.shutdown)

    async def running(self) -> None:
        """Tell where it listens."""
        await super().running()
        ports = {
            server.mode.type_name: next(port for host, port, *_ in server.listen_addrs if host == "127.0.0.1")
            for server in self._server.servers
        }
        sys.stdout.write(json.dumps([ports["reverse"], ports["regular"]]) + "\n")
        sys.stdout.flush()


async def _run(folder: str, upstream: str, authority: str) -> None:
    await Bare(folder, upstream, authority).run()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
