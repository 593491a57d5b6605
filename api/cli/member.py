"""`halton-cloud member`: who belongs to a workspace.

Belongs here: the commands. Does not belong here: the rules (`api.members`).
"""

from __future__ import annotations

import os
from typing import Any

import click

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import Role
from api.members.acting import Acting
from api.members.letters import Letters
from api.members.removal import remove_member
from api.members.roles import change_role
from api.members.roster import Member, add_member, find_member_by_email, list_members
from api.members.seats import seats_of
from api.outbox.queue import Seal
from api.people import normal_email
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.paths import Home

_ROLES = click.Choice([role.value for role in Role])
_BY = Acting(OPERATOR)


@click.group("member")
def member_group() -> None:
    """List, add and remove the members of a workspace; change their roles."""


@member_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List the members of a workspace and its seats.

    Prints {"members": [{"email", "role", ...}], "seats": {"used", "limit"}}.

    \b
    Example:
      halton-cloud member list --workspace acme-co
    """
    with looking(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        seats = seats_of(session, workspace_id, now)
        answer = {
            "members": [_shown(member) for member in list_members(session, workspace_id)],
            "seats": {"used": seats.used, "limit": seats.limit},
        }
    print_answer(answer)


@member_group.command("add")
@click.argument("email")
@click.option("--role", type=_ROLES, default=Role.MEMBER.value, show_default=True, help="What they may do.")
@workspace_option
@home_option
def add(home_folder: str | None, workspace_slug: str, email: str, role: str) -> None:
    r"""Make somebody a member at once, without an invitation; it takes a seat.

    Prints {"email", "role", ...}.

    \b
    Example:
      halton-cloud member add new@acme.co --role admin --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(add_member(session, workspace_id, email, Role(role), by=_BY, at=now))
    print_answer(answer)


@member_group.command("remove")
@click.argument("email")
@workspace_option
@home_option
def remove(home_folder: str | None, workspace_slug: str, email: str) -> None:
    r"""Remove a member: their next call is refused. The only Owner hands over to the longest-serving Admin.

    Prints {"email", "new_owner"}.

    \b
    Example:
      halton-cloud member remove old@acme.co --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        member = find_member_by_email(session, workspace_id, normal_email(email))
        letters = _letters(home_folder)
        heir = remove_member(session, workspace_id, member.user_id, by=_BY, letters=letters, at=now)
    print_answer({"email": member.email, "new_owner": heir})


@member_group.command("role")
@click.argument("email")
@click.argument("role", type=_ROLES)
@workspace_option
@home_option
def role_command(home_folder: str | None, workspace_slug: str, email: str, role: str) -> None:
    r"""Change a member's role. One Owner always stays.

    Prints {"email", "role", ...}.

    \b
    Example:
      halton-cloud member role new@acme.co owner --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        user_id = find_member_by_email(session, workspace_id, normal_email(email)).user_id
        letters = _letters(home_folder)
        answer = _shown(change_role(session, workspace_id, user_id, Role(role), by=_BY, letters=letters, at=now))
    print_answer(answer)


def _letters(home_folder: str | None) -> Letters | None:
    """Return the letters to new Owners; none while nobody said where their links would lead."""
    base_url = os.environ.get(PUBLIC_URL_VARIABLE, "").rstrip("/")
    return Letters(Seal(Home.locate(home_folder)), base_url) if base_url else None


def _shown(member: Member) -> dict[str, Any]:
    return {
        "user_id": member.user_id,
        "email": member.email,
        "role": member.role.value,
        "joined_at": iso_utc(from_micros(member.joined_at_us)),
        "by_directory": member.by_directory,
    }
