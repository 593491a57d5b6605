"""What all methods of the client share: the workspace's path, the filter rail, and the call itself.

Belongs here: `Calling`, `Rail` and how both are sent. Does not belong here: routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar
from urllib.parse import quote

from api.client.transport import Transport, Value

_Answer = TypeVar("_Answer")
_NAMES = {"start": "from", "end": "to"}


class Rail(TypedDict, total=False):
    """The filter rail.

    `range` is last_24h, last_7d, last_30d, this_month, last_month or custom; `start` and `end` are the first and last
    day of a custom one, ISO. The others choose one value or several.
    """

    range: str
    start: str
    end: str
    provider: str | Sequence[str]
    model: str | Sequence[str]
    project: str | Sequence[str]
    device: str | Sequence[str]
    cost_center: str | Sequence[str]


class Calling:
    """Calls below one workspace."""

    def __init__(self, transport: Transport, workspace: str) -> None:
        """Nothing is sent before the first call.

        Args:
            transport: the way to the server.
            workspace: its slug.
        """
        self._transport = transport
        self._base = f"/v1/{quoted(workspace)}/"

    def _get(self, path: str, kind: type[_Answer], parameters: Mapping[str, Value] | None = None) -> _Answer:
        return self._transport.get(self._base + path, kind, parameters or {})


def sent(rail: Rail) -> dict[str, Value]:
    """Return the rail as the server's parameters are called; a custom range need not be named."""
    given: dict[str, Value] = {_NAMES.get(name, name): value for name, value in rail.items()}  # pyright: ignore[reportAssignmentType]
    if ("from" in given or "to" in given) and "range" not in given:
        given["range"] = "custom"
    return given


def quoted(part: str) -> str:
    """Return a part of a path, whatever is in it."""
    return quote(part, safe="")
