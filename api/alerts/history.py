"""Alerts that were raised.

Belongs here: reading them with what became of their calls. Does not belong here: raising them (`raising`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.db.models import Alert, AlertDelivery

NEWEST: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """An alert and its webhook call; None when none was owed, or it was forgotten."""

    alert: Alert
    delivery: AlertDelivery | None


def newest_alerts(session: Session, workspace_id: str) -> list[Told]:
    """Return a workspace's newest alerts, newest first."""
    query = (
        select(Alert, AlertDelivery)
        .outerjoin(AlertDelivery, AlertDelivery.alert_id == Alert.id)
        .where(Alert.workspace_id == workspace_id)
        .order_by(Alert.noticed_at_us.desc(), Alert.id)
        .limit(NEWEST)
    )
    return [Told(alert, delivery) for alert, delivery in session.execute(query)]
