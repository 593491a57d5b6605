"""HTTP of connections to providers' billing.

Belongs here: the routes. Does not belong here: rules (`connections`, `keys`), regular reading (`pipelines.billing`).

What reaches into the server or its network (a folder of export files, another address of a provider) is the operator's:
`halton-cloud bills connect`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.bills.connections import NewConnection, add_connection, list_connections, remove_connection
from api.bills.examples import CONNECTION, NEW_CONNECTION, TRIAL
from api.bills.keys import live_connection, replace_credential, try_connection
from api.bills.messages import (
    ConnectionsAnswer,
    ConnectionShown,
    NewConnectionMessage,
    NewKey,
    TrialAnswer,
)
from api.bills.routes import CHANGING, Reader
from api.db.dependencies import Look, Work
from api.db.session import transaction
from api.openapi import describe
from pipelines.billing.connections import ConnectionSettings
from pipelines.billing.credentials import CredentialVault
from pipelines.lake.bills import ConnectionKind

router = APIRouter(prefix="/v1/{workspace}/bills/connections", tags=["bills"])

Connector = Annotated[Caller, Depends(caller_with(Permission.CONNECT_BILLS))]
ConnectionId = Annotated[str, Path(description="Id of the connection.", examples=[CONNECTION["id"]])]


@router.get(
    "",
    **describe(
        "Connections to providers' billing",
        answer=ConnectionsAnswer,
        example={"connections": [CONNECTION]},
        answer_description="All of them, ended ones included",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_connections(caller: Reader, look: Look) -> Response:
    """List how the workspace's bills arrive, and when each was last read; never a key."""
    return json_answer(_all(look, caller))


@router.post(
    "",
    **describe(
        "Connect a provider's billing",
        answer=ConnectionShown,
        example=CONNECTION,
        answer_description="The connection",
        message=NewConnectionMessage,
        message_example=NEW_CONNECTION,
        refusals=CHANGING,
    ),
)
def post_connection(
    request: Request,
    caller: Connector,
    message: Annotated[NewConnectionMessage, Depends(message_body(NewConnectionMessage))],
    work: Work,
) -> Response:
    """Connect with a key for administration of the provider's organization. The key is sealed and never shown again."""
    caller.require_writable()
    state = request.app.state
    new = NewConnection(
        kind=ConnectionKind(message.kind),
        name=message.name,
        settings=ConnectionSettings(
            start_day=message.start_day, lookback_days=message.lookback_days, team=message.team
        ),
        credential=message.key,
    )
    vault = CredentialVault(state.home)
    made = add_connection(work, vault, caller.workspace_id, new, actor=caller.actor, at=state.clock.now())
    return json_answer(_one(work, caller, made))


@router.delete(
    "/{connection_id}",
    **describe(
        "End a connection",
        answer=ConnectionShown,
        example={**CONNECTION, "has_key": False, "ended_at": "2026-07-03T08:11:00Z"},
        answer_description="The connection, ended",
        refusals=(401, 403, 404),
    ),
)
def delete_connection(request: Request, caller: Connector, connection_id: ConnectionId, work: Work) -> Response:
    """End a connection and forget its key; bills that were read stay."""
    at = request.app.state.clock.now()
    remove_connection(work, caller.workspace_id, connection_id, actor=caller.actor, at=at)
    return json_answer(_one(work, caller, connection_id))


@router.post(
    "/{connection_id}/rotate",
    **describe(
        "Replace a connection's key",
        answer=ConnectionShown,
        example=CONNECTION,
        answer_description="The connection",
        message=NewKey,
        message_example={"key": NEW_CONNECTION["key"]},
        refusals=CHANGING,
    ),
)
def post_rotate(
    request: Request,
    caller: Connector,
    connection_id: ConnectionId,
    message: Annotated[NewKey, Depends(message_body(NewKey))],
    work: Work,
) -> Response:
    """Seal another key for a connection; the one before is forgotten."""
    caller.require_writable()
    state = request.app.state
    vault, at = CredentialVault(state.home), state.clock.now()
    replace_credential(work, vault, caller.workspace_id, connection_id, message.key, actor=caller.actor, at=at)
    return json_answer(_one(work, caller, connection_id))


@router.post(
    "/{connection_id}/test",
    **describe(
        "Try a connection",
        answer=TrialAnswer,
        example=TRIAL,
        answer_description="Whether it works",
        refusals=(401, 403, 404, 409),
    ),
)
def post_test(request: Request, caller: Connector, connection_id: ConnectionId) -> Response:
    """Read yesterday's bill once and write nothing; the answer says in plain words what is wrong, if anything is."""
    caller.require_writable()
    state = request.app.state
    with transaction(state.engine) as session:  # ended before the provider is asked: nobody waits for it meanwhile
        request.state.begin_change(session)
        row = live_connection(session, caller.workspace_id, connection_id)
    return json_answer(
        TrialAnswer.of(try_connection(CredentialVault(state.home), row, state.bill_reach, state.clock.now()))
    )


def _all(session: Session, caller: Caller) -> ConnectionsAnswer:
    found = list_connections(session, caller.workspace_id)
    return ConnectionsAnswer(connections=[ConnectionShown.of(one) for one in found])


def _one(session: Session, caller: Caller, connection_id: str) -> ConnectionShown:
    found = list_connections(session, caller.workspace_id)
    return next(ConnectionShown.of(one) for one in found if one.row.id == connection_id)
