"""`halton-cloud workspace`: creating workspaces and their settings.

Belongs here: the commands. Does not belong here: the rules (`api.workspaces`, `api.projects`).
"""

from __future__ import annotations

import click

from api.audit import OPERATOR
from api.budgets.budgets import WHOLE_WORKSPACE, BudgetOf, BudgetScope, remove_budget, set_budget
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing
from api.cli.plan import plan_command
from api.cli.workspace_ends import (
    delete_command,
    export_command,
    list_command,
    purge_command,
    undelete_command,
)
from api.currencies import amount_of
from api.dashboards.money import usd_from_millicents
from api.db.models import Plan
from api.workspaces import create_workspace, find_workspace, set_retention

_PLANS = click.Choice([plan.value for plan in Plan])


@click.group("workspace")
def workspace_group() -> None:
    """Create, list and end workspaces; set budget, plan and retention."""


for _command in (list_command, plan_command, export_command, delete_command, undelete_command, purge_command):
    workspace_group.add_command(_command)


@workspace_group.command("create")
@click.argument("name")
@click.option("--owner", required=True, metavar="EMAIL", help="Who owns it.")
@click.option("--plan", type=_PLANS, default=Plan.TEAM.value, show_default=True, help="What it includes.")
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Reporting zone, an IANA name.")
@home_option
def create(home_folder: str | None, name: str, owner: str, plan: str, time_zone: str) -> None:
    r"""Create a workspace; its slug is made from NAME and numbered when taken.

    Prints {"workspace_id", "slug"}.

    \b
    Examples:
      halton-cloud workspace create "Acme Co" --owner vk@acme.co
      halton-cloud workspace create Solo --owner me@example.org --plan solo --time-zone Europe/Berlin
    """
    with changing(home_folder, create=True) as (session, now):
        workspace = create_workspace(
            session, name=name, owner_email=owner, plan=Plan(plan), time_zone=time_zone, actor=OPERATOR, at=now
        )
        answer = {"workspace_id": workspace.id, "slug": workspace.slug}
    print_answer(answer)


@workspace_group.command("budget")
@click.option("--monthly-usd", metavar="USD", help="Dollars per month, such as 123.45.")
@click.option("--project", metavar="SLUG", help="For this project.")
@click.option("--cost-centre", metavar="SLUG", help="For this cost centre.")
@click.option("--alert", "alerts", type=int, multiple=True, metavar="PERCENT", help="Tell at so much; can be repeated.")
@click.option("--remove", is_flag=True, help="Remove the budget.")
@workspace_option
@home_option
def budget(
    *,
    home_folder: str | None,
    workspace_slug: str,
    monthly_usd: str | None,
    project: str | None,
    cost_centre: str | None,
    alerts: tuple[int, ...],
    remove: bool,
) -> None:
    r"""Set or remove a budget per month: the workspace's, or a project's or cost centre's.

    Prints {"workspace_id", "scope", "slug", "monthly_usd"}.

    \b
    Examples:
      halton-cloud workspace budget --workspace acme-co --monthly-usd 1500
      halton-cloud workspace budget --workspace acme-co --project acme-api --monthly-usd 200 --alert 80 --alert 100
      halton-cloud workspace budget --workspace acme-co --cost-centre client-work --remove
    """
    if remove == (monthly_usd is not None):
        raise click.UsageError("Give either --monthly-usd USD or --remove.")
    if project is not None and cost_centre is not None:
        raise click.UsageError("Give --project or --cost-centre, not both.")
    of = WHOLE_WORKSPACE
    if project is not None:
        of = BudgetOf(BudgetScope.PROJECT, project)
    elif cost_centre is not None:
        of = BudgetOf(BudgetScope.COST_CENTRE, cost_centre)
    millicents = None if monthly_usd is None else amount_of(monthly_usd)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        if millicents is None:
            remove_budget(session, workspace_id, of, actor=OPERATOR, at=now)
        else:
            set_budget(session, workspace_id, millicents, of=of, alert_percents=alerts, actor=OPERATOR, at=now)
    shown = None if millicents is None else usd_from_millicents(millicents)
    print_answer({"workspace_id": workspace_id, "scope": of.scope.value, "slug": of.slug, "monthly_usd": shown})


@workspace_group.command("retention")
@click.argument("slug")
@click.option("--days", type=int, default=None, metavar="N", help="Keep requests of the last N UTC days.")
@click.option("--forever", is_flag=True, help="Keep requests for ever, as a new workspace does.")
@home_option
def retention(*, home_folder: str | None, slug: str, days: int | None, forever: bool) -> None:
    r"""Set how long a workspace keeps its requests.

    With --days N, requests made before today minus N days (whole UTC days) leave all totals at the next refresh, and
    their landed files are deleted for good two days later. Older history that still arrives is acknowledged but not
    shown. What the ledger says of batches and files stays.

    Prints {"workspace_id", "retention_days"}.

    \b
    Examples:
      halton-cloud workspace retention acme-co --days 400
      halton-cloud workspace retention acme-co --forever
    """
    if forever == (days is not None):
        raise click.UsageError("Give either --days N or --forever.")
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, slug).id
        set_retention(session, workspace_id, days, actor=OPERATOR, at=now)
    print_answer({"workspace_id": workspace_id, "retention_days": days})
