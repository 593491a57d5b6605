"""Decisions about recommendations: accepting, dismissing, suppressing, withdrawing, the history.

Belongs here: which decisions can be taken, and their audit. Does not belong here: finding what to recommend and leaving
out what was decided (`dbt_project`, `models/analysis/optimisation`), which the next analysis does.

A recommendation is told by its check, project, provider and model. What was dismissed or suppressed never comes back,
whatever the next analysis finds, until the decision is withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.db.models import OptimisationDecision
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found
from api.projects.settings import project_of_slug
from pipelines.lake.clock import to_micros
from pipelines.lake.row_lookup import NO_PROJECT

STANDING_MAX: Final = 1_000
"""Standing decisions of a workspace; an analysis compares every finding with them."""
CHECKS: Final = frozenset({
    "model_swap", "newer_version", "batch_api", "flex_tier", "priority_unneeded", "prompt_cache_missing",
    "cache_writes_unread", "cache_hour_unneeded", "cache_hour_missing", "long_context", "thinking_overuse",
    "output_limit", "duplicate_requests", "response_cache", "retry_waste", "runaway_loops", "billed_errors",
    "idle_projects", "idle_devices",
})  # fmt: skip
"""Every check there is: those of the seed `optimisation_checks`."""
_DECIDED_BY_LENGTH: Final = 320
_BIGGEST: Final = 2**63 - 1


class DecisionKind(StrEnum):
    """What can be decided."""

    ACCEPT = "accept"
    DISMISS = "dismiss"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a decision is about; what is None is left open.

    Attributes:
        check_id: one of `CHECKS`.
        project: slug.
        other_model: model or tier that was proposed.
        finding_id: of the recommendation, when it is about one.
        quoted_saving_picousd: over 30 days, when it is about one.
    """

    check_id: str | None = None
    project: str | None = None
    provider: str | None = None
    model: str | None = None
    other_model: str | None = None
    finding_id: str | None = None
    quoted_saving_picousd: int | None = None


_EVENTS: Final = {
    DecisionKind.ACCEPT: AuditEvent.RECOMMENDATION_ACCEPTED,
    DecisionKind.DISMISS: AuditEvent.RECOMMENDATION_DISMISSED,
    DecisionKind.SUPPRESS: AuditEvent.RECOMMENDATION_SUPPRESSED,
}


def decide(
    session: Session,
    workspace_id: str,
    kind: DecisionKind,
    about: About,
    *,
    reason: str = "",
    actor: Actor,
    at: datetime,
) -> OptimisationDecision:
    """Take a decision; the same one, taken again, is the one that stands.

    Raises:
        Refused: 404 no such workspace or project; 409 there are too many decisions; 422 it names nothing to suppress,
            or a value is not usable.
    """
    lock_workspace(session, workspace_id)
    if kind is DecisionKind.SUPPRESS:
        _check_suppression(session, workspace_id, about)
    standing = standing_decisions(session, workspace_id)
    for one in standing:
        if _key(one.kind, one) == _key(kind.value, about):
            return one
    if len(standing) >= STANDING_MAX:
        raise conflict("too_many_decisions", f"At most {STANDING_MAX} decisions can stand at a time.")
    quoted = about.quoted_saving_picousd
    decision = OptimisationDecision(
        id=str(uuid4()),
        workspace_id=workspace_id,
        kind=kind.value,
        check_id=about.check_id,
        project=about.project,
        provider=about.provider,
        model=about.model,
        other_model=about.other_model,
        finding_id=about.finding_id,
        quoted_saving_picousd=None if quoted is None else min(quoted, _BIGGEST),
        reason=checked_name(reason, what="reason", optional=True),
        decided_by=actor.id[:_DECIDED_BY_LENGTH],
        decided_at_us=to_micros(at),
    )
    session.add(decision)
    session.flush()
    _record(session, decision, _EVENTS[kind], actor, at)
    return decision


def withdraw_decision(
    session: Session, workspace_id: str, decision_id: str, *, actor: Actor, at: datetime
) -> OptimisationDecision:
    """Take a decision back: what it silenced may be recommended again with the next analysis.

    Raises:
        Refused: 404 the workspace has no such standing decision.
    """
    lock_workspace(session, workspace_id)
    query = select(OptimisationDecision).where(
        OptimisationDecision.id == decision_id,
        OptimisationDecision.workspace_id == workspace_id,
        OptimisationDecision.withdrawn_at_us.is_(None),
    )
    decision = session.scalars(query).one_or_none()
    if decision is None:
        raise not_found("decision_not_found", "No such decision, or it was withdrawn before.")
    decision.withdrawn_at_us = to_micros(at)
    decision.withdrawn_by = actor.id[:_DECIDED_BY_LENGTH]
    session.flush()
    _record(session, decision, AuditEvent.RECOMMENDATION_DECISION_WITHDRAWN, actor, at)
    return decision


def list_decisions(session: Session, workspace_id: str) -> Sequence[OptimisationDecision]:
    """Return all decisions ever taken, newest first, withdrawn ones included."""
    query = select(OptimisationDecision).where(OptimisationDecision.workspace_id == workspace_id)
    newest_first = (OptimisationDecision.decided_at_us.desc(), OptimisationDecision.id)
    return session.scalars(query.order_by(*newest_first)).all()


def standing_decisions(session: Session, workspace_id: str) -> Sequence[OptimisationDecision]:
    """Return the decisions that hold, newest first."""
    return [one for one in list_decisions(session, workspace_id) if one.withdrawn_at_us is None]


def silences(decision: OptimisationDecision, about: About) -> bool:
    """Tell whether a decision keeps a finding from being told."""
    return decision.kind != DecisionKind.ACCEPT and all(
        wanted is None or wanted == found
        for wanted, found in (
            (decision.check_id, about.check_id),
            (decision.project, about.project),
            (decision.provider, about.provider),
            (decision.model, about.model),
        )
    )


def latest_instant(session: Session, workspace_id: str) -> int:
    """Return when the decisions last changed, microseconds; 0 without any."""
    changed = func.coalesce(OptimisationDecision.withdrawn_at_us, OptimisationDecision.decided_at_us)
    query = select(func.max(changed)).where(OptimisationDecision.workspace_id == workspace_id)
    return session.scalar(query) or 0


def _check_suppression(session: Session, workspace_id: str, about: About) -> None:
    if about.check_id is None and about.project is None:
        raise invalid("Name the check, the project, or both.")
    if about.check_id is not None and about.check_id not in CHECKS:
        raise invalid("There is no such check.", code="check_unknown")
    if about.project is not None and about.project != NO_PROJECT:
        project_of_slug(session, workspace_id, about.project)


def _key(kind: str, about: About | OptimisationDecision) -> tuple[str | None, ...]:
    return kind, about.check_id, about.project, about.provider, about.model


def _record(session: Session, decision: OptimisationDecision, event: AuditEvent, actor: Actor, at: datetime) -> None:
    details: dict[str, Detail] = {
        "check": decision.check_id,
        "project": decision.project,
        "provider": decision.provider,
        "model": decision.model,
        "other_model": decision.other_model,
        "quoted_saving_picousd": decision.quoted_saving_picousd,
        "reason": decision.reason,
    }
    resource = Resource("recommendation", decision.finding_id or decision.id)
    record_event(session, decision.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
