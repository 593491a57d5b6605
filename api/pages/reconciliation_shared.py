"""What the pages of reconciliation share beside their tables: how bills arrive, and words for the templates.

Belongs here: small things that two of those pages show. Does not belong here: routes (`reconciliation`,
`reconciliation_month`), columns (`reconciliation_tables`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from api.bills.connections import list_connections
from api.dashboards.models.reconciliation import VariancePart
from api.pages.reconciliation_tables import verdict
from api.pages.reconciliation_words import (
    FILTER_WORDS,
    PARTS,
    UNITS,
    joined,
    month_words,
    reasons_words,
    source_words,
    suspect_words,
)
from pipelines.lake.bills import ConnectionKind


def unit_words(unit: str) -> str:
    """Return a unit of coverage in words."""
    return UNITS.get(unit, unit)


def part_words(part: str) -> str:
    """Return a part of a variance in words."""
    return PARTS.get(part, (part, ""))[0]


WORDS: Final[Mapping[str, Any]] = {
    "month_words": month_words,
    "source_words": source_words,
    "suspect_words": suspect_words,
    "reasons_words": reasons_words,
    "verdict": verdict,
    "unit_words": unit_words,
    "part_words": part_words,
}
"""What the templates of these pages write with."""


@dataclass(frozen=True, slots=True)
class Connected:
    """How a workspace's bills arrive.

    Attributes:
        any: whether any way was ever set up.
        failing: names of connections whose last read failed.
    """

    any: bool
    failing: Sequence[str]

    @classmethod
    def of(cls, session: Session, workspace_id: str) -> Connected:
        """Return what the workspace has."""
        live = [one for one in list_connections(session, workspace_id) if one.row.disabled_at_us is None]
        automatic = [one for one in live if one.row.kind != ConnectionKind.MANUAL.value]
        return cls(bool(live), [one.row.name for one in automatic if one.row.last_error])


def says_something(part: VariancePart) -> bool:
    """Tell whether a part of a variance is worth a row: what was looked for and not found stands below."""
    return bool(float(part.amount_usd)) or bool(part.requests) or part.part == "unexplained"


def ignored_words(names: Sequence[str]) -> str:
    """Return the filters that narrow nothing, in words; empty when there are none."""
    return joined([FILTER_WORDS.get(one, one) for one in names])
