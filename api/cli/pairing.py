"""`halton-cloud pairing`: the operator's side of pairing.

Belongs here: the commands. Does not belong here: the rules (`api.pairing`).
"""

from __future__ import annotations

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing
from api.pairing.sessions import approve_pairing, deny_pairing
from api.workspaces import find_workspace


@click.group("pairing")
def pairing_group() -> None:
    """Let machines into a workspace, or turn them away."""


@pairing_group.command("approve")
@click.argument("code")
@workspace_option
@home_option
def approve(home_folder: str | None, code: str, workspace_slug: str) -> None:
    r"""Let the machine that shows CODE into the workspace; case, spaces and dashes do not matter.

    Prints {"machine_id"}.

    \b
    Example:
      halton-cloud pairing approve WXJ4-9KPM --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace = find_workspace(session, workspace_slug)
        machine_id = approve_pairing(session, code, workspace.id, approver=OPERATOR, at=now).id
    print_answer({"machine_id": machine_id})


@pairing_group.command("deny")
@click.argument("code")
@workspace_option
@home_option
def deny(home_folder: str | None, code: str, workspace_slug: str) -> None:
    r"""Turn away the machine that shows CODE; its daemon is told so.

    Prints {"denied": true}.

    \b
    Example:
      halton-cloud pairing deny WXJ4-9KPM --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace = find_workspace(session, workspace_slug)
        deny_pairing(session, code, workspace.id, approver=OPERATOR, at=now)
    print_answer({"denied": True})
