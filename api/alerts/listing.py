"""The alerts of a workspace with who is told: what the page and the JSON route show.

Belongs here: putting the two together. Does not belong here: reading alerts (`history`), shapes (`messages`).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from api.alerts.history import newest_alerts
from api.alerts.messages import AlertsAnswer, WhoShown
from api.alerts.settings import who_is_told
from api.db.models import AlertWebhook


def alerts_answer(session: Session, workspace_id: str) -> AlertsAnswer:
    """Return a workspace's newest alerts, and who is told of them."""
    has_webhook = session.get(AlertWebhook, workspace_id) is not None
    told = WhoShown.of(who_is_told(session, workspace_id), has_webhook=has_webhook)
    return AlertsAnswer.of(newest_alerts(session, workspace_id), told)
