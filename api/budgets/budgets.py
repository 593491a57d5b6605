"""Monthly budgets: setting, changing, removing.

Belongs here: the rules and their audit. Does not belong here: what was spent (`api.dashboards.budgets`).

A budget is for each calendar month of the workspace's reporting zone, in USD as everything that is metered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.cost_centres.centres import centre_of_slug
from api.currencies import checked_amount
from api.db.models import Budget, CostCentre, Project
from api.db.session import lock_workspace
from api.errors import invalid, not_found
from api.projects.settings import project_of_slug

ALERTS_MAX: Final = 8
ALERT_PERCENT_MAX: Final = 1_000


class BudgetScope(StrEnum):
    """What a budget is for."""

    WORKSPACE = "workspace"
    PROJECT = "project"
    COST_CENTRE = "cost_centre"


@dataclass(frozen=True, slots=True)
class BudgetOf:
    """What a budget is for: the whole workspace, or the project or cost centre of this slug."""

    scope: BudgetScope
    slug: str = ""


WHOLE_WORKSPACE: Final = BudgetOf(BudgetScope.WORKSPACE)


@dataclass(frozen=True, slots=True)
class StandingBudget:
    """A budget in force.

    Attributes:
        of: what it is for.
        name: what people call that.
        monthly_millicents: 1 USD = 100,000.
        alert_percents: parts of it at which people want to be told, rising.
    """

    of: BudgetOf
    name: str
    monthly_millicents: int
    alert_percents: tuple[int, ...]


_SET: Final = {
    BudgetScope.WORKSPACE: AuditEvent.WORKSPACE_BUDGET_SET,
    BudgetScope.PROJECT: AuditEvent.PROJECT_BUDGET_SET,
    BudgetScope.COST_CENTRE: AuditEvent.COST_CENTRE_BUDGET_SET,
}
_REMOVED: Final = {
    BudgetScope.WORKSPACE: AuditEvent.WORKSPACE_BUDGET_REMOVED,
    BudgetScope.PROJECT: AuditEvent.PROJECT_BUDGET_REMOVED,
    BudgetScope.COST_CENTRE: AuditEvent.COST_CENTRE_BUDGET_REMOVED,
}


def set_budget(
    session: Session,
    workspace_id: str,
    monthly_millicents: int,
    *,
    of: BudgetOf = WHOLE_WORKSPACE,
    alert_percents: Iterable[int] = (),
    actor: Actor,
    at: datetime,
) -> Budget:
    """Set or change a budget per month of the workspace's reporting zone.

    Args:
        session: the open transaction.
        workspace_id: whose.
        monthly_millicents: 1 USD = 100,000.
        of: what it is for.
        alert_percents: parts of it at which people want to be told, such as 80 and 100.
        actor: who decides.
        at: when.

    Raises:
        Refused: 404 no such workspace, project or cost centre; 422 a value is not usable.
    """
    lock_workspace(session, workspace_id)
    checked_amount(monthly_millicents, what="budget")
    percents = _percents(alert_percents)
    scope_id = _scope_id(session, workspace_id, of)
    budget = _found(session, workspace_id, of.scope, scope_id)
    before = None if budget is None else budget.monthly_millicents
    if budget is None:
        budget = Budget(id=str(uuid4()), workspace_id=workspace_id, scope=of.scope.value, scope_id=scope_id)
        session.add(budget)
    elif (before, budget.alert_percent) == (monthly_millicents, percents):
        return budget
    budget.monthly_millicents, budget.alert_percent = monthly_millicents, percents
    details: dict[str, Detail] = {
        "monthly_millicents": monthly_millicents, "before": before, "alert_percents": percents,
    }  # fmt: skip
    _record(session, workspace_id, of, _SET[of.scope], actor, at, details)
    return budget


def remove_budget(session: Session, workspace_id: str, of: BudgetOf, *, actor: Actor, at: datetime) -> None:
    """Remove a budget.

    Raises:
        Refused: 404 no such workspace, project or cost centre, or it has no budget.
    """
    lock_workspace(session, workspace_id)
    budget = _found(session, workspace_id, of.scope, _scope_id(session, workspace_id, of))
    if budget is None:
        raise not_found("budget_not_found", "There is no such budget.")
    details: dict[str, Detail] = {"before": budget.monthly_millicents}
    session.delete(budget)
    _record(session, workspace_id, of, _REMOVED[of.scope], actor, at, details)


def list_budgets(session: Session, workspace_id: str) -> Sequence[StandingBudget]:
    """Return the workspace's budgets: its own first, then cost centres and projects by name."""
    projects = {one.id: one for one in session.scalars(select(Project).where(Project.workspace_id == workspace_id))}
    centres = {
        one.id: one for one in session.scalars(select(CostCentre).where(CostCentre.workspace_id == workspace_id))
    }
    found: list[StandingBudget] = []
    for budget in session.scalars(select(Budget).where(Budget.workspace_id == workspace_id)):
        scope, slug, name = BudgetScope(budget.scope), "", ""
        if scope is BudgetScope.PROJECT:
            project = projects[budget.scope_id]
            slug, name = project.slug, project.display_name or project.slug
        elif scope is BudgetScope.COST_CENTRE:
            slug, name = centres[budget.scope_id].slug, centres[budget.scope_id].name
        percents = tuple(int(one) for one in (budget.alert_percent or "").split(",") if one)
        found.append(StandingBudget(BudgetOf(scope, slug), name, budget.monthly_millicents, percents))
    order = (BudgetScope.WORKSPACE, BudgetScope.COST_CENTRE, BudgetScope.PROJECT)
    return sorted(found, key=lambda one: (order.index(one.of.scope), one.name.casefold(), one.of.slug))


def _percents(given: Iterable[int]) -> str | None:
    percents = sorted(set(given))
    if len(percents) > ALERTS_MAX or not all(1 <= one <= ALERT_PERCENT_MAX for one in percents):
        raise invalid(f"Alerts are up to {ALERTS_MAX} whole percents from 1 to {ALERT_PERCENT_MAX}.")
    return ",".join(map(str, percents)) or None


def _scope_id(session: Session, workspace_id: str, of: BudgetOf) -> str:
    if of.scope is BudgetScope.PROJECT:
        return project_of_slug(session, workspace_id, of.slug).id
    if of.scope is BudgetScope.COST_CENTRE:
        return centre_of_slug(session, workspace_id, of.slug).id
    return ""


def _found(session: Session, workspace_id: str, scope: BudgetScope, scope_id: str) -> Budget | None:
    query = select(Budget).where(
        Budget.workspace_id == workspace_id, Budget.scope == scope.value, Budget.scope_id == scope_id
    )
    return session.scalars(query).one_or_none()


def _record(
    session: Session,
    workspace_id: str,
    of: BudgetOf,
    event: AuditEvent,
    actor: Actor,
    at: datetime,
    details: dict[str, Detail],
) -> None:
    resource = Resource(of.scope.value, of.slug or workspace_id)
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
