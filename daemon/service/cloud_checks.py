"""What `doctor` finds of the cloud: reachable, in time, and agreeing that this machine is paired.

Belongs here: those checks. Does not belong here: the others (`checks`, `file_checks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from daemon.clock import Clock
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.service.checks import Check

MOST_SKEW_SECONDS: Final = 120.0
_SECONDS: Final = 5.0
_TOO_OLD: Final = 500


def cloud_checks(home: MeterHome, clock: Clock) -> Iterator[Check]:
    """Yield what is found of the paired cloud; it is asked for its health, with no token."""
    try:
        credentials = home.load()
    except UnreadableStateError as error:
        yield Check(name="cloud", level="bad", found=str(error), remedy="halton-meter cloud connect --force")
        return
    if credentials is None:
        remedy = "halton-meter cloud connect, if you want to share"
        yield Check(name="cloud", level="note", found="this machine is not paired: nothing leaves it", remedy=remedy)
        return
    try:
        answer = httpx.get(f"{credentials.endpoint}/health", timeout=_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        remedy = "nothing is lost: rows are kept and sent once it answers"
        yield Check(name="cloud", level="bad", found=f"{credentials.endpoint}: {error}", remedy=remedy)
        return
    if answer.status_code >= _TOO_OLD:
        found = f"{credentials.endpoint} answers {answer.status_code}"
        yield Check(name="cloud", level="bad", found=found, remedy="nothing is lost: rows are sent later")
        return
    yield Check(name="cloud", level="good", found=f"{credentials.endpoint} answers")
    yield from _skew(answer.headers.get("Date"), clock)


def _skew(said: str | None, clock: Clock) -> Iterator[Check]:
    try:
        theirs = parsedate_to_datetime(said or "")
        seconds = (clock.now() - theirs).total_seconds()
    except (TypeError, ValueError):
        return
    if abs(seconds) <= MOST_SKEW_SECONDS:
        yield Check(name="clock", level="good", found="agrees with the cloud's")
        return
    way = "ahead of" if seconds > 0 else "behind"
    found = f"this machine's clock is {abs(seconds):.0f} s {way} the cloud's"
    yield Check(name="clock", level="bad", found=found, remedy="let the system set its clock from the network")
