"""From a draft to a call of this machine: project, price, host and the time it was written down.

Belongs here: what a source cannot know. Does not belong here: the rules of attribution (`daemon.attribution`) and the
prices themselves (`daemon.prices`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from daemon.attribution.caller import Caller
from daemon.attribution.chain import Attribution, attribute, slug_of
from daemon.calls.call import Call
from daemon.clock import Clock, to_micros
from daemon.importers.draft import Draft
from daemon.prices.served import Prices, cost_as_served

_PLACES_MAX: Final = 10_000
_BY_NAME: Final = "import"
"""`attribution_method` of calls whose source names the project itself."""


class Finisher:
    """Finishes drafts; remembers the projects of directories for as long as it lives."""

    def __init__(
        self,
        *,
        prices: Prices,
        clock: Clock,
        machine: str | None,
        find_project: Callable[[Caller, str | None], Attribution] = attribute,
    ) -> None:
        """Take what is the same for all calls; `machine` is this host's name."""
        self._prices = prices
        self._clock = clock
        self._machine = machine
        self._find_project = find_project
        self._places: dict[str, Attribution] = {}

    def finish(self, draft: Draft, *, workdir_beside: str | None = None) -> Call:
        """Return the call of a draft.

        Args:
            draft: as its source tells it.
            workdir_beside: working directory that the source's surroundings name, where it names none itself.
        """
        call = draft.call
        place = draft.workdir or workdir_beside
        project, method = self._project_of(draft, place)
        cost, price_source = call.cost_millicents, call.price_source
        if cost is None and draft.priced and call.usage_source == "provider":
            found = cost_as_served(
                self._prices, call.provider, call.model, call.tokens, call.requested_at_us, call.service_tier
            )
            if found is not None:
                cost, price_source = found.millicents, found.source
        return msgspec.structs.replace(
            call,
            recorded_at_us=to_micros(self._clock.now()),
            project=project,
            attribution_method=method,
            source_workdir=place,
            source_machine=call.source_machine or self._machine,
            cost_millicents=cost,
            price_source=price_source,
        )

    def _project_of(self, draft: Draft, place: str | None) -> tuple[str, str]:
        named = slug_of(draft.project or "")
        if named is not None:
            return named, _BY_NAME
        if place is None:
            return draft.call.project, draft.call.attribution_method
        found = self._places.get(place)
        if found is None:
            found = self._find_project(Caller(workdir=place), None)
            if len(self._places) < _PLACES_MAX:
                self._places[place] = found
        return found.project, found.method
