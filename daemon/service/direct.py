"""The way to a provider without the daemon.

Belongs here: where a request would have gone had there been no daemon, and the connection there. Does not belong here:
copying bytes (`stand_in`), metering: nothing is recorded on this way.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # pyright: ignore[reportAttributeAccessIssue] - of the library, untyped

from daemon.service.heads import BadHeadError, Head

CONNECT_SECONDS: Final = 30.0
_PORTS: Final = {"http": 80, "https": 443}
_HIGHEST_PORT: Final = 65_535
_GRANTED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoWayError(Exception):
    """The request leads nowhere.

    Attributes:
        status: of the answer to give, as `404 Not Found`.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Way(NamedTuple):
    """An open connection, what goes down it first, and what the caller gets first.

    Attributes:
        once: whether it serves one request only, which the caller has to be told.
    """

    streams: Streams
    first: bytes
    answer: bytes
    once: bool = False


@dataclass(frozen=True)
class Direct:
    """Opens connections past the daemon.

    Attributes:
        gateways: path prefix (`anthropic`) to the base URL behind it.
        own_ports: ports of ours on this machine, which lead back here.
        proxy: the company's HTTP proxy that the machine needs, as URL; None where there is none.
        no_proxy: hosts that need none, as the variable `NO_PROXY` lists them.
    """

    gateways: Mapping[str, str]
    own_ports: set[int] = field(default_factory=set)
    proxy: str | None = None
    no_proxy: str = ""

    async def open(self, head: Head) -> Way:
        """Return the way that `head` asks for.

        Raises:
            NoWayError: the address is none, or leads back here.
            BadHeadError: the head contradicts itself.
            OSError: nobody answers there.
        """
        if head.method == b"CONNECT":
            host, port = _host_and_port(head.target)
            return Way(await self._connect(host, port), b"", _GRANTED)
        if head.target.startswith(b"/"):
            return await self._gateway(head)
        address = _split(head.target)
        host = address.netloc.rpartition("@")[2].encode()
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        return Way(await self._dial(address), head.readdressed(path.encode(), host), b"", once=True)

    async def _gateway(self, head: Head) -> Way:
        prefix, slash, rest = head.target[1:].partition(b"/")
        base = self.gateways.get(prefix.decode("latin-1")) if slash else None
        if base is None:
            known = ", ".join(f"/{name}" for name in sorted(self.gateways))
            raise NoWayError("404 Not Found", f"This path leads nowhere. Gateways are: {known}.")
        address = _split(base.encode())
        path = address.path.rstrip("/").encode() + b"/" + rest
        return Way(await self._dial(address), head.readdressed(path, address.netloc.encode()), b"", once=True)

    async def _dial(self, address: SplitResult) -> Streams:
        host, port = _host_and_port(f"{address.netloc}".rpartition("@")[2].encode(), _PORTS[address.scheme])
        streams = await self._connect(host, port)
        if address.scheme == "https":
            reader, writer = streams
            async with asyncio.timeout(CONNECT_SECONDS):
                await writer.start_tls(self._trust, server_hostname=host)
            return reader, writer
        return streams

    async def _connect(self, host: str, port: int) -> Streams:
        if port in self.own_ports and host in {"127.0.0.1", "localhost", "::1"}:
            raise NoWayError("508 Loop Detected", f"{host}:{port} is this very port.")
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.proxy is None or self._needs_no_proxy(host):
                return await asyncio.open_connection(host, port)
            return await _through(self.proxy, host, port)

    def _needs_no_proxy(self, host: str) -> bool:
        return bool(proxy_bypass_environment(host, {"no": self.no_proxy}))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


async def _through(proxy: str, host: str, port: int) -> Streams:
    address = _split(proxy.encode())
    at, at_port = _host_and_port(address.netloc.rpartition("@")[2].encode(), _PORTS[address.scheme])
    reader, writer = await asyncio.open_connection(at, at_port, ssl=address.scheme == "https" or None)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if address.username is not None:
        secret = f"{unquote(address.username)}:{unquote(address.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret.encode()).decode()}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    try:
        said = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise ConnectionRefusedError(f"the proxy at {at}:{at_port} gave no answer") from error
    if said.split(b" ")[1:2] != [b"200"]:
        writer.close()
        reason = said.split(b"\r\n")[0][:80].decode("latin-1")
        raise ConnectionRefusedError(f"the proxy at {at}:{at_port} refused: {reason}")
    return reader, writer


def _split(text: bytes) -> SplitResult:
    try:
        address = urlsplit(text.decode("ascii"))
        if address.scheme in _PORTS and address.hostname:
            return address
    except (UnicodeDecodeError, ValueError):
        pass
    raise BadHeadError("the address is no http address")


def _host_and_port(text: bytes, usual: int | None = None) -> tuple[str, int]:
    try:
        address = urlsplit("//" + text.decode("ascii"))
        port = address.port or usual
        if address.hostname and port and port <= _HIGHEST_PORT:
            return address.hostname, port
    except (UnicodeDecodeError, ValueError):
        pass
    raise BadHeadError("the address has no host and port")
