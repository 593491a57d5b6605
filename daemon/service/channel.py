"""What keeper and daemon say to each other, a line of JSON each.

Belongs here: the words, and the daemon's end of the channel. Does not belong here: what they lead to (`keeper`,
`supervisor`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final, Literal, Protocol

import msgspec

_PATIENCE_SECONDS: Final = 5.0

Word = Literal["want_port", "have_port", "lost_port", "ready", "failed", "alive"]


class FromDaemon(msgspec.Struct, kw_only=True, frozen=True):
    """What the daemon says.

    Attributes:
        word: `want_port`: the proxy is about to take the capture port; `have_port`; `lost_port`: it no longer has it;
            `ready`: all parts have been started; `failed`: it cannot start, see `message`; `alive`: every second.
        api_port: with `ready`.
        message: with `failed`: a sentence and its remedy.
    """

    word: Word
    api_port: int | None = None
    message: str | None = None


class PortKeeper(Protocol):
    """Whoever has the capture port while the proxy has not."""

    def want_port(self) -> None:
        """Return when the port is free for the proxy."""
        ...

    def have_port(self) -> None:
        """Say that the proxy has it."""
        ...

    def lost_port(self) -> None:
        """Say that the proxy no longer has it."""
        ...


class KeeperChannel:
    """The daemon's end. Nothing here raises: a daemon whose keeper was killed goes on alone."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()
        self._released = threading.Event()
        self._alone = threading.Event()
        self._reader = threading.Thread(target=self._read, name="keeper-channel", daemon=True)
        self._reader.start()

    @property
    def alone(self) -> bool:
        """Whether the keeper is gone."""
        return self._alone.is_set()

    def want_port(self) -> None:
        """Return when the keeper has let go of the port, or is gone."""
        self._released.clear()
        self.say(FromDaemon(word="want_port"))
        self._released.wait(_PATIENCE_SECONDS)

    def have_port(self) -> None:
        """Say that the proxy has the port."""
        self.say(FromDaemon(word="have_port"))

    def lost_port(self) -> None:
        """Say that the proxy no longer has the port."""
        self.say(FromDaemon(word="lost_port"))

    def say(self, what: FromDaemon) -> None:
        """Send one line, if anybody is there."""
        with self._sending:
            try:
                self._end.sendall(msgspec.json.encode(what) + b"\n")
            except OSError:
                self._gone()

    def close(self) -> None:
        """End the channel."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._end.close()

    def _read(self) -> None:
        while True:
            try:
                heard = self._end.recv(4096)
            except OSError:
                heard = b""
            if not heard:
                break
            self._released.set()  # the keeper says one thing only
        self._gone()

    def _gone(self) -> None:
        self._alone.set()
        self._released.set()
