"""`halton-cloud pairing`: the operator's side of pairing.

Belongs here: the commands. Does not belong here: the rules (`api.pairing`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import PairingSession, PairingStatus
from api.pairing.open_codes import list_pairings
from api.pairing.sessions import approve_pairing, deny_pairing
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc, to_micros


@click.group("pairing")
def pairing_group() -> None:
    """Let machines into a workspace, or turn them away."""


@pairing_group.command("list")
@home_option
def list_command(home_folder: str | None) -> None:
    r"""List the pairings of the last day with what the machines say of themselves; their codes are known to them alone.

    Prints {"pairings": [{"hostname", "platform", "address", "state", "expires_at", ...}]}.

    \b
    Example:
      halton-cloud pairing list
    """
    with looking(home_folder) as (session, now):
        answer = {"pairings": [_shown(pairing, now) for pairing in list_pairings(session)]}
    print_answer(answer)


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


def _shown(pairing: PairingSession, now: datetime) -> dict[str, Any]:
    late = pairing.state == PairingStatus.PENDING and to_micros(now) >= pairing.expires_at_us
    return {
        "id": pairing.id,
        "hostname": pairing.hostname,
        "platform": pairing.platform,
        "daemon_version": pairing.daemon_version,
        "address": pairing.remote_address,
        "state": "expired" if late else pairing.state,
        "wrong_tries": pairing.wrong_tries,
        "created_at": iso_utc(from_micros(pairing.created_at_us)),
        "expires_at": iso_utc(from_micros(pairing.expires_at_us)),
        "workspace_id": pairing.workspace_id,
        "machine_id": pairing.device_id,
        "approved_by": pairing.approved_by,
    }
