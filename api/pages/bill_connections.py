"""Pages of connections to providers' billing: made, tried, given another key, ended.

Belongs here: `/{workspace}/reconciliation/bills/connections…`, on the services the JSON routes use. Does not belong
here: the list they stand in (`bills`), rules (`api.bills`).

A key is taken, sealed and never shown again: not even on the form that is refused.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.bills.connections import NewConnection, add_connection, list_connections, remove_connection
from api.bills.keys import live_connection, replace_credential, try_connection
from api.bills.messages import ConnectionShown, TrialAnswer
from api.db.dependencies import Work, any_session
from api.db.session import transaction
from api.errors import Refused, invalid
from api.pages.bills import CONNECTION_FIELDS, DONE, KIND_CHOICES, Failed, bills_list, bills_path, day_typed
from api.pages.forms import PostedForm
from api.pages.reconciliation_words import SOURCES
from api.pages.shell import page, see_other
from pipelines.billing.connections import ConnectionSettings
from pipelines.billing.credentials import CredentialVault
from pipelines.lake.bills import ConnectionKind

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]
Connector = Annotated[Caller, Depends(caller_with(Permission.CONNECT_BILLS))]


@router.post("/{workspace}/reconciliation/bills/connections")
def connect(request: Request, caller: Connector, form: PostedForm, work: Work) -> Response:
    """Connect a provider's billing; a refusal is shown on the form again, without the key."""
    caller.require_writable()
    form.only(*CONNECTION_FIELDS)
    state = request.app.state
    try:
        new = NewConnection(
            kind=_kind(form.text("kind")),
            name=form.text("name"),
            settings=ConnectionSettings(start_day=day_typed(form.text("start_day")), team=form.text("team") or None),
            credential=form.text("key"),
        )
        vault = CredentialVault(state.home)
        add_connection(work, vault, caller.workspace_id, new, actor=caller.actor, at=state.clock.now())
    except Refused as refused:
        work.rollback()
        return bills_list(request, caller, failed=Failed.of("connection", refused, form, CONNECTION_FIELDS))
    return see_other(f"{bills_path(caller)}?done=connected")


@router.get("/{workspace}/reconciliation/bills/connections/{connection_id}")
def connection_page(request: Request, caller: Viewer, connection_id: str, done: str = "") -> Response:
    """Show one connection, and what may be done with it."""
    return _connection(request, caller, connection_id, done=DONE.get(done, ""))


@router.post("/{workspace}/reconciliation/bills/connections/{connection_id}/rotate")
def rotate(request: Request, caller: Connector, connection_id: str, form: PostedForm, work: Work) -> Response:
    """Replace a connection's key; a refusal is shown on its page."""
    caller.require_writable()
    form.only("key")
    state = request.app.state
    vault, at = CredentialVault(state.home), state.clock.now()
    try:
        replace_credential(work, vault, caller.workspace_id, connection_id, form.text("key"), actor=caller.actor, at=at)
    except Refused as refused:
        if refused.status == 404:  # noqa: PLR2004 - there is no page to show it on
            raise
        work.rollback()
        return _connection(request, caller, connection_id, refused=refused)
    return see_other(f"{bills_path(caller)}/connections/{connection_id}?done=key")


@router.post("/{workspace}/reconciliation/bills/connections/{connection_id}/test")
def test(request: Request, caller: Connector, connection_id: str, form: PostedForm) -> Response:
    """Read yesterday's bill once, write nothing, and show what it gave."""
    caller.require_writable()
    form.only()
    state = request.app.state
    with transaction(state.engine) as session:  # ended before the provider is asked: nobody waits for it meanwhile
        request.state.begin_change(session)
        row = live_connection(session, caller.workspace_id, connection_id)
    trial = TrialAnswer.of(try_connection(CredentialVault(state.home), row, state.bill_reach, state.clock.now()))
    return _connection(request, caller, connection_id, trial=trial)


@router.post("/{workspace}/reconciliation/bills/connections/{connection_id}/end")
def end(request: Request, caller: Connector, connection_id: str, form: PostedForm, work: Work) -> Response:
    """End a connection and forget its key, once that was confirmed."""
    form.only("confirmed")
    if not form.ticked("confirmed"):
        live_connection(work, caller.workspace_id, connection_id)
        refused = invalid("Tick the box to end the connection.", code="not_confirmed")
        return _connection(request, caller, connection_id, refused=refused)
    at = request.app.state.clock.now()
    remove_connection(work, caller.workspace_id, connection_id, actor=caller.actor, at=at)
    return see_other(f"{bills_path(caller)}?done=ended")


def _connection(
    request: Request,
    caller: Caller,
    connection_id: str,
    *,
    done: str = "",
    refused: Refused | None = None,
    trial: TrialAnswer | None = None,
) -> Response:
    with any_session(request) as session:
        found = [one for one in list_connections(session, caller.workspace_id) if one.row.id == connection_id]
        if not found:
            live_connection(session, caller.workspace_id, connection_id)
    return page(
        request,
        "bills/connection.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        one=ConnectionShown.of(found[0]),
        trial=trial,
        sources=SOURCES,
        path=bills_path(caller),
    )


def _kind(text: str) -> ConnectionKind:
    if text not in dict(KIND_CHOICES):
        raise invalid("Choose how the bills arrive.")
    return ConnectionKind(text)
