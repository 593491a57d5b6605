"""How the link to a cloud stands: one word, and why.

Belongs here: the rule from facts to `ACTIVE`, `DEGRADED`, `PAUSED` or `NOT-CONFIGURED`. Does not belong here: where
the facts come from (`facts`), texts of the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

FAILURES_UNTIL_DEGRADED: Final = 3
GROWTH_SAMPLES: Final = 3
"""Looks at the queue in a row that must show it growing; they are a tick apart."""
GROWTH_ROWS: Final = 500
"""A queue below one page is no queue."""
SILENT_SECONDS: Final = 480.0
"""Rows wait and nobody has tried to send for this long: longer than any wait between two tries."""


class LinkState(StrEnum):
    """The documented words."""

    ACTIVE = "ACTIVE"
    DEGRADED = "DEGRADED"
    PAUSED = "PAUSED"
    NOT_CONFIGURED = "NOT-CONFIGURED"


@dataclass(frozen=True)
class LinkFacts:
    """What is known of the link.

    Attributes:
        enabled: `cloud.enabled`.
        paired: whether there are credentials.
        paused_reason: None when nobody paused it.
        consecutive_failures: tries in a row that ended without an acknowledgement.
        pending: rows that may leave and have not been acknowledged.
        seconds_since_tick: None before the first.
        queue: `pending` after the latest ticks, oldest first.
    """

    enabled: bool = False
    paired: bool = False
    paused_reason: str | None = None
    consecutive_failures: int = 0
    pending: int = 0
    seconds_since_tick: float | None = None
    queue: Sequence[int] = ()


def state_of(facts: LinkFacts) -> LinkState:
    """Return the word for `facts`."""
    if not (facts.enabled and facts.paired):
        return LinkState.NOT_CONFIGURED
    if facts.paused_reason is not None:
        return LinkState.PAUSED
    return LinkState.DEGRADED if why_degraded(facts) else LinkState.ACTIVE


def why_degraded(facts: LinkFacts) -> list[str]:
    """Return what is wrong with a link that is neither paused nor missing, in words."""
    reasons: list[str] = []
    if facts.consecutive_failures >= FAILURES_UNTIL_DEGRADED:
        reasons.append(f"{facts.consecutive_failures} tries in a row failed")
    if is_growing(facts.queue):
        reasons.append("rows are recorded faster than they are sent")
    if facts.pending and facts.seconds_since_tick is not None and facts.seconds_since_tick > SILENT_SECONDS:
        reasons.append("rows wait, but nothing tries to send them: is the daemon running?")
    return reasons


def is_growing(queue: Sequence[int]) -> bool:
    """Return whether the latest looks at the queue show it growing."""
    latest = queue[-GROWTH_SAMPLES:]
    if len(latest) < GROWTH_SAMPLES or latest[-1] < GROWTH_ROWS:
        return False
    return all(earlier < later for earlier, later in pairwise(latest))
