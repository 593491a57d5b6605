"""The demo's company: clients, cost centres and budgets, set as people set them.

Belongs here: what the simulated agency calls its projects, whom it bills, what it means to spend. Does not belong here:
the rules (`api.projects`, `api.cost_centres`, `api.budgets`).
"""

from __future__ import annotations

from typing import Final

from api.audit import OPERATOR
from api.budgets.budgets import WHOLE_WORKSPACE, BudgetOf, BudgetScope, set_budget
from api.cli.database import changing
from api.cost_centres.centres import create_cost_centre
from api.currencies import PARTS_PER_UNIT
from api.projects import list_projects
from api.projects.settings import HourlyRate, ProjectChange, change_project
from api.workspaces import find_workspace
from pipelines.lake.paths import Home

_CLIENT_WORK: Final = "Client work"
_RESEARCH: Final = "R&D"
_INTERNAL: Final = "Internal tools"
_ACME_RATE: Final = HourlyRate(120 * PARTS_PER_UNIT, "USD")
_NORTHWIND_RATE: Final = HourlyRate(95 * PARTS_PER_UNIT, "EUR")
# By project: its name, its client, what its client pays, and its cost centre. One has none of it, as in real life.
_PROJECTS: Final = {
    "acme-api": ("Acme API", "Acme", _ACME_RATE, 1_500, _CLIENT_WORK),
    "acme-batch-summariser": ("Acme batch summariser", "Acme", _ACME_RATE, 1_500, _CLIENT_WORK),
    "acme-website": ("Acme website", "Acme", _ACME_RATE, 1_500, _CLIENT_WORK),
    "northwind-checkout": ("Northwind checkout", "Northwind", _NORTHWIND_RATE, 1_000, _CLIENT_WORK),
    "globex-support-bot": ("Globex support bot", "Globex", None, 2_000, _CLIENT_WORK),
    "hooli-mobile": ("Hooli mobile", "Hooli", None, 1_000, _CLIENT_WORK),
    "stark-rfp-writer": ("Stark RFP writer", "Stark", None, 1_000, _CLIENT_WORK),
    "wayne-etl": ("Wayne ETL", "Wayne", None, 1_000, _CLIENT_WORK),
    "initech-data-platform": ("Initech data platform", None, None, None, _RESEARCH),
    "umbrella-search": ("Umbrella search", None, None, None, _RESEARCH),
    "internal-tools": ("Internal tools", None, None, None, _INTERNAL),
}
_WITH_BUDGET: Final = ("acme-api", "northwind-checkout")
_ALERT_PERCENTS: Final = (50, 80, 100)
_USUAL_DAYS: Final = 30
_STEP_MILLICENTS: Final = 10 * PARTS_PER_UNIT


def furnish(home: Home, slug: str, *, spent_millicents: int, days: int) -> None:
    """Name the projects that there are, group them, and set budgets of about what was spent.

    Args:
        home: the installation.
        slug: of the demo's workspace.
        spent_millicents: by all machines together, metered; 1 USD = 100,000.
        days: in how many days.

    Raises:
        Refused: a rule does not allow it.
    """
    usual = spent_millicents * _USUAL_DAYS // days
    with changing(str(home.root)) as (session, now):
        workspace_id = find_workspace(session, slug).id
        centres = {
            name: create_cost_centre(session, workspace_id, name, actor=OPERATOR, at=now).slug
            for name in (_CLIENT_WORK, _RESEARCH, _INTERNAL)
        }
        there = {project.slug for project in list_projects(session, workspace_id)}
        for project, (name, client, rate, markup, centre) in _PROJECTS.items():
            if project in there:
                change = ProjectChange(
                    display_name=name,
                    client_name=client,
                    hourly_rate=rate,
                    markup_basis_points=markup,
                    cost_centre=centres[centre],
                )
                change_project(session, workspace_id, project, change, actor=OPERATOR, at=now)
        budgets = {
            WHOLE_WORKSPACE: usual,
            BudgetOf(BudgetScope.COST_CENTRE, centres[_CLIENT_WORK]): usual * 8 // 10,
            BudgetOf(BudgetScope.COST_CENTRE, centres[_RESEARCH]): usual // 10,
        }
        budgets |= {BudgetOf(BudgetScope.PROJECT, slug): usual // 4 for slug in _WITH_BUDGET if slug in there}
        for of, amount in budgets.items():
            rounded = -(-amount // _STEP_MILLICENTS) * _STEP_MILLICENTS
            set_budget(session, workspace_id, rounded, of=of, alert_percents=_ALERT_PERCENTS, actor=OPERATOR, at=now)
