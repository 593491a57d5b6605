"""`halton-cloud api-key`: keys that read dashboards as JSON, or connect a directory.

Belongs here: the commands. Does not belong here: the rules (`api.api_keys`).
"""

from __future__ import annotations

import click
import msgspec

from api.access.permissions import KeyScope
from api.api_key_messages import key_shown
from api.api_keys import issue_api_key, list_api_keys, revoke_api_key, rotate_api_key
from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import Role
from api.workspaces import find_workspace

_AS_OWNER = Role.OWNER
"""The operator may what an Owner may."""


@click.group("api-key")
def api_key_group() -> None:
    """Make, list, rotate and revoke API keys."""


@api_key_group.command("create")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in KeyScope]),
    default=KeyScope.READ.value,
    show_default=True,
    help="read: dashboards as JSON; scim: a company directory adds and removes members.",
)
@workspace_option
@home_option
def create(home_folder: str | None, workspace_slug: str, name: str, scope: str) -> None:
    r"""Make a key; its secret is shown this once, only its digest is kept.

    Prints {"api_key", "id"}.

    \b
    Example:
      halton-cloud api-key create --workspace acme-co --name notebook
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        issued = issue_api_key(
            session, workspace_id, name=name, scope=KeyScope(scope), role=_AS_OWNER, actor=OPERATOR, at=now
        )
        answer = {"api_key": issued.secret, "id": issued.key.id}
    print_answer(answer)


@api_key_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List a workspace's keys, revoked ones last; never their secrets.

    Prints {"api_keys": [{"id", "name", "scope", "last_used_at", ...}]}.

    \b
    Example:
      halton-cloud api-key list --workspace acme-co
    """
    with looking(home_folder) as (session, _now):
        keys = list_api_keys(session, find_workspace(session, workspace_slug).id)
        answer = {"api_keys": [msgspec.to_builtins(key_shown(key)) for key in keys]}
    print_answer(answer)


@api_key_group.command("rotate")
@click.argument("key_id")
@workspace_option
@home_option
def rotate(home_folder: str | None, workspace_slug: str, key_id: str) -> None:
    r"""Give a key a new secret, shown this once; the old one is dead at once.

    Prints {"api_key", "id"}.

    \b
    Example:
      halton-cloud api-key rotate 8a1f6f1e-3f0a-4a51-9d56-0f5a8b1c2d3e --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        issued = rotate_api_key(session, workspace_id, key_id, role=_AS_OWNER, actor=OPERATOR, at=now)
        answer = {"api_key": issued.secret, "id": issued.key.id}
    print_answer(answer)


@api_key_group.command("revoke")
@click.argument("key_id")
@workspace_option
@home_option
def revoke(home_folder: str | None, workspace_slug: str, key_id: str) -> None:
    r"""End a key: whoever uses it gets no answer any more.

    Prints {"id", "revoked"}.

    \b
    Example:
      halton-cloud api-key revoke 8a1f6f1e-3f0a-4a51-9d56-0f5a8b1c2d3e --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        key = revoke_api_key(session, workspace_id, key_id, role=_AS_OWNER, actor=OPERATOR, at=now)
        answer = {"id": key.id, "revoked": True}
    print_answer(answer)
