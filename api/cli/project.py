"""`halton-cloud project`: the projects of a workspace.

Belongs here: the commands. Does not belong here: the rules (`api.projects`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click
import msgspec

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.cli.reattribution import reattribute_command, reattributions_command, withdraw_command
from api.cost_centres.centres import list_cost_centres
from api.currencies import amount_of
from api.db.models import Project
from api.projects import archive_project, list_projects, restore_project, withheld_reason
from api.projects.messages import ProjectSettings
from api.projects.settings import HourlyRate, ProjectChange, change_project
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc, to_micros

_CLEARED: Final = {
    "name": "display_name", "client": "client_name", "hourly-rate": "hourly_rate", "cost-centre": "cost_centre",
    "markup": "markup_basis_points",
}  # fmt: skip


@click.group("project")
def project_group() -> None:
    """List, name, archive and restore projects; move requests between them."""


@project_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List the projects of a workspace, and why rows of some are withheld.

    Prints {"projects": [{"slug", "withheld_reason", ...}]}.

    \b
    Example:
      halton-cloud project list --workspace acme-co
    """
    with looking(home_folder) as (session, now):
        found = list_projects(session, find_workspace(session, workspace_slug).id)
        answer = {"projects": [_shown(project, now) for project in found]}
    print_answer(answer)


@project_group.command("archive")
@click.argument("slug")
@workspace_option
@home_option
def archive(home_folder: str | None, slug: str, workspace_slug: str) -> None:
    r"""Withhold a project's rows received from now on; earlier ones stay in the dashboards.

    Prints {"slug", "archived_at"}.

    \b
    Example:
      halton-cloud project archive acme-api --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        project = archive_project(session, workspace_id, slug, actor=OPERATOR, at=now)
        answer = {"slug": project.slug, "archived_at": _instant(project.archived_at_us)}
    print_answer(answer)


@project_group.command("restore")
@click.argument("slug")
@workspace_option
@home_option
def restore(home_folder: str | None, slug: str, workspace_slug: str) -> None:
    r"""Show an archived project's rows again, those received meanwhile included.

    Prints {"slug", "archived_at"}.

    \b
    Example:
      halton-cloud project restore acme-api --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        project = restore_project(session, workspace_id, slug, actor=OPERATOR, at=now)
        answer = {"slug": project.slug, "archived_at": _instant(project.archived_at_us)}
    print_answer(answer)


@project_group.command("set")
@click.argument("slug")
@click.option("--name", "display_name", help="What people call it; the slug stays.")
@click.option("--client", "client_name", help="Whom it is billed to.")
@click.option("--hourly-rate", nargs=2, metavar="AMOUNT CURRENCY", help="What an hour costs, such as 120.50 EUR.")
@click.option("--markup", type=int, metavar="BASIS_POINTS", help="Added to its cost when charged on; 1500 is 15 %.")
@click.option("--cost-centre", metavar="SLUG", help="The cost centre it is assigned to.")
@click.option(
    "--clear",
    "cleared",
    multiple=True,
    type=click.Choice(list(_CLEARED)),
    help="Take a setting away; can be repeated.",
)
@workspace_option
@home_option
def set_command(
    home_folder: str | None,
    slug: str,
    workspace_slug: str,
    display_name: str | None,
    client_name: str | None,
    hourly_rate: tuple[str, str] | None,
    markup: int | None,
    cost_centre: str | None,
    cleared: tuple[str, ...],
) -> None:
    r"""Set what a project is called and billed as; what is not given stays as it is.

    Prints {"project", "display_name", "client_name", "hourly_rate", "markup_basis_points", ...}.

    \b
    Examples:
      halton-cloud project set acme-api --name "Acme API" --client Globex --workspace acme-co
      halton-cloud project set acme-api --hourly-rate 120.50 EUR --cost-centre client-work --workspace acme-co
      halton-cloud project set acme-api --markup 1500 --workspace acme-co
      halton-cloud project set acme-api --clear hourly-rate --workspace acme-co
    """
    given: dict[str, Any] = {
        "display_name": display_name,
        "client_name": client_name,
        "hourly_rate": HourlyRate(amount_of(hourly_rate[0]), hourly_rate[1]) if hourly_rate else None,
        "markup_basis_points": markup,
        "cost_centre": cost_centre,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    wanted |= dict.fromkeys(_CLEARED[name] for name in cleared)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        project = change_project(session, workspace_id, slug, ProjectChange(**wanted), actor=OPERATOR, at=now)
        centres = {centre.id: centre.slug for centre in list_cost_centres(session, workspace_id)}
        answer: dict[str, Any] = msgspec.to_builtins(ProjectSettings.of(project, centres))
    print_answer(answer)


for _command in (reattribute_command, reattributions_command, withdraw_command):
    project_group.add_command(_command)


def _shown(project: Project, now: datetime) -> dict[str, Any]:
    reason = withheld_reason(
        over_ceiling=project.over_ceiling, archived_at_us=project.archived_at_us, received_at_us=to_micros(now)
    )
    return {
        "slug": project.slug,
        "display_name": project.display_name,
        "first_seen_at": _instant(project.first_seen_at_us),
        "archived_at": _instant(project.archived_at_us),
        "withheld_reason": None if reason is None else reason.value,
    }


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
