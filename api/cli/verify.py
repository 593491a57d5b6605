"""`halton-cloud verify`: recompute what was published, and check what was recorded.

Belongs here: the command, and the audit chains. Does not belong here: recomputing totals from landed files
(`pipelines.verify`).
"""

from __future__ import annotations

import click
from sqlalchemy import Engine, select

from api.audit import verify_chain
from api.cli.console import home_option, print_answer
from api.cli.database import opened
from api.db.models import Workspace
from api.db.session import reading
from pipelines.lake.paths import Home
from pipelines.verify import verify


@click.command("verify")
@home_option
def verify_command(home_folder: str | None) -> None:
    r"""Recompute every published total from the landed files by another way, and check digests and chains.

    Prints {"ok", "differences", ...} and exits with 1 on any difference.

    \b
    Example:
      halton-cloud verify --home /var/lib/halton
    """
    home = Home.locate(home_folder)
    with opened(home) as engine:
        report = verify(home, engine)
        events, audit_differences = verify_audit_chains(engine)
    differences = [*report.differences, *audit_differences]
    print_answer(
        {
            **report.as_dict(),
            "audit_events": events,
            "ok": not differences,
            "differences": differences,
        }
    )
    if differences:
        complaint = f"{len(differences)} differences were found; the first: {differences[0]}"
        raise click.ClickException(complaint)


def verify_audit_chains(engine: Engine) -> tuple[int, list[str]]:
    """Verify the audit chain of every workspace.

    Returns:
        How many events were read, and one line per fault, beginning with the workspace's slug.
    """
    events, differences = 0, list[str]()
    with reading(engine) as session:
        for workspace_id, slug in session.execute(select(Workspace.id, Workspace.slug).order_by(Workspace.slug)):
            report = verify_chain(session, workspace_id)
            events += report.events
            differences += [f"workspace {slug}: {difference}" for difference in report.differences]
    return events, differences
