"""What a server keeps of a build between calls.

Belongs here: the bounds, and the keys: a build and, but for models' names, a workspace. Does not belong here: reading
(`roll_up_loading`, `dimensions`) and adding up (`roll_up`).

A build never changes, so that nothing here can be out of date; whatever is asked of a lease is answered from that
lease's build only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from api.dashboards.bounded_cache import BoundedCache
from api.dashboards.queries.roll_up import RollUp

ROLL_UPS_MAX_BYTES: Final = 256 * 1024 * 1024
"""A server has a few GB, shared by its workers and the refresher beside them: this is five of the largest roll-ups, or
hundreds of a small team's."""
USAGE_MAX_BYTES: Final = 16 * 1024 * 1024
_USED_BYTES: Final = 900
"""What a row of usage costs: eleven numbers and texts."""
FACTS_MAX_BYTES: Final = 16 * 1024 * 1024
_ENTRY_BYTES: Final = 500
"""What a small entry costs with its key."""
_NAME_BYTES: Final = 200
V = TypeVar("V")
ModelNames = dict[tuple[str, str], str]


@dataclass(frozen=True)
class WorkspaceFacts:
    """What a build says of a workspace.

    Attributes:
        time_zone: zone its days were cut in; None when the build does not know it.
        data_as_of: arrival of its newest batch, aware UTC; None when it has none.
    """

    time_zone: str | None
    data_as_of: datetime | None


class Held:
    """Roll-ups, usage, facts and names by build. Safe to share among threads."""

    def __init__(self, roll_ups_max_bytes: int = ROLL_UPS_MAX_BYTES) -> None:
        """Nothing is held yet."""
        self._roll_ups = BoundedCache[RollUp | None](
            roll_ups_max_bytes, lambda one: _ENTRY_BYTES + (0 if one is None else one.nbytes)
        )
        self._usage = BoundedCache[Sequence[Any]](
            USAGE_MAX_BYTES, lambda rows: _ENTRY_BYTES + _USED_BYTES * len(rows), largest_part=4
        )
        self._facts = BoundedCache[WorkspaceFacts](FACTS_MAX_BYTES, lambda _: _ENTRY_BYTES)
        self._names = BoundedCache[ModelNames](FACTS_MAX_BYTES, lambda names: _ENTRY_BYTES + _NAME_BYTES * len(names))

    @property
    def roll_up_bytes(self) -> int:
        """Bytes of roll-ups held now."""
        return self._roll_ups.held_bytes

    def roll_up(self, build_id: str, workspace_id: str, table: str, load: Callable[[], RollUp | None]) -> RollUp | None:
        """Return a workspace's roll-up, read once a build; None when it is not to be held."""
        made: list[bool] = []

        def loaded() -> RollUp | None:
            made.append(True)
            return load()

        found = self._roll_ups.get((workspace_id, table, build_id), loaded)
        if made:
            # Nobody asks for an earlier build but who holds a lease on it; ids sort by time.
            self._roll_ups.drop(lambda key: _is_earlier(key, workspace_id, table, build_id))
        return found

    def facts(self, build_id: str, workspace_id: str, load: Callable[[], WorkspaceFacts]) -> WorkspaceFacts:
        """Return what a build says of a workspace, read once."""
        return self._facts.get((workspace_id, build_id), load)

    def usage(self, build_id: str, workspace_id: str, asked: Hashable, load: Callable[[], Sequence[V]]) -> Sequence[V]:
        """Return what a build says of the usage that `asked` tells, read once a build."""
        return self._usage.get((workspace_id, "usage", build_id, asked), load)

    def model_names(self, build_id: str, load: Callable[[], ModelNames]) -> ModelNames:
        """Return a build's display names of models by (provider, model), read once."""
        return self._names.get(build_id, load)


def _is_earlier(key: object, workspace_id: str, table: str, build_id: str) -> bool:
    held_workspace, held_table, held_build = cast("tuple[Any, Any, Any]", key)
    return held_workspace == workspace_id and held_table == table and held_build < build_id
