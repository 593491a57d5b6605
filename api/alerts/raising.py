"""Writing a crossing down and owing its word, in one transaction.

Belongs here: which crossings are new, the alert's row, its e-mails, its webhook call and its audit entry. Does not
belong here: finding crossings (`figures`), sending (`api.outbox`, `delivering`).

The row and all that is owed for it are committed together or not at all, under the workspace's lock and a unique key:
of any number of servers that see the same crossing one tells it, and whoever is killed before the commit told nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.alerts.crossings import (
    AlertKind,
    AnomalyCrossing,
    BudgetCrossing,
    Crossing,
    RegressionCrossing,
    worth_telling,
)
from api.alerts.figures import Watched
from api.alerts.settings import recipients, who_is_told
from api.alerts.words import anomaly_letter, budget_letter, regression_letter, webhook_message
from api.audit import SYSTEM, AuditEvent, Detail, Resource, record_event
from api.db.models import Alert, AlertDelivery, AlertWebhook
from api.db.session import lock_workspace, reading, transaction
from api.outbox.letters import Letter
from api.outbox.queue import Mail, MailKind, Seal, queue_mail
from pipelines.lake.clock import to_micros

ANOMALIES_MAX: Final = 20
"""Most anomalies that are told at a time; all are written down."""
WORTH_SENDING_FOR: Final = timedelta(days=3)
_KEYS_AT_ONCE: Final = 500
_MAIL_KINDS: Final[dict[type[Crossing], MailKind]] = {
    BudgetCrossing: MailKind.BUDGET_ALERT,
    AnomalyCrossing: MailKind.ANOMALY_ALERT,
    RegressionCrossing: MailKind.REGRESSION_ALERT,
}


@dataclass(frozen=True, slots=True)
class Telling:
    """What telling needs.

    Attributes:
        engine: the app database.
        seal: of the home's e-mails.
        base_url: of links, without a slash at its end.
    """

    engine: Engine
    seal: Seal
    base_url: str


def raise_alerts(
    telling: Telling, workspace: Watched, crossings: Sequence[Crossing], *, build_id: str, at: datetime
) -> int:
    """Write down the crossings that are new, and owe their e-mails and calls; return how many were new.

    Args:
        telling: what it needs.
        workspace: whose.
        crossings: all there are, known ones included.
        build_id: the build they were seen in.
        at: now.
    """
    with reading(telling.engine) as session:
        if not _new(session, workspace.id, crossings)[0]:
            return 0  # as nearly always, and without a lock
    with transaction(telling.engine) as session:
        lock_workspace(session, workspace.id)
        new, known = _new(session, workspace.id, crossings)
        told = who_is_told(session, workspace.id)
        wanted = worth_telling(crossings, known, anomalies_max=ANOMALIES_MAX if told.tells_anomalies else 0)
        to = recipients(session, workspace.id, told)
        webhook = session.get(AlertWebhook, workspace.id)
        letters = _letters(telling, workspace, [one for one in new if one.key in wanted])
        for one in new:
            letter = letters.get(one.key)
            row = _row(workspace, one, build_id, at, is_told=one.key in wanted, mails=len(to) if letter else 0)
            session.add(row)
            session.flush()
            if letter is not None:
                kind = _MAIL_KINDS[type(one)]
                for address in to:
                    queue_mail(
                        session, telling.seal, Mail(kind, address, *letter), at=at, workspace_id=workspace.id,
                        expires_at=at + WORTH_SENDING_FOR,
                    )  # fmt: skip
            if webhook is not None and one.key in wanted:
                session.add(_delivery(row, webhook_message(one, workspace, row.id, build_id, at), at))
            _record(session, workspace.id, row, at)
    return len(new)


def _new(session: Session, workspace_id: str, crossings: Sequence[Crossing]) -> tuple[list[Crossing], set[str]]:
    """Return the crossings nobody wrote down yet, each once, and the keys of the others."""
    by_key = {one.key: one for one in crossings}
    keys, known = list(by_key), set[str]()
    for begin in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[begin : begin + _KEYS_AT_ONCE]
        query = select(Alert.crossing).where(Alert.workspace_id == workspace_id, Alert.crossing.in_(some))
        known.update(session.scalars(query))
    return [one for key, one in by_key.items() if key not in known], known


def _letters(telling: Telling, workspace: Watched, told: Sequence[Crossing]) -> dict[str, Letter]:
    """Return one letter per budget, and one for all anomalies and all regressions, about the greatest of them."""
    letters = {
        one.key: budget_letter(one, workspace, telling.base_url) for one in told if isinstance(one, BudgetCrossing)
    }
    anomalies = [one for one in told if isinstance(one, AnomalyCrossing)]
    if anomalies:
        first = anomalies[0]
        others = len(anomalies) - 1
        letters[first.key] = anomaly_letter(first, workspace, telling.base_url, others=others)
    regressions = [one for one in told if isinstance(one, RegressionCrossing)]
    if regressions:
        worst, others = regressions[0], len(regressions) - 1
        letters[worst.key] = regression_letter(worst, workspace, telling.base_url, others=others)
    return letters


def _row(workspace: Watched, one: Crossing, build_id: str, at: datetime, *, is_told: bool, mails: int) -> Alert:
    row = Alert(
        id=str(uuid4()),
        workspace_id=workspace.id,
        crossing=one.key,
        noticed_at_us=to_micros(at),
        build_id=build_id,
        is_told=is_told,
        mails=mails,
        spent_millicents=one.spent_millicents,
        limit_millicents=one.limit_millicents,
    )
    if isinstance(one, BudgetCrossing):
        row.kind = AlertKind.BUDGET.value
        row.scope, row.slug = one.budget.of.scope.value, one.budget.of.slug
        row.month, row.percent = one.month.isoformat(), one.percent
        return row
    row.project, row.provider, row.model = one.project, one.provider, one.model
    if isinstance(one, AnomalyCrossing):
        row.kind, row.anomaly_id = AlertKind.ANOMALY.value, one.anomaly_id
        row.hour_starts_at_us, row.expected_millicents = to_micros(one.hour_starts_at), one.expected_millicents
    else:
        row.kind, row.decision_id, row.check_id = AlertKind.REGRESSION.value, one.decision_id, one.check_id
        row.expected_millicents = one.limit_millicents
    return row


def _delivery(alert: Alert, body: bytes, at: datetime) -> AlertDelivery:
    return AlertDelivery(
        id=str(uuid4()),
        workspace_id=alert.workspace_id,
        alert_id=alert.id,
        body=body.decode(),
        state="queued",
        attempts=0,
        created_at_us=to_micros(at),
        not_before_us=to_micros(at),
    )


def _record(session: Session, workspace_id: str, alert: Alert, at: datetime) -> None:
    details: dict[str, Detail] = {
        "kind": alert.kind, "spent_millicents": alert.spent_millicents, "limit_millicents": alert.limit_millicents,
        "percent": alert.percent, "build_id": alert.build_id,
    }  # fmt: skip
    what = alert.slug if alert.kind == AlertKind.BUDGET.value else alert.project
    resource = Resource("alert", alert.id)
    details["of"] = what or "workspace"
    event = AuditEvent.ALERT_RAISED
    record_event(session, workspace_id, actor=SYSTEM, event=event, resource=resource, details=details, at=at)
