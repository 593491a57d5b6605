"""`halton-cloud cost-centre`: the business units that projects are grouped into.

Belongs here: the commands. Does not belong here: the rules (`api.cost_centres`).
"""

from __future__ import annotations

from typing import Any

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.cost_centres.centres import (
    archive_cost_centre,
    create_cost_centre,
    list_cost_centres,
    rename_cost_centre,
    restore_cost_centre,
)
from api.db.models import CostCentre
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc


@click.group("cost-centre")
def cost_centre_group() -> None:
    """List, create, rename, archive and restore cost centres."""


@cost_centre_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List the cost centres of a workspace, archived ones included.

    Prints {"cost_centres": [{"cost_centre", "name", "archived_at"}]}.

    \b
    Example:
      halton-cloud cost-centre list --workspace acme-co
    """
    with looking(home_folder) as (session, _):
        found = list_cost_centres(session, find_workspace(session, workspace_slug).id)
        answer = {"cost_centres": [_shown(centre) for centre in found]}
    print_answer(answer)


@cost_centre_group.command("create")
@click.argument("name")
@workspace_option
@home_option
def create(home_folder: str | None, name: str, workspace_slug: str) -> None:
    r"""Create a cost centre; its slug is made from NAME and stays.

    Prints {"cost_centre", "name", "archived_at"}.

    \b
    Example:
      halton-cloud cost-centre create "Client Work" --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(create_cost_centre(session, workspace_id, name, actor=OPERATOR, at=now))
    print_answer(answer)


@cost_centre_group.command("rename")
@click.argument("slug")
@click.argument("name")
@workspace_option
@home_option
def rename(home_folder: str | None, slug: str, name: str, workspace_slug: str) -> None:
    r"""Change what people call a cost centre.

    Prints {"cost_centre", "name", "archived_at"}.

    \b
    Example:
      halton-cloud cost-centre rename client-work "Client projects" --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(rename_cost_centre(session, workspace_id, slug, name, actor=OPERATOR, at=now))
    print_answer(answer)


@cost_centre_group.command("archive")
@click.argument("slug")
@workspace_option
@home_option
def archive(home_folder: str | None, slug: str, workspace_slug: str) -> None:
    r"""Let a cost centre take no further projects; those it has stay with it.

    Prints {"cost_centre", "name", "archived_at"}.

    \b
    Example:
      halton-cloud cost-centre archive client-work --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(archive_cost_centre(session, workspace_id, slug, actor=OPERATOR, at=now))
    print_answer(answer)


@cost_centre_group.command("restore")
@click.argument("slug")
@workspace_option
@home_option
def restore(home_folder: str | None, slug: str, workspace_slug: str) -> None:
    r"""Let an archived cost centre take projects again.

    Prints {"cost_centre", "name", "archived_at"}.

    \b
    Example:
      halton-cloud cost-centre restore client-work --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(restore_cost_centre(session, workspace_id, slug, actor=OPERATOR, at=now))
    print_answer(answer)


def _shown(centre: CostCentre) -> dict[str, Any]:
    archived = None if centre.archived_at_us is None else iso_utc(from_micros(centre.archived_at_us))
    return {"cost_centre": centre.slug, "name": centre.name, "archived_at": archived}
