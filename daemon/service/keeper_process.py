"""The keeper as a process: `python -m daemon.service.keeper_process --home DIR`.

Belongs here: arguments, the lock, the log, the line that tells whoever started it how it went. Does not belong here:
the keeping (`keeper`).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.capture.providers.registry import DEFAULT_UPSTREAMS
from daemon.cli.state import installed_version
from daemon.clock import SystemClock
from daemon.config import Config, load_config
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.service.capture_ability import why_not_captured
from daemon.service.direct import Direct
from daemon.service.journal import open_journal
from daemon.service.keeper import HANG_SECONDS, Keeper
from daemon.service.running import HomeLock
from daemon.service.stand_in import StandIn
from daemon.service.surroundings import company_proxy

_LOCK_SECONDS: Final = 1.0
_LOCK_STEP: Final = 0.02

logger = logging.getLogger(__name__)


class Announcement(msgspec.Struct, kw_only=True, frozen=True):
    """What the keeper tells whoever started it: `failure` is None when the daemon is ready.

    Attributes:
        failure: a sentence and its remedy.
        already: whether it failed because a daemon runs for this home.
    """

    failure: str | None = None
    already: bool = False


def run_keeper(home: MeterHome, *, ready: int | None, foreground: bool, hang_seconds: float = HANG_SECONDS) -> int:
    """Keep the home's daemon until a signal ends it; return the exit code.

    Args:
        home: whose daemon.
        ready: descriptor that gets one `Announcement`; None when nobody waits.
        foreground: show the log on stderr too.
        hang_seconds: how long the daemon may say nothing.
    """
    announce = _announcer(ready)
    lock = _lock(home)
    if lock is None:
        announce(Announcement(failure="A daemon already runs for this home.", already=True))
        return 1
    open_journal(home, rotates=False, also_stderr=foreground)
    try:
        config = load_config(home)
    except UnreadableStateError as error:
        announce(Announcement(failure=str(error)))
        return 1
    stand_in, version = StandIn(direct_ways(config)), installed_version()
    keeper = Keeper(home, lock, stand_in, clock=SystemClock(), version=version, hang_seconds=hang_seconds)
    return asyncio.run(
        keeper.keep(
            config,
            lambda failure: announce(Announcement(failure=failure)),
            captures=why_not_captured(config) is None,
        )
    )


def direct_ways(config: Config) -> Direct:
    """Return the ways past the daemon, by its own settings and the company's proxy."""
    proxy, no_proxy = company_proxy(os.environ, config.capture.port)
    return Direct(gateways={**DEFAULT_UPSTREAMS, **config.capture.upstreams}, proxy=proxy, no_proxy=no_proxy)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--ready", type=int)
    parser.add_argument("--hang-seconds", type=float, default=HANG_SECONDS)
    given = parser.parse_args(arguments)
    return run_keeper(MeterHome(given.home), ready=given.ready, foreground=False, hang_seconds=given.hang_seconds)


def _announcer(ready: int | None) -> Callable[[Announcement], None]:
    def announce(what: Announcement) -> None:
        if what.failure is not None:
            logger.error("%s", what.failure)
        if ready is None:
            return
        try:
            os.write(ready, msgspec.json.encode(what) + b"\n")
            os.close(ready)
        except OSError:
            logger.info("whoever started the daemon did not wait")

    return announce


def _lock(home: MeterHome) -> HomeLock | None:
    # Whoever looks whether a daemon runs holds the lock for a moment.
    patience = time.monotonic() + _LOCK_SECONDS
    while (lock := HomeLock.take(home)) is None and time.monotonic() < patience:
        time.sleep(_LOCK_STEP)
    return lock


if __name__ == "__main__":
    raise SystemExit(main())
