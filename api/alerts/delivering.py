"""The life of a webhook's call that is owed, as changes of its row.

Belongs here: which calls are due, claiming one, signing it, and settling what became of it. Does not belong here: the
call itself (`calls`), threads (`keeper`).

    queued --claim--> sending --2xx--> sent
      ^                 |----for the 10th time--> failed
      `--anything else--'  (a claim that lapsed is taken up again: receivers tell repeats by `webhook-id`)

A claim is one conditional update, committed before anything is sent, so that of several servers one calls.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Engine, delete, func, select, update

from api.access.text import clipped
from api.alerts.addresses import Network, checked_target
from api.alerts.calls import CallFailedError, call
from api.alerts.webhooks import SecretLostError, WebhookVault
from api.billing.signatures import sign
from api.db.models import AlertDelivery, AlertWebhook
from api.db.session import reading, transaction
from api.errors import Refused
from pipelines.lake.clock import Clock, to_micros

logger = logging.getLogger(__name__)
ATTEMPTS_MAX: Final = 10
FIRST_DELAY: Final = timedelta(seconds=30)
DELAY_MAX: Final = timedelta(hours=6)
CLAIM_LASTS: Final = timedelta(minutes=5)
"""Longer than any call; a claim older than this belongs to a server that is gone."""
KEPT: Final = timedelta(days=30)
"""So long the message of an ended call is kept."""
AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls webhooks.

    Attributes:
        engine: the app database.
        vault: opens their secrets.
        networks: the operator's own.
        clock: tells the time.
        trust: authorities that vouch for servers; the system's when not given.
    """

    engine: Engine
    vault: WebhookVault
    networks: Sequence[Network]
    clock: Clock
    trust: ssl.SSLContext | None = None

    def call_due(self, is_stopping: Callable[[], bool] = bool) -> int:
        """Make every call that is due, one workspace's only until the first that fails; return how many were taken.

        Args:
            is_stopping: asked before every call; True leaves the rest to others.
        """
        taken, refused = 0, set[str]()
        for row in self._due():
            if is_stopping():
                break
            if row.workspace_id not in refused and self._claim(row):
                failure = self._call(row)
                if failure is None:
                    taken += 1
                else:
                    refused.add(row.workspace_id)
                self._settle(row, failure)
        return taken

    def _due(self) -> Sequence[AlertDelivery]:
        # The first of every workspace before the second of any: one whose receiver fails keeps no other waiting.
        turn = func.row_number().over(
            partition_by=AlertDelivery.workspace_id, order_by=(AlertDelivery.not_before_us, AlertDelivery.id)
        )
        query = (
            select(AlertDelivery)
            .where(
                AlertDelivery.state.in_(("queued", "sending")),
                AlertDelivery.not_before_us <= to_micros(self.clock.now()),
            )
            .order_by(turn, AlertDelivery.not_before_us, AlertDelivery.id)
            .limit(AT_ONCE)
        )
        with reading(self.engine) as session:
            return session.scalars(query).all()

    def _claim(self, row: AlertDelivery) -> bool:
        lapses = to_micros(self.clock.now() + CLAIM_LASTS)
        unchanged = update(AlertDelivery).where(
            AlertDelivery.id == row.id,
            AlertDelivery.state == row.state,
            AlertDelivery.attempts == row.attempts,
            AlertDelivery.not_before_us == row.not_before_us,
        )
        claimed = unchanged.values(state="sending", attempts=row.attempts + 1, not_before_us=lapses)
        with transaction(self.engine) as session:
            return cast("CursorResult[Any]", session.execute(claimed)).rowcount == 1

    def _call(self, row: AlertDelivery) -> str | None:
        """Make a call; return why it failed."""
        with reading(self.engine) as session:
            webhook = session.get(AlertWebhook, row.workspace_id)
        if webhook is None:
            return "the webhook was removed"
        stamp = int(self.clock.now().timestamp())
        body = row.body.encode()
        try:
            # Checked again: the operator may allow less than when it was set.
            target = checked_target(webhook.url, self.networks)
            secret = self.vault.open(row.workspace_id, webhook.sealed_secret)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "halton-meter-cloud",
                "webhook-id": row.id,
                "webhook-timestamp": str(stamp),
                "webhook-signature": sign(secret, row.id, stamp, body),
            }
            call(target, body, headers, self.networks, trust=self.trust)
        except Refused:
            return "its URL may not be called any more"
        except SecretLostError:
            return "its secret was sealed with another key; set the webhook again"
        except CallFailedError as failed:
            return str(failed)
        return None

    def _settle(self, row: AlertDelivery, failure: str | None) -> None:
        now, attempt = self.clock.now(), row.attempts + 1
        values: dict[str, Any] = {"last_failure": None if failure is None else clipped(failure, 255)}
        if failure is None or attempt >= ATTEMPTS_MAX:
            values |= {"state": "sent" if failure is None else "failed", "ended_at_us": to_micros(now)}
        else:
            delay = min(FIRST_DELAY * 2 ** (attempt - 1), DELAY_MAX)
            values |= {"state": "queued", "not_before_us": to_micros(now + delay)}
        if failure is not None:
            logger.warning("webhook call %s (attempt %d): %s", row.id, attempt, failure)
        mine = update(AlertDelivery).where(
            AlertDelivery.id == row.id, AlertDelivery.state == "sending", AlertDelivery.attempts == attempt
        )
        with transaction(self.engine) as session:
            session.execute(mine.values(**values))


def forget_calls(engine: Engine, at: datetime) -> None:
    """Forget calls that ended a month ago; their alerts stay."""
    ended = AlertDelivery.ended_at_us < to_micros(at - KEPT)
    with transaction(engine) as session:
        session.execute(delete(AlertDelivery).where(AlertDelivery.state.in_(("sent", "failed")), ended))
