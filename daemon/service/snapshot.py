"""How the daemon is at one moment: what `status` shows and the loopback API gives out.

Belongs here: the shape. Does not belong here: gathering it (`answers`), showing it (`daemon.cli.service`).
"""

from __future__ import annotations

import msgspec

from daemon.service.supervisor import PartState


class Recording(msgspec.Struct, kw_only=True, frozen=True):
    """What became of captured calls since the daemon started.

    Attributes:
        captured: calls that the proxy metered.
        recorded: calls on disk.
        waiting: calls in memory, not yet on disk.
        lost: calls given up.
        unattributed: recorded calls of which no rule knew the project.
        unpriced: recorded calls without a known price.
        metering_failures: times that metering failed; no call was harmed.
        distrusting: connections passed unopened because their program does not trust the authority.
        failure: why the store cannot be written; None when it can.
    """

    captured: int = 0
    recorded: int = 0
    waiting: int = 0
    lost: int = 0
    unattributed: int = 0
    unpriced: int = 0
    metering_failures: int = 0
    distrusting: int = 0
    failure: str | None = None


class Snapshot(msgspec.Struct, kw_only=True, frozen=True):
    """The daemon at one moment.

    Attributes:
        status: `ok`, or `degraded` when anything below is not as it should be.
        version: of this distribution.
        pid: the daemon's process.
        uptime_seconds: since it started.
        capture_port: of proxy and gateway; None while nothing is captured.
        why_not_captured: why, with the remedy; None when calls are captured.
        guarded: whether a keeper would take over the port if the daemon died.
        parts: how each is.
        recording: what became of captured calls.
        prices_problem: why `prices.toml` counts for nothing.
    """

    status: str
    version: str
    pid: int
    uptime_seconds: int
    capture_port: int | None
    why_not_captured: str | None
    guarded: bool
    parts: list[PartState]
    recording: Recording
    prices_problem: str | None = None
