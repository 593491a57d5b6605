"""`halton-cloud workspace list`, `delete`, `undelete`, `purge` and `export`.

Belongs here: the commands. Does not belong here: the rules (`api.workspaces`), exports and purges themselves
(`api.exporting`, `api.purge`).
"""

from __future__ import annotations

import os
from typing import Any

import click
from sqlalchemy import select

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.audit import OPERATOR
from api.cli.console import home_option, print_answer
from api.cli.database import changing, looking, opened
from api.db.models import Workspace, WorkspaceExport
from api.db.session import reading, transaction
from api.members.acting import Acting
from api.members.letters import Letters
from api.members.seats import member_count
from api.outbox.queue import Seal
from api.workspaces import find_any_workspace
from api.workspaces.deletion import deletion_of, request_deletion, undo_deletion
from api.workspaces.exports import ExportState, export_file, request_export
from pipelines.lake.clock import SystemClock, from_micros, iso_utc
from pipelines.lake.paths import Home

_BY = Acting(OPERATOR)


@click.command("list")
@home_option
def list_command(home_folder: str | None) -> None:
    r"""List all workspaces, those that are being deleted included.

    Prints {"workspaces": [{"workspace_id", "slug", "name", "plan", "members", "deletion_requested_at", "purge_at"}]}.

    \b
    Example:
      halton-cloud workspace list
    """
    with looking(home_folder) as (session, _):
        shown: list[dict[str, Any]] = []
        for workspace in session.scalars(select(Workspace).order_by(Workspace.slug)):
            deletion = deletion_of(session, workspace.id)
            requested_at_us = deletion.requested_at_us if deletion else None
            shown.append(
                {
                    "workspace_id": workspace.id,
                    "slug": workspace.slug,
                    "name": workspace.name,
                    "plan": workspace.plan,
                    "members": member_count(session, workspace.id),
                    "deletion_requested_at": _instant(requested_at_us),
                    "purge_at": _instant(deletion.purge_at_us if deletion else None),
                }
            )
    print_answer({"workspaces": shown})


@click.command("delete")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Really delete it.")
@home_option
def delete_command(*, home_folder: str | None, slug: str, yes: bool) -> None:
    r"""Delete a workspace: read-only from now on, removed for good in 30 days. Every Owner gets an e-mail.

    Prints {"workspace_id", "requested_at", "purge_at"}.

    \b
    Example:
      halton-cloud workspace delete acme-co --yes
    """
    if not yes:
        raise click.UsageError("Nothing was done. Add --yes to delete the workspace.")
    with changing(home_folder) as (session, now):
        workspace_id = find_any_workspace(session, slug).id
        deletion = request_deletion(session, workspace_id, slug, by=_BY, letters=_letters(home_folder), at=now)
    print_answer(
        {
            "workspace_id": workspace_id,
            "requested_at": _instant(deletion.requested_at_us),
            "purge_at": _instant(deletion.purge_at_us),
        }
    )


@click.command("undelete")
@click.argument("slug")
@home_option
def undelete_command(home_folder: str | None, slug: str) -> None:
    r"""Take a deletion back, within its 30 days. Every Owner gets an e-mail.

    Prints {"workspace_id"}.

    \b
    Example:
      halton-cloud workspace undelete acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_any_workspace(session, slug).id
        undo_deletion(session, workspace_id, by=_BY, letters=_letters(home_folder), at=now)
    print_answer({"workspace_id": workspace_id})


@click.command("purge")
@click.argument("slug", required=False)
@click.option("--yes", is_flag=True, help="Remove SLUG for good now, whatever is left of its 30 days.")
@click.option("--due", is_flag=True, help="Remove all whose 30 days are over, and end purges that were interrupted.")
@home_option
def purge_command(*, home_folder: str | None, slug: str | None, yes: bool, due: bool) -> None:
    r"""Remove every byte of a workspace from this home: rows, landed files, marts, exports, e-mails, run history.

    `halton-cloud up` and `serve` do this by themselves 30 days after a deletion. Backups are not touched: delete those
    that are older than the purge. Interrupted, --due goes on.

    Prints {"purged": [{"workspace_id", "steps"}]}.

    \b
    Examples:
      halton-cloud workspace purge acme-co --yes
      halton-cloud workspace purge --due
    """
    if due == (slug is not None):
        raise click.UsageError("Give either SLUG with --yes or --due.")
    if slug is not None and not yes:
        raise click.UsageError("Nothing was done. Add --yes to remove the workspace for good, now.")
    # Imported late: building marts takes seconds to load.
    from api.purge import begin_purge, purge_due, purge_workspace  # noqa: PLC0415
    from api.upkeep import maintenance  # noqa: PLC0415

    home, clock = Home.locate(home_folder), SystemClock()
    with opened(home) as engine, maintenance(home):
        if slug is None:
            results = purge_due(home, engine, clock)
        else:
            with transaction(engine) as session:
                workspace_id = find_any_workspace(session, slug).id
                begin_purge(session, workspace_id, clock, at_once=True)
            results = [purge_workspace(home, engine, clock, workspace_id)]
    print_answer({"purged": [{"workspace_id": one.workspace_id, "steps": list(one.steps)} for one in results]})


@click.command("export")
@click.argument("slug")
@home_option
def export_command(home_folder: str | None, slug: str) -> None:
    r"""Write everything a workspace holds into one ZIP in the home, kept for 7 days.

    Prints {"workspace_id", "export_id", "file", "bytes", "sha256", "expires_at"}.

    \b
    Example:
      halton-cloud workspace export acme-co
    """
    from api.exporting.making import make_export  # noqa: PLC0415 - as above
    from api.upkeep import maintenance  # noqa: PLC0415

    home, clock = Home.locate(home_folder), SystemClock()
    with opened(home) as engine, maintenance(home):
        with transaction(engine) as session:
            workspace_id = find_any_workspace(session, slug).id
            export_id = request_export(session, workspace_id, by=_BY, at=clock.now()).id
        make_export(home, engine, clock, export_id)
        with reading(engine) as session:
            export = session.get_one(WorkspaceExport, export_id)
    if export.state != ExportState.READY.value:
        raise click.ClickException("The export could not be made; the log says why.")
    print_answer(
        {
            "workspace_id": workspace_id,
            "export_id": export_id,
            "file": str(export_file(home, workspace_id, export_id)),
            "bytes": export.byte_count,
            "sha256": export.sha256,
            "expires_at": _instant(export.expires_at_us),
        }
    )


def _letters(home_folder: str | None) -> Letters:
    base_url = os.environ.get(PUBLIC_URL_VARIABLE, "").rstrip("/") or "http://localhost:8080"
    return Letters(Seal(Home.locate(home_folder)), base_url)


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
