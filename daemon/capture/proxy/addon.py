"""The add-on: sends requests on their way and meters those that are calls to a model.

Belongs here: mitmproxy's hooks. Does not belong here: protocols (`layers`), where requests go (`routes`), metering
(`live`), starting and stopping (`server`).

The bytes come first: whatever metering has to do is put off until mitmproxy has written them to the socket.
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from mitmproxy import ctx, http, tls
from mitmproxy.connection import Client
from mitmproxy.proxy import layer

from daemon.attribution.caller import NOBODY, Caller
from daemon.attribution.forwarded import named_client
from daemon.capture.providers.metered import Outcome
from daemon.capture.providers.registry import Endpoint, endpoint_of
from daemon.capture.proxy.callers import Callers
from daemon.capture.proxy.captured import CapturedCall, ProxyCounts, Source
from daemon.capture.proxy.distrust import Distrust
from daemon.capture.proxy.headers import as_mapping, sent_on
from daemon.capture.proxy.layers import BROKEN_BY, GATEWAY_HOST, TUNNEL, next_layer_of
from daemon.capture.proxy.live import Failures, LiveCall, Meter
from daemon.capture.proxy.pages import front_page, unknown_path
from daemon.capture.proxy.routes import Routes, Upstream

_SILENCE_SECONDS: Final = 86_400
"""Models think for longer than mitmproxy's ten minutes before it hangs up."""
_PARALLEL_CONNECTIONS: Final = 1024
"""To one provider, for one client; mitmproxy's own limit of five would queue calls."""
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _Running(NamedTuple):
    call: LiveCall
    client_id: str
    caller: asyncio.Future[Caller]


