"""Who is told of alerts by e-mail.

Belongs here: the settings of a workspace, changing them with their audit, and the recipients they mean. Does not belong
here: webhooks (`webhooks`), budgets' thresholds (`api.budgets`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.db.models import AlertSettings, Membership, Role, User
from api.db.session import lock_workspace
from api.errors import invalid
from api.outbox.composing import read_address
from pipelines.lake.clock import to_micros

ADDRESSES_MAX: Final = 20
_ADDRESS_LENGTH_MAX: Final = 320
_WHO_LENGTH: Final = 320


class MailTo(StrEnum):
    """Who gets e-mails."""

    OWNERS_AND_ADMINS = "owners_and_admins"
    ADDRESSES = "addresses"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class WhoIsTold:
    """Settings of a workspace's alerts.

    Attributes:
        mail_to: who gets e-mails.
        addresses: to whom, when it is addresses.
        tells_anomalies: whether hours that cost far more than usual are told, too.
    """

    mail_to: MailTo = MailTo.OWNERS_AND_ADMINS
    addresses: tuple[str, ...] = ()
    tells_anomalies: bool = True


def who_is_told(session: Session, workspace_id: str) -> WhoIsTold:
    """Return a workspace's settings, those of everybody when it never changed them."""
    row = session.get(AlertSettings, workspace_id)
    if row is None:
        return WhoIsTold()
    return WhoIsTold(MailTo(row.mail_to), tuple(json.loads(row.addresses)), row.tells_anomalies)


def change_settings(session: Session, workspace_id: str, wanted: WhoIsTold, *, actor: Actor, at: datetime) -> WhoIsTold:
    """Change who is told.

    Raises:
        Refused: 404 no such workspace; 422 an address is none, there are too many, or none where some are needed.
    """
    lock_workspace(session, workspace_id)
    addresses = _checked(wanted.addresses)
    if (wanted.mail_to is MailTo.ADDRESSES) != bool(addresses):
        raise invalid("Give addresses when e-mails go to addresses, and only then.")
    before, after = who_is_told(session, workspace_id), WhoIsTold(wanted.mail_to, addresses, wanted.tells_anomalies)
    if before == after:
        return after
    row = AlertSettings(
        workspace_id=workspace_id,
        mail_to=after.mail_to.value,
        addresses=json.dumps(addresses),
        tells_anomalies=after.tells_anomalies,
        changed_at_us=to_micros(at),
        changed_by=actor.id[:_WHO_LENGTH],
    )
    session.merge(row)
    details: dict[str, Detail] = {
        "before": before.mail_to.value, "after": after.mail_to.value, "addresses": ", ".join(addresses) or None,
        "tells_anomalies": after.tells_anomalies,
    }  # fmt: skip
    resource = Resource("workspace", workspace_id)
    event = AuditEvent.ALERT_SETTINGS_CHANGED
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    return after


def recipients(session: Session, workspace_id: str, told: WhoIsTold) -> Sequence[str]:
    """Return whom e-mails go to, in order, each once."""
    if told.mail_to is MailTo.NOBODY:
        return []
    if told.mail_to is MailTo.ADDRESSES:
        return sorted(told.addresses)
    looking_after = select(User.email).join(Membership, Membership.user_id == User.id)
    roles = (Role.OWNER.value, Role.ADMIN.value)
    query = looking_after.where(Membership.workspace_id == workspace_id, Membership.role.in_(roles))
    return sorted(set(session.scalars(query)))


def _checked(given: Sequence[str]) -> tuple[str, ...]:
    addresses = tuple(sorted({one.strip().lower() for one in given}))
    if len(addresses) > ADDRESSES_MAX:
        raise invalid(f"E-mails go to {ADDRESSES_MAX} addresses at most.")
    for one in addresses:
        try:
            read_address(one)
        except ValueError:
            raise invalid("One of the addresses is not an e-mail address.", code="address_invalid") from None
        if len(one) > _ADDRESS_LENGTH_MAX:
            raise invalid("One of the addresses is too long.", code="address_invalid")
    return addresses
