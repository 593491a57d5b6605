"""The thread of a server that sends what is queued.

Belongs here: when to look, the order of claiming, handing over and settling. Does not belong here: what a claim is
(`delivery`), how a message leaves (`transports`).

Every worker process has one; they compete for messages and each message has one winner. It looks at once when this
process commits a queued message, and otherwise every second to every half minute, less and less often while nothing
comes: messages may be queued by another process, or be due again.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.outbox.delivery import Claim, claim, due_messages, forget_ended, settle_failure, settle_sent
from api.outbox.queue import QUEUED_MARK, MailState, Seal
from api.outbox.transports.port import NotSent, NotYet, Transport
from pipelines.lake.clock import Clock

logger = logging.getLogger(__name__)
SHORTEST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
STOP_WITHIN_SECONDS: Final = 10.0
_SWEEP_EVERY: Final = timedelta(hours=1)
_SETTLING_TRIES: Final = 5


class Sender:
    """Sends queued messages from a thread of its own, from `start` to `stop`."""

    def __init__(self, engine: Engine, seal: Seal, transport: Transport, clock: Clock) -> None:
        self._engine = engine
        self._seal = seal
        self._transport = transport
        self._clock = clock
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._swept_at: datetime | None = None

    def start(self) -> None:
        """Begin to send."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="mail-sender", daemon=True)
        event.listen(Session, "after_commit", self._committed)
        self._thread.start()

    def stop(self) -> None:
        """Finish the message in hand, for at most 10 seconds, and end; doing it twice changes nothing."""
        self._stopping.set()
        self._bell.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            event.remove(Session, "after_commit", self._committed)
            thread.join(STOP_WITHIN_SECONDS)

    def send_due(self) -> int:
        """Send every message that is due now, and return how many were handed over."""
        handed_over = 0
        while not self._stopping.is_set():
            due = due_messages(self._engine, self._clock.now())
            for one in due:
                at = self._clock.now()
                claimed = claim(self._engine, self._seal, one, repeat_within=self._transport.repeat_within, at=at)
                if claimed is None:
                    continue
                handed_over += 1
                if not self._hand_over(claimed, at) or self._stopping.is_set():
                    return handed_over
            if not due:
                break
        return handed_over

    def _hand_over(self, claimed: Claim, at: datetime) -> bool:
        """Send one claimed message; False when the other side wants to be left alone for a while."""
        try:
            self._transport.send(claimed.outgoing)
        except NotSent as failure:
            state = settle_failure(
                self._engine,
                claimed,
                failure,
                repeat_within=self._transport.repeat_within,
                at=at,
                now=self._clock.now(),
            )
            level = logging.WARNING if state in {MailState.QUEUED, MailState.SENDING} else logging.ERROR
            logger.log(level, "mail %s: %s (attempt %d): %s", claimed.due.id, state, claimed.attempt, failure)
            return not (isinstance(failure, NotYet) and failure.retry_after is not None)
        self._settle_sent(claimed, at)
        return True

    def _settle_sent(self, claimed: Claim, at: datetime) -> None:
        """Write down that it was sent, with some patience: without that word it ends as uncertain."""
        for left in reversed(range(_SETTLING_TRIES)):
            try:
                settle_sent(self._engine, claimed, at=at, now=self._clock.now())
            except SQLAlchemyError:
                if left == 0:
                    raise
                self._stopping.wait(SHORTEST_PAUSE_SECONDS)
            else:
                return

    def _run(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                sent = self.send_due()
                self._sweep()
            except Exception:  # a sender that dies would be noticed by nobody
                logger.exception("e-mails could not be looked after; trying again")
                sent = 0
            pause = SHORTEST_PAUSE_SECONDS if sent else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if self._bell.wait(pause):
                pause = SHORTEST_PAUSE_SECONDS

    def _sweep(self) -> None:
        now = self._clock.now()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            forget_ended(self._engine, now)
            self._swept_at = now

    def _committed(self, session: Session) -> None:
        with suppress(SQLAlchemyError):  # a session without a database queued nothing here
            if session.info.get(QUEUED_MARK) and session.get_bind() is self._engine:
                self._bell.set()
