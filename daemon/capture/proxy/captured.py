"""What the proxy hands on for each attempt to call a model.

Belongs here: `CapturedCall`, the legs of a body, and the counts a status shows. Does not belong here: mitmproxy (so
that the recorder reads these without it), projects and prices (they are found from these).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from daemon.attribution.caller import Caller
from daemon.capture.providers.metered import MeteredCall

Source = Literal["proxy", "gateway"]
Direction = Literal["request", "response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLeg:
    """One direction of an exchange, as it passed.

    Attributes:
        direction: `request` or `response`.
        content_type: header of that name; None when there was none.
        content_encoding: header of that name: `content` is still compressed as it says.
        content: its beginning, at most as many bytes as were asked for.
        size_bytes: of all that passed.
    """

    direction: Direction
    content_type: str | None
    content_encoding: str | None
    content: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCall:
    """One attempt, successful or not.

    Attributes:
        metered: what its bytes say.
        caller: the process that made it; not found when that could not be told in time.
        project_header: value of `X-Halton-Project`, which never leaves the machine; None when not given. Hostile text.
        source: `proxy` or `gateway`.
        bodies: request and answer, only while some project wants them (`Proxy`'s `body_bytes`).
    """

    metered: MeteredCall
    caller: Caller
    project_header: str | None
    source: Source
    bodies: tuple[BodyLeg, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCounts:
    """Since the proxy started.

    Attributes:
        captured: calls handed on.
        running: calls under way.
        failures: times that metering or handing on failed; each may have cost a row, none a call.
        distrusted: connections let through unopened because their client does not trust the authority.
    """

    captured: int = 0
    running: int = 0
    failures: int = 0
    distrusted: int = 0
