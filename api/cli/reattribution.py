"""`halton-cloud project reattribute` and its kin: requests that count for another project.

Belongs here: the commands, which `project` takes up. Does not belong here: the rules (`api.projects.reattribution`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click
import msgspec

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import Reattribution
from api.projects.messages import ReattributionShown
from api.projects.reattribution import Move, list_reattributions, reattribute, withdraw_reattribution
from api.workspaces import find_workspace

_DAY: Final = click.DateTime(["%Y-%m-%d"])


@click.command("reattribute")
@click.argument("from_project")
@click.argument("to_project")
@click.option("--from", "first_day", type=_DAY, metavar="DATE", help="First day, in the workspace's zone.")
@click.option("--until", "last_day", type=_DAY, metavar="DATE", help="Last day, included.")
@click.option("--device", "device_id", metavar="MACHINE_ID", help="Only requests of this machine.")
@click.option("--reason", default="", help="Why, for people.")
@workspace_option
@home_option
def reattribute_command(
    home_folder: str | None,
    workspace_slug: str,
    from_project: str,
    to_project: str,
    first_day: datetime | None,
    last_day: datetime | None,
    device_id: str | None,
    reason: str,
) -> None:
    r"""Let requests logged under FROM_PROJECT count for TO_PROJECT, with the next refresh.

    Of several decisions that fit what was logged the newest holds, and nothing is moved twice. What laptops logged
    never changes. "(not shared)" stands for requests whose laptop withholds the project.

    Prints {"id", "from_project", "to_project", ...}.

    \b
    Examples:
      halton-cloud project reattribute scratch acme-api --workspace acme-co
      halton-cloud project reattribute scratch acme-api --from 2026-03-01 --until 2026-03-31 --workspace acme-co
    """
    move = Move(
        from_project=from_project,
        to_project=to_project,
        first_day=first_day.date() if first_day else None,
        last_day=last_day.date() if last_day else None,
        device_id=device_id,
        reason=reason,
    )
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(reattribute(session, workspace_id, move, actor=OPERATOR, at=now))
    print_answer(answer)


@click.command("reattributions")
@workspace_option
@home_option
def reattributions_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List every decision that requests count for another project, withdrawn ones included.

    Prints {"reattributions": [{"id", "from_project", "to_project", ...}]}.

    \b
    Example:
      halton-cloud project reattributions --workspace acme-co
    """
    with looking(home_folder) as (session, _):
        found = list_reattributions(session, find_workspace(session, workspace_slug).id)
        answer = {"reattributions": [_shown(one) for one in found]}
    print_answer(answer)


@click.command("withdraw")
@click.argument("reattribution_id", metavar="ID")
@workspace_option
@home_option
def withdraw_command(home_folder: str | None, workspace_slug: str, reattribution_id: str) -> None:
    r"""Take a re-attribution back, as if it had never been decided.

    Prints {"id", "withdrawn_at", ...}.

    \b
    Example:
      halton-cloud project withdraw 8c1f0e6a-4f43-4f0e-9a53-6d5f7f0c2b11 --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = _shown(withdraw_reattribution(session, workspace_id, reattribution_id, actor=OPERATOR, at=now))
    print_answer(answer)


def _shown(decision: Reattribution) -> dict[str, Any]:
    return msgspec.to_builtins(ReattributionShown.of(decision))
