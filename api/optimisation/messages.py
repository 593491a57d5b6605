"""Messages of decisions about recommendations, with their examples.

Belongs here: shapes. Does not belong here: rules (`decisions`), recommendations (`api.dashboards.models.optimisation`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from api.dashboards.models.optimisation import DecisionShown


class NewDecision(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A decision to take: about one recommendation, or, to suppress, about a check, a project or both."""

    kind: Literal["accept", "dismiss", "suppress"]
    finding_id: Annotated[str | None, Meta(description="To accept or dismiss: the recommendation.")] = None
    check_id: Annotated[str | None, Meta(description="To suppress: the check; left out, all checks.")] = None
    project: Annotated[str | None, Meta(description="To suppress: the project; left out, all projects.")] = None
    reason: Annotated[str, Meta(max_length=255)] = ""


class DecisionsAnswer(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/{workspace}/optimization/decisions`: newest first, withdrawn ones included."""

    decisions: list[DecisionShown]


SUPPRESSION: Final[dict[str, Any]] = {
    "kind": "suppress",
    "check_id": "model_swap",
    "project": "batch-summariser",
    "reason": "It needs the larger model's judgement.",
}
DECISION: Final[dict[str, Any]] = {
    "decision_id": "6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9",
    "kind": "suppress",
    "check_id": "model_swap",
    "project": "batch-summariser",
    "provider": None,
    "model": None,
    "other_model": None,
    "finding_id": None,
    "quoted_saving_usd": None,
    "reason": "It needs the larger model's judgement.",
    "decided_by": "ada@acme.co",
    "decided_at": "2026-03-09T12:00:00Z",
    "withdrawn_by": None,
    "withdrawn_at": None,
}
