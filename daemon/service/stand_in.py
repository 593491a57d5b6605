"""What lets calls through when the daemon cannot: a forwarder that records nothing.

Belongs here: the listening port, and copying bytes between the caller and the daemon or, past it, the provider. Does
not belong here: which of the two is there (`keeper`, `daemon.cli.run`), reading what passes.

Two places use it. The keeper opens it on the daemon's own port while the daemon is away. `halton-meter run` opens it on
a port of its own, in front of the daemon, so that its program goes on even when the daemon and the keeper are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Final

from daemon.attribution.forwarded import CLIENT_HEADER, as_client_header
from daemon.service.carrying import Early, carry
from daemon.service.direct import Direct, NoWayError, Way
from daemon.service.heads import LONGEST_HEAD, BadHeadError, Head, answer, read_head

DAEMON_SECONDS: Final = 2.0
"""What the daemon may take to take a connection; it does so at once, or is not well."""
_HEAD_SECONDS: Final = 120.0


class StandIn:
    """A proxy and gateway on a loopback port.

    Attributes:
        passed: connections that went past the daemon.
    """

    def __init__(self, direct: Direct, *, daemon_port: int | None = None) -> None:
        """With `daemon_port`, what connects is brought to the daemon while it takes connections."""
        self.passed = 0
        self._direct = direct
        self._daemon_port = daemon_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def listening(self) -> bool:
        """Whether the port is ours."""
        return self._server is not None

    async def listen(self, port: int) -> int:
        """Take `port` of 127.0.0.1 (0: any free one); return it.

        Raises:
            OSError: somebody else has it.
        """
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LONGEST_HEAD)
        bound: int = self._server.sockets[0].getsockname()[1]
        self._direct.own_ports.add(bound)
        return bound

    def let_go(self) -> None:
        """Give the port up at once; calls that pass go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def end(self, grace_seconds: float) -> None:
        """Give the port up; calls that pass may take `grace_seconds` more."""
        self.let_go()
        if self._open:
            await asyncio.wait(self._open, timeout=grace_seconds)
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a connection's callback runs in a task
        self._open.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side went away, or we are to end; the caller sees the connection close
        finally:
            self._open.discard(task)
            await _close(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _without_delay(writer)
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await read_head(reader)
            if head is None:
                return
            await self._pass(head, reader, writer)
        except BadHeadError as error:
            writer.write(answer("400 Bad Request", f"{error}\n"))
        except NoWayError as error:
            body = json.dumps({"error": {"type": "halton_meter", "message": str(error)}})
            writer.write(answer(error.status, body, "application/json"))
        except (OSError, TimeoutError) as error:
            writer.write(answer("502 Bad Gateway", f"Not reachable: {error or 'it took too long'}\n"))

    async def _pass(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        early = Early()
        way = await self._through_daemon(head, writer)
        if way is not None and (await carry(reader, writer, way, early) or way.answer or not early.may_be_repeated):
            return
        # There is no daemon, or it died with the request in its hands: whoever asked should not have to know.
        self.passed += 1
        way = await self._direct.open(head)
        _without_delay(way.streams[1])
        await carry(reader, writer, way._replace(first=way.first + bytes(early.sent)), Early(limit=0))

    async def _through_daemon(self, head: Head, writer: asyncio.StreamWriter) -> Way | None:
        if self._daemon_port is None:
            return None
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(DAEMON_SECONDS):
                return await _daemons(self._daemon_port, head, _named(head, writer))
        return None


async def _daemons(port: int, head: Head, first: bytes) -> Way:
    """Return the way through the daemon, once it has agreed to open a tunnel if one is asked for.

    Args:
        port: of the daemon.
        head: of the request.
        first: the same as the daemon gets it.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _without_delay(writer)
    if head.method != b"CONNECT":
        return Way((reader, writer), first, b"")
    granted = b""
    try:
        writer.write(first)
        granted = await reader.readuntil(b"\r\n\r\n")
    finally:
        if granted.split(b" ")[1:2] != [b"200"]:
            writer.close()
    if writer.is_closing():
        raise ConnectionRefusedError("the daemon opens no tunnel")
    return Way((reader, writer), b"", granted)


def _named(head: Head, writer: asyncio.StreamWriter) -> bytes:
    """Return the head with the caller's connection named, so that the daemon finds who really calls."""
    value = as_client_header((writer.get_extra_info("peername"), writer.get_extra_info("sockname")))
    return head.raw if value is None else head.naming(CLIENT_HEADER, value)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()


def _without_delay(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
