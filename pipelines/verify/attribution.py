"""Which project a request counts for, said in plain Python.

Belongs here: the second opinion on re-attributions. Does not belong here: the SQL that the marts are built with
(`dbt_project`), deciding (the control plane).

A decision fits a request by the project, the device and the instant that were logged. Of those that fit, the one of the
highest number holds; what it says is final, so that no request is ever moved twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Reattribution:
    """A standing decision.

    Attributes:
        workspace_id: whose requests, as 32 hex digits.
        decision_number: later decisions have higher ones.
        from_project: the project that was logged.
        to_project: the project they count for.
        device_id: the only device it holds for, as 32 hex digits; None for all.
        starts_at: first instant, aware; None since ever.
        ends_at: the instant after the last, aware; None for ever.
    """

    workspace_id: str
    decision_number: int
    from_project: str
    to_project: str
    device_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Reattributions:
    """The standing decisions of all workspaces."""

    def __init__(self, decisions: Iterable[Reattribution]) -> None:
        """Take them in any order."""
        self._newest_first: defaultdict[tuple[str, str], list[Reattribution]] = defaultdict(list)
        for one in sorted(decisions, key=lambda one: -one.decision_number):
            self._newest_first[one.workspace_id, one.from_project].append(one)

    def project_of(self, workspace_id: str, logged: str, device_id: str, requested_at: datetime) -> str:
        """Return the project that a request logged under `logged` counts for."""
        for one in self._newest_first.get((workspace_id, logged), ()):
            begun = one.starts_at is None or requested_at >= one.starts_at
            over = one.ends_at is not None and requested_at >= one.ends_at
            if one.device_id in (None, device_id) and begun and not over:
                return one.to_project
        return logged
