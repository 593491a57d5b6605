"""`halton-cloud project`: the projects of a workspace.

Belongs here: the commands. Does not belong here: the rules (`api.projects`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import Project
from api.projects import archive_project, list_projects, restore_project, withheld_reason
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc, to_micros


@click.group("project")
def project_group() -> None:
    """List, archive and restore projects."""


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