class Capture:
    """Hooks of mitmproxy, all called in the proxy's own thread."""

    name = "nextlayer"  # mitmproxy's proxy server asks for the add-on of this name, which decides on protocols

    def __init__(
        self,
        routes: Routes,
        *,
        make_meter: Callable[[Endpoint], Meter],
        callers: Callers,
        on_call: Callable[[CapturedCall], None],
        body_bytes: Callable[[], int],
        failures: Failures,
    ) -> None:
        self._routes = routes
        self._make_meter = make_meter
        self._callers = callers
        self._on_call = on_call
        self._body_bytes = body_bytes
        self._failures = failures
        self._later = asyncio.get_running_loop().call_soon
        self._distrust = Distrust(time.monotonic)
        self._unproven: dict[str, str] = {}
        self._live: dict[str, _Running] = {}
        self._waiting: set[asyncio.Future[Caller]] = set()
        self._captured = self._distrusted = 0

    def counts(self) -> ProxyCounts:
        """Return what happened so far."""
        return ProxyCounts(
            captured=self._captured,
            running=len(self._live),
            failures=self._failures.count,
            distrusted=self._distrusted,
        )

    # Connections

    def client_connected(self, client: Client) -> None:
        """Lift limits that would alter calls."""
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if handler is not None:
            handler.timeout_watchdog.timeout = _SILENCE_SECONDS
            handler.max_conns.default_factory = lambda: asyncio.Semaphore(_PARALLEL_CONNECTIONS)

    async def client_disconnected(self, client: Client) -> None:
        """End what no other hook has ended."""
        for flow_id in [flow_id for flow_id, one in self._live.items() if one.client_id == client.id]:
            self._end(flow_id, Outcome.CLIENT_ABORTED)
        host = self._unproven.pop(client.id, None)
        if host is not None:
            self._distrust.silent((await self._caller(client)).pid, host)
        self._callers.forget(client.id)

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Open only connections to providers, and of those only such as trust us."""
        host = flow.request.host
        if self._routes.provider_of(host) is None:
            flow.metadata[TUNNEL] = True
            return
        looked_for = self._look(flow)
        if self._distrust.remembers_any and self._distrust.holds((await looked_for).pid, host):
            self._distrusted += 1
            flow.metadata[TUNNEL] = True

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Decide what reads a connection."""
        nextlayer.layer = next_layer_of(nextlayer.context, nextlayer.data_client())

    def tls_established_client(self, data: tls.TlsData) -> None:
        """Wait for the request that proves the client's trust."""
        if data.context.server.address:
            self._unproven[data.context.client.id] = data.context.server.address[0]

    async def tls_failed_client(self, data: tls.TlsData) -> None:
        """Remember who does not trust us."""
        server = data.context.server.address
        if server and "does not trust" in (data.conn.error or ""):
            pid = (await self._caller(data.context.client)).pid
            if "disconnected" in (data.conn.error or ""):
                self._distrust.silent(pid, server[0])
            else:
                self._distrust.refused(pid, server[0])

    # Requests

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Send a request on its way; meter it when it is a call to a model."""
        request = flow.request
        request.stream = True
        if named_client(request.data.headers.fields) is not None:
            self._look(flow)  # also where it is no call: the next one on this connection may be, and names nobody
        source: Source = "proxy"
        authority: str | None = None
        if request.data.host == GATEWAY_HOST:
            found = self._routes.gateway(request.data.path)
            if found is None:
                self._answer(flow)
                return
            upstream, request.data.path = found
            request.data.host, request.data.port = upstream.host, upstream.port
            request.data.scheme = upstream.scheme.encode()
            self._by_the_proxy(flow, upstream)
            source, authority, provider = "gateway", upstream.authority, upstream.provider
        else:
            provider = self._routes.provider_of(request.data.host)
        passed = sent_on(request.data.headers.fields, authority=authority, to_provider=provider is not None)
        request.data.headers.fields = passed.fields
        self._proven(flow.client_conn)
        if provider is not None:
            self._begin(flow, provider, source, passed.project)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass the answer on as it comes."""
        response = flow.response
        if response is None or flow.request.data.host == GATEWAY_HOST:
            return
        running = self._live.get(flow.id)
        if running is None:
            response.stream = True
            return
        call = running.call
        response.stream = self._passing(call.response_bytes)
        self._later(call.response_started, response.status_code, as_mapping(response.data.headers.fields))

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer came to its end."""
        self._end(flow.id, Outcome.COMPLETE)

    def error(self, flow: http.HTTPFlow) -> None:
        """The exchange broke off; a client that closes at `[DONE]` ends here too."""
        message = flow.error.msg if flow.error else ""
        if flow.metadata.get(BROKEN_BY) != "upstream":
            outcome = Outcome.CLIENT_ABORTED
        elif "timed out" in message.lower() or "[Errno 110]" in message or "[Errno 60]" in message:
            outcome = Outcome.TIMEOUT
        else:
            outcome = Outcome.UPSTREAM_FAILED
        self._end(flow.id, outcome)

    async def settle(self, seconds: float) -> None:
        """End what is still under way, and wait for callers that are still looked for; before the loop ends."""
        for flow_id in list(self._live):
            self._end(flow_id, Outcome.UPSTREAM_FAILED)
        await asyncio.sleep(0)
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=seconds)
        for looked_for in list(self._waiting):
            looked_for.cancel()
        await asyncio.sleep(0)

    @staticmethod
    def _by_the_proxy(flow: http.HTTPFlow, upstream: Upstream) -> None:
        """Where everything goes through another proxy: what is on this machine does not."""
        if upstream.host in _THIS_MACHINE:
            flow.server_conn.via = None
        elif flow.server_conn.via is not None and upstream.scheme == "http":
            flow.request.data.authority = upstream.authority.encode()  # the form in which proxies are asked

    def _answer(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = False  # an answer of our own waits for the whole request
        path = flow.request.data.path
        flow.response = front_page(self._routes.providers) if path == b"/" else unknown_path(self._routes.providers)

    def _begin(self, flow: http.HTTPFlow, provider: str, source: Source, project: str | None) -> None:
        request = flow.request
        try:
            endpoint = endpoint_of(provider, request.method, request.data.path.decode("latin-1"))
            if endpoint is None:
                return
            call = LiveCall(
                self._make_meter(endpoint),
                source=source,
                project_header=project,
                body_bytes=self._body_bytes(),
                failures=self._failures,
            )
        except Exception as error:  # noqa: BLE001 - whatever metering does, the call must not notice
            self._failures.note("beginning to meter a call", error)
            return
        client = flow.client_conn
        self._live[flow.id] = _Running(call, client.id, self._caller(client))
        request.stream = self._passing(call.request_bytes)
        self._later(call.request_started, as_mapping(request.data.headers.fields))

    def _passing(self, feed: Callable[[bytes], None]) -> Callable[[bytes], bytes]:
        later = self._later

        def passing(chunk: bytes) -> bytes:
            if chunk:
                later(feed, chunk)
            return chunk

        return passing

    def _end(self, flow_id: str, outcome: Outcome) -> None:
        running = self._live.pop(flow_id, None)
        if running is not None:
            self._later(self._ended, running, outcome, time.monotonic())

    def _ended(self, running: _Running, outcome: Outcome, at: float) -> None:
        captured = running.call.ended(outcome, at)
        if captured is None:
            return
        if running.caller.done():
            self._hand_on(captured, running.caller)
            return
        self._waiting.add(running.caller)
        running.caller.add_done_callback(lambda found: self._hand_on(captured, found))

    def _hand_on(self, captured: Callable[[Caller], CapturedCall], found: asyncio.Future[Caller]) -> None:
        self._waiting.discard(found)
        self._captured += 1
        try:
            self._on_call(captured(_known(found)))
        except Exception as error:  # noqa: BLE001 - whatever the recorder does, the next call must not notice
            self._failures.note("handing on a call", error)

    def _look(self, flow: http.HTTPFlow) -> asyncio.Future[Caller]:
        client = flow.client_conn
        named = named_client(flow.request.data.headers.fields)
        return self._callers.of(client.id, client.peername, client.sockname, named)

    def _caller(self, client: Client) -> asyncio.Future[Caller]:
        return self._callers.of(client.id, client.peername, client.sockname)

    def _proven(self, client: Client) -> None:
        host = self._unproven.pop(client.id, None)
        if host is not None and self._distrust.remembers_any:
            self._caller(client).add_done_callback(lambda found: self._distrust.trusted(_known(found).pid, host))


def _known(found: asyncio.Future[Caller]) -> Caller:
    return NOBODY if found.cancelled() else found.result()
