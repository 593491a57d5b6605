"""From an exchange that the proxy metered to the call that is kept.

Belongs here: putting id, project, price and machine to what was metered. Does not belong here: how each of them is
found (`daemon.attribution`, `daemon.prices`), and keeping (`recorder`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol
from uuid import uuid4

from daemon.attribution.caller import Caller
from daemon.attribution.chain import FALLBACK, Attribution, attribute
from daemon.bodies.content import Leg
from daemon.calls.call import Call
from daemon.capture.providers.metered import MeteredCall
from daemon.clock import Clock, to_micros
from daemon.prices.book import Cost, PriceBook
from daemon.prices.served import cost_as_served

logger = logging.getLogger(__name__)

_KEPT: Final = tuple(name for name in MeteredCall.__slots__ if name in Call.__struct_fields__)
"""What is metered and kept under the same name."""

Pricing = Callable[[], PriceBook]


class Captured(Protocol):
    """What the proxy hands over for one exchange."""

    @property
    def metered(self) -> MeteredCall:
        """What was metered."""
        ...

    @property
    def caller(self) -> Caller:
        """Who called."""
        ...

    @property
    def project_header(self) -> str | None:
        """Value of the call's `X-Halton-Project`."""
        ...

    @property
    def source(self) -> str:
        """`proxy` or `gateway`."""
        ...

    @property
    def bodies(self) -> Sequence[Leg]:
        """Request and answer, while some project wants them."""
        ...


class RowMaker:
    """Makes calls of one machine."""

    def __init__(self, pricing: Pricing, *, clock: Clock, hostname: str) -> None:
        """`pricing` gives the prices as they are now; a person may edit theirs while the daemon runs."""
        self._pricing = pricing
        self._clock = clock
        self._hostname = hostname

    def call_of(self, captured: Captured) -> Call:
        """Return the call to keep. A price or a project that cannot be found is none: the call is kept all the same."""
        metered = captured.metered
        found = _attributed(captured)
        facts: Mapping[str, object] = {name: getattr(metered, name) for name in _KEPT}
        cost = self._cost(metered)
        return Call(
            id=str(uuid4()),
            recorded_at_us=to_micros(self._clock.now()),
            source=captured.source,
            cost_millicents=None if cost is None else cost.millicents,
            price_source=None if cost is None else cost.source,
            project=found.project,
            attribution_method=found.method,
            source_workdir=found.workdir,
            source_machine=self._hostname,
            **facts,
        )

    def _cost(self, metered: MeteredCall) -> Cost | None:
        if metered.usage_source == "absent" and not metered.tokens_complete:
            return None  # nothing is known of its tokens, and unknown is not zero
        try:
            return cost_as_served(
                self._pricing(),
                metered.provider,
                metered.model,
                metered.tokens,
                metered.requested_at_us,
                metered.service_tier,
            )
        except Exception:
            logger.exception("a call could not be priced; it is kept without a price")
            return None


def _attributed(captured: Captured) -> Attribution:
    try:
        return attribute(captured.caller, captured.project_header)
    except Exception:
        logger.exception("a call could not be attributed; it is kept as %s", FALLBACK)
        return Attribution(FALLBACK, "resolve_error", None)
