"""`halton-cloud api-key`: keys that read dashboards as JSON.

Belongs here: the command. Does not belong here: the rules (`api.api_keys`).
"""

from __future__ import annotations

import click

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing
from api.workspaces import find_workspace


@click.group("api-key")
def api_key_group() -> None:
    """Make keys that read dashboards as JSON."""


@api_key_group.command("create")
@click.option("--name", required=True, help="What it is for.")
@workspace_option
@home_option
def create(home_folder: str | None, workspace_slug: str, name: str) -> None:
    r"""Make a reading key; it is shown this once, only its digest is kept.

    Prints {"api_key"}.

    \b
    Example:
      halton-cloud api-key create --workspace acme-co --name notebook
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        secret = create_api_key(session, workspace_id, name=name, actor=OPERATOR, at=now)
    print_answer({"api_key": secret})
