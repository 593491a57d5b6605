"""Providers' keys of connections: replaced, and tried.

Belongs here: another key for a connection, and one read of yesterday to see whether it works. Does not belong here:
making and ending connections (`connections`), sealing (`pipelines.billing.credentials`), the regular reading
(`pipelines.billing.run`).

A key is never returned, never logged, and in no message.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NoReturn

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.bills.money import exact_sum
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found
from pipelines.billing.amounts import amount_text
from pipelines.billing.bills import BillError
from pipelines.billing.connections import WITH_CREDENTIAL, ConnectionSettings, Reach, check_credential, read_days
from pipelines.billing.credentials import CredentialVault
from pipelines.billing.http import BillingError, Patience
from pipelines.lake.bills import ConnectionKind, LineCategory, bill_connections

_log = logging.getLogger(__name__)
_CATEGORIES_BILLED: Final = frozenset(LineCategory) - {LineCategory.PREPAID}


@dataclass(frozen=True, slots=True)
class Trial:
    """What one read of yesterday gave.

    Attributes:
        day: the UTC day read.
        lines: of its bill; None when it could not be read.
        billed_usd: their sum without prepaid purchases, exact decimal text; None as `lines`.
        error: why it could not be read, for people; None when it could.
    """

    day: date
    lines: int | None = None
    billed_usd: str | None = None
    error: str | None = None


def replace_credential(
    session: Session,
    vault: CredentialVault,
    workspace_id: str,
    connection_id: str,
    credential: str,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """Seal another key for a connection; the one before is forgotten.

    Raises:
        Refused: 404 no such connection in force; 409 it has no key; 422 it is none; no message holds the key.
    """
    lock_workspace(session, workspace_id)
    row = live_connection(session, workspace_id, connection_id)
    if ConnectionKind(row.kind) not in WITH_CREDENTIAL:
        raise conflict("bill_connection_without_key", "This kind of connection has no key.")
    try:
        check_credential(credential)
    except BillingError as fault:
        raise invalid(str(fault)) from None
    sealed = {"sealed_credential": vault.seal(connection_id, credential), "last_error": None}
    session.execute(update(bill_connections).where(bill_connections.c.id == connection_id).values(sealed))
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.BILL_CONNECTION_KEY_REPLACED,
        resource=Resource("bill_connection", connection_id),
        details={"provider": row.provider, "kind": row.kind, "name": row.name},
        at=at,
    )


def live_connection(session: Session, workspace_id: str, connection_id: str) -> Row[Any]:
    """Return a connection's row.

    Raises:
        Refused: 404 the workspace has none of that id, or it was ended.
    """
    of = bill_connections.c
    whose = (of.id == connection_id) & (of.workspace_id == workspace_id) & of.disabled_at_us.is_(None)
    row = session.execute(select(bill_connections).where(whose)).one_or_none()
    if row is None:
        raise not_found("bill_connection_not_found", "No such connection, or it was ended before.")
    return row


def try_connection(vault: CredentialVault, row: Row[Any], reach: Reach, at: datetime) -> Trial:
    """Read yesterday's bill and write nothing. Blocks on the network: hold no transaction meanwhile.

    Args:
        vault: opens the key.
        row: of the connection (`live_connection`).
        reach: how providers are reached; nobody waits for a provider that asks to come back later.
        at: now.
    """
    day = at.date() - timedelta(days=1)
    if row.kind == ConnectionKind.MANUAL.value:
        return Trial(day, error="Bills of this connection are typed in by people.")
    impatient = Reach(reach.transport, Patience(sleep=_do_not_wait))
    credential = ""
    try:
        if row.sealed_credential is not None:
            credential = vault.open(row.id, row.sealed_credential)
        settings = ConnectionSettings.from_json(row.settings)
        periods = read_days(ConnectionKind(row.kind), settings, credential or None, day, day, impatient)
        lines = [line for period in periods for line in period.lines]
    except (BillingError, BillError) as fault:
        return Trial(day, error=str(fault))
    except Exception as fault:  # noqa: BLE001 - whatever it is, its message may hold what was sent
        _log.error("trying the connection %s failed: %s", row.id, type(fault).__name__)
        return Trial(day, error=f"Reading failed unexpectedly ({type(fault).__name__}).")
    billed = exact_sum(line.amount for line in lines if line.category in _CATEGORIES_BILLED)
    return Trial(day, lines=len(lines), billed_usd=amount_text(billed))


def _do_not_wait(_seconds: float) -> NoReturn:
    raise BillingError("The provider did not answer at once; try again in a few minutes.")
