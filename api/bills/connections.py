"""Connections to providers' billing: made, ended, listed.

Belongs here: the rules of a workspace's connections, and the audit of both. Does not belong here: what a kind of
connection needs (`pipelines.billing.connections`), reading it (`pipelines.billing.run`).

A connection that ended keeps its periods and loses its key. A workspace has one in force per account and kind: a second
one would count the account's bills twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found
from pipelines.billing.connections import (
    PROVIDER_OF,
    PROVIDERS,
    WITH_CREDENTIAL,
    ConnectionSettings,
    account_of,
    check_credential,
    check_settings,
)
from pipelines.billing.credentials import CredentialVault
from pipelines.billing.http import BillingError
from pipelines.lake.bills import ConnectionKind, bill_connections, bill_periods
from pipelines.lake.clock import to_micros

NAME_LENGTH_MAX: Final = 100
CONNECTIONS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What is to be connected.

    Attributes:
        kind: how its bills arrive.
        name: what people call it.
        settings: of the kind.
        credential: the provider's key, for kinds that need one.
        provider: as daemons name it; of the manual kind only, the others know theirs.
    """

    kind: ConnectionKind
    name: str
    settings: ConnectionSettings
    credential: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection as it stands.

    Attributes:
        row: of `bill_connections`.
        periods: bills in force.
        first_day: of the earliest; None when there are none.
        last_day: of the latest.
    """

    row: Row[Any]
    periods: int
    first_day: str | None
    last_day: str | None


def add_connection(
    session: Session, vault: CredentialVault, workspace_id: str, new: NewConnection, *, actor: Actor, at: datetime
) -> str:
    """Connect a provider's billing; its bills are read with the next run.

    Returns:
        The connection's id.

    Raises:
        Refused: 422 when something is missing or not usable; 409 when one reads these bills already, or there are too
            many; 404 no such workspace.
    """
    provider = _checked(new)
    lock_workspace(session, workspace_id)
    of = bill_connections.c
    live = session.execute(
        select(bill_connections).where(of.workspace_id == workspace_id, of.disabled_at_us.is_(None))
    ).all()
    for one in live:
        if account_of(one) == (provider, new.kind.value, new.settings.team):
            raise conflict("bills_connected", _connected_already(one))
    if len(live) >= CONNECTIONS_MAX:
        raise conflict("too_many_bill_connections", f"A workspace has at most {CONNECTIONS_MAX} connections.")
    connection_id = str(uuid4())
    sealed = None if new.credential is None else vault.seal(connection_id, new.credential)
    session.execute(
        insert(bill_connections).values(
            id=connection_id,
            workspace_id=workspace_id,
            provider=provider,
            kind=new.kind.value,
            name=new.name,
            sealed_credential=sealed,
            settings=new.settings.to_json(),
            created_at_us=to_micros(at),
            created_by=actor.id,
        )
    )
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.BILL_CONNECTION_ADDED,
        resource=Resource("bill_connection", connection_id),
        details={
            "provider": provider,
            "kind": new.kind.value,
            "name": new.name,
            "start_day": new.settings.start_day.isoformat(),
        },
        at=at,
    )
    return connection_id


def remove_connection(session: Session, workspace_id: str, connection_id: str, *, actor: Actor, at: datetime) -> None:
    """End a connection and forget its key; bills that were read stay.

    Raises:
        Refused: 404 when the workspace has no such connection in force.
    """
    lock_workspace(session, workspace_id)
    of = bill_connections.c
    whose = (of.id == connection_id) & (of.workspace_id == workspace_id) & of.disabled_at_us.is_(None)
    row = session.execute(select(bill_connections).where(whose).with_for_update()).one_or_none()
    if row is None:
        raise not_found("bill_connection_not_found", "No such connection, or it was ended before.")
    ended = {"disabled_at_us": to_micros(at), "sealed_credential": None}
    session.execute(update(bill_connections).where(of.id == connection_id).values(ended))
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.BILL_CONNECTION_REMOVED,
        resource=Resource("bill_connection", connection_id),
        details={"provider": row.provider, "kind": row.kind, "name": row.name},
        at=at,
    )


def list_connections(session: Session, workspace_id: str) -> Sequence[Connected]:
    """Return every connection the workspace ever had, in the order they were made."""
    of, period = bill_connections.c, bill_periods.c
    query = select(bill_connections).where(of.workspace_id == workspace_id).order_by(of.created_at_us, of.id)
    spans = (
        select(period.connection_id, func.count(), func.min(period.first_day), func.max(period.last_day))
        .where(period.workspace_id == workspace_id, period.superseded_at_us.is_(None))
        .group_by(period.connection_id)
    )
    known = {row[0]: (row[1], row[2], row[3]) for row in session.execute(spans)}
    return [Connected(row, *known.get(row.id, (0, None, None))) for row in session.execute(query)]


def _connected_already(row: Row[Any]) -> str:
    """Return in plain words which connection is in the way, and what can be done."""
    which = f'The connection "{row.name}" ({row.id})'
    match ConnectionKind(row.kind):
        case ConnectionKind.MANUAL:
            return f"{which} is there already for what people state of {row.provider}; one is enough."
        case ConnectionKind.GEMINI_EXPORT:
            do = "Put all export files into its folder, or end it first"
        case ConnectionKind.XAI_USAGE:
            do = "Replace its key, or end it first; another team can be connected beside it"
        case _:
            do = "Replace its key, or end it first; bills of another organization belong in a workspace of its own"
    return f"{which} reads these bills already, and two would count them twice. {do}."


def _checked(new: NewConnection) -> str:
    """Return the provider of what is to be connected.

    Raises:
        Refused: 422 when something is missing or not usable; no message holds the key.
    """
    if not new.name or new.name != new.name.strip() or len(new.name) > NAME_LENGTH_MAX or not new.name.isprintable():
        raise invalid(f"The name must have 1 to {NAME_LENGTH_MAX} printable characters.")
    if new.provider is None and new.kind is ConnectionKind.MANUAL:
        raise invalid(f"A manual connection needs its provider, one of {', '.join(PROVIDERS)}.")
    if new.provider is not None and new.kind is not ConnectionKind.MANUAL:
        raise invalid("Only a manual connection names its provider; the others know theirs.")
    provider = new.provider or PROVIDER_OF[new.kind]
    if provider not in PROVIDERS:
        raise invalid(f"The provider must be one of {', '.join(PROVIDERS)}.")
    if (new.credential is not None) != (new.kind in WITH_CREDENTIAL):
        raise invalid("A connection of this kind " + ("needs a key." if new.credential is None else "takes no key."))
    try:
        check_settings(new.kind, new.settings)
        if new.credential is not None:
            check_credential(new.credential)
    except BillingError as fault:
        raise invalid(str(fault)) from None
    return provider
