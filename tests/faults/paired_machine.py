"""A workspace with one paired machine and an API key, made by the services themselves, without approval by hand.

Belongs here: what every campaign's client must hold. Does not belong here: what it sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.models import Plan
from api.db.session import transaction
from api.pairing.sessions import approve_pairing, poll_pairing, start_pairing
from api.workspaces import create_workspace
from daemon.wire.pairing import PairingPoll, PairingStart
from pipelines.lake.clock import Clock


@dataclass(frozen=True)
class PairedMachine:
    """Secrets of one workspace `acme`: its machine's sync token, and an API key."""

    workspace_id: str
    token: str
    api_key: str


def pair_machine(engine: Engine, clock: Clock) -> PairedMachine:
    at = clock.now()
    with transaction(engine) as session:
        workspace = create_workspace(
            session, name="Acme", owner_email="o@acme.example", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=at
        )
        workspace_id = workspace.id
        key = create_api_key(session, workspace_id, name="k", actor=OPERATOR, at=at)
    return PairedMachine(workspace_id, new_token(engine, workspace_id, clock), key)


def new_token(engine: Engine, workspace_id: str, clock: Clock) -> str:
    """Pair one more machine with a workspace and return its sync token."""
    at = clock.now()
    greeting = PairingStart(hostname="h", daemon_version="0.6.4", platform="Linux")
    with transaction(engine) as session:
        started = start_pairing(session, greeting, address="127.0.0.1", at=at)
    with transaction(engine) as session:
        approve_pairing(session, started.code, workspace_id, approver=OPERATOR, at=at)
    poll = PairingPoll(pairing_code=started.code, poll_token=started.poll_token)
    token = poll_pairing(engine, poll, clock).api_key
    assert isinstance(token, str)
    return token
