"""Which family each event belongs to, as the log's filter names them.

Belongs here: the families and the one family of every event. Does not belong here: the events (`events`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from api.audit.events import AuditEvent


class Family(StrEnum):
    """What the log can be narrowed to."""

    REQUESTS = "requests"
    MEMBERSHIP = "membership"
    DEVICES = "devices"
    CONFIG = "config"
    BILLING = "billing"


FAMILY_WORDS: Final[Mapping[Family, str]] = {
    Family.REQUESTS: "Captured requests",
    Family.MEMBERSHIP: "Membership",
    Family.DEVICES: "Devices",
    Family.CONFIG: "Configuration",
    Family.BILLING: "Billing",
}
_OF_NOUN: Final[Mapping[str, Family]] = {
    "request": Family.REQUESTS,
    "member": Family.MEMBERSHIP,
    "ownership": Family.MEMBERSHIP,
    "invitation": Family.MEMBERSHIP,
    "pairing": Family.DEVICES,
    "device": Family.DEVICES,
    "token": Family.DEVICES,
    "workspace": Family.CONFIG,
    "api_key": Family.CONFIG,
    "mail": Family.CONFIG,
    "project": Family.CONFIG,
    "reattribution": Family.CONFIG,
    "cost_centre": Family.CONFIG,
    "alert": Family.CONFIG,
    "recommendation": Family.CONFIG,
    "rate": Family.CONFIG,
    "seats": Family.BILLING,
    "subscription": Family.BILLING,
    "payment_method": Family.BILLING,
    "billing_event": Family.BILLING,
    "bill_connection": Family.BILLING,
    "bill": Family.BILLING,
    "month": Family.BILLING,
    "scheduled_export": Family.CONFIG,
    "report": Family.BILLING,
}
_OTHERWISE: Final[Mapping[AuditEvent, Family]] = {AuditEvent.WORKSPACE_PLAN_CHANGED: Family.BILLING}

FAMILY_OF: Final[Mapping[AuditEvent, Family]] = {
    event: _OTHERWISE.get(event) or _OF_NOUN[noun]
    for event in AuditEvent
    if (noun := event.value.partition(".")[0]) in _OF_NOUN
}
"""The family of every event; a test holds it to all of them."""


def family_of(event: str) -> Family | None:
    """Return the family of a recorded event's name; None for one that a later version recorded."""
    try:
        return FAMILY_OF.get(AuditEvent(event))
    except ValueError:
        return None
