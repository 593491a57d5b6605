"""A program's call through a laptop's gateway, byte by byte.

Belongs here: asking, and what came back. Does not belong here: what is recorded of it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from daemon.calls.call import Call
from daemon.clock import SystemClock
from daemon.store.store import Store
from tests.daemon.service.laptop import Laptop, eventually
from tests.daemon.upstreams_anthropic import ANTHROPIC_REQUEST

PATIENCE_SECONDS = 60.0
_PIECE = 1 << 16
_MOST = 10_000


@dataclass(frozen=True)
class Came:
    """What a program got.

    Attributes:
        status: None when not even that came.
        size: bytes of the body, as far as they came.
        sha256: of those.
        whole: whether the answer ended as it should.
    """

    status: int | None
    size: int
    sha256: str
    whole: bool


class CapturingLaptop(Laptop):
    """A laptop whose calls are counted from some moment on."""

    _before = 0

    def forget_calls(self) -> None:
        """Leave out of `new_calls` what is recorded by now."""
        with Store(self.home.database_path, SystemClock()) as store:
            self._before = len(store.newest(_MOST))

    def new_calls(self, number: int) -> list[Call]:
        """The new calls, newest first, once there are so many; there are no more."""
        with Store(self.home.database_path, SystemClock()) as store:
            calls = eventually(lambda: found if len(found := store.newest(_MOST)) >= self._before + number else None)
        assert len(calls) == self._before + number
        return calls[:number]

    def recording(self) -> dict[str, Any]:
        """What the daemon says of its recording."""
        return self.json("status")["daemon"]["recording"]


def digest(pieces: Iterable[bytes]) -> str:
    """Return SHA-256 in hex of all pieces together."""
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    return sha256.hexdigest()


def asks(
    laptop: Laptop, request: Any = None, path: str = "/anthropic/v1/messages", *, patience: float = PATIENCE_SECONDS
) -> Came:
    """Make a call and read its answer piece by piece, keeping none of it; `patience` is for every single read."""
    connection = http.client.HTTPConnection("127.0.0.1", laptop.running().capture_port, timeout=patience)
    sha256, size, status = hashlib.sha256(), 0, None
    body = request if isinstance(request, bytes) else json.dumps(request or ANTHROPIC_REQUEST).encode()
    try:
        connection.request("POST", "/anthropic/v1/messages", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        status = answer.status
        while piece := answer.read1(_PIECE):
            sha256.update(piece)
            size += len(piece)
        whole = answer.length == 0 if answer.length is not None else answer.isclosed()
    except (http.client.HTTPException, OSError):
        whole = False
    finally:
        connection.close()
    return Came(status, size, sha256.hexdigest(), whole)
