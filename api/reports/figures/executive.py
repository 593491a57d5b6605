"""Figures of the executive summary: those of the executive page.

Belongs here: which parts of the view it shows. Does not belong here: the view (`api.dashboards.executive`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.dashboards.executive import executive
from api.reports.looking import Looked

_ENVELOPE: Final = (
    "workspace", "build_id", "data_as_of", "stale", "time_zone", "filters", "currency", "period", "analysis_id",
)  # fmt: skip


def executive_figures(looked: Looked) -> dict[str, Any]:
    """Return everything the summary says."""
    answer: dict[str, Any] = msgspec.to_builtins(executive(looked.view, looked.analysed))
    for name in _ENVELOPE:
        del answer[name]
    return answer
