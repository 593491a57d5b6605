"""`halton-cloud workspace`: creating workspaces and their settings.

Belongs here: the commands. Does not belong here: the rules (`api.workspaces`, `api.projects`).
"""

from __future__ import annotations

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing
from api.db.models import Plan
from api.projects import set_plan
from api.workspaces import create_workspace, find_workspace, millicents_of, set_budget, set_retention

_PLANS = click.Choice([plan.value for plan in Plan])


@click.group("workspace")
def workspace_group() -> None:
    """Create workspaces; set budget, plan and retention."""


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
@click.option("--monthly-usd", required=True, metavar="USD", help="Dollars per month, such as 123.45.")
@workspace_option
@home_option
def budget(home_folder: str | None, workspace_slug: str, monthly_usd: str) -> None:
    r"""Set the workspace's budget per month.

    Prints {"workspace_id", "monthly_usd"}.

    \b
    Example:
      halton-cloud workspace budget --workspace acme-co --monthly-usd 1500
    """
    millicents = millicents_of(monthly_usd)
    with changing(home_folder) as (session, now):
        workspace = find_workspace(session, workspace_slug)
        set_budget(session, workspace.id, millicents, actor=OPERATOR, at=now)
        workspace_id = workspace.id
    print_answer({"workspace_id": workspace_id, "monthly_usd": f"{millicents // 100_000}.{millicents % 100_000:05}"})


@workspace_group.command("plan")
@click.option("--plan", required=True, type=_PLANS, help="The plan from now on.")
@workspace_option
@home_option
def plan(home_folder: str | None, workspace_slug: str, plan: str) -> None:
    r"""Change the plan; projects withheld by a lower ceiling come back.

    Prints {"workspace_id", "plan", "projects_released"}.

    \b
    Example:
      halton-cloud workspace plan --workspace acme-co --plan team
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        released = set_plan(session, workspace_id, Plan(plan), actor=OPERATOR, at=now)
    print_answer({"workspace_id": workspace_id, "plan": plan, "projects_released": released})


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
