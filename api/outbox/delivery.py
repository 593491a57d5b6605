"""The life of a queued message, as changes of its row.

Belongs here: which messages are due, claiming one, settling what became of it, and forgetting the ended. Does not
belong here: threads (`sender`), handing over (`transports`).

    queued --claim--> sending --taken--> sent
      ^                 |  |--refused for good, or for the 12th time--> failed
      `--refused--------'  `--no answer, or the server stopped--> uncertain: only a person sends it again
                               (a transport that can be asked again is asked again first)

A claim is one conditional update, committed before anything is handed over: of several senders one wins, and whatever
happens afterwards, the row says that the message may be on its way. `attempts` grows with every claim and so tells
whose claim it is. While a message is `sending`, `not_before_us` is when its claim lapses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from cryptography.fernet import InvalidToken
from sqlalchemy import CursorResult, Engine, delete, select, update
from sqlalchemy.orm import Session

from api.access.text import clipped
from api.db.models import OutboxMessage
from api.db.session import reading, transaction
from api.outbox.queue import MailState, Seal
from api.outbox.transports.port import Never, NotSent, NotYet, Outgoing, Unsure
from pipelines.lake.clock import from_micros, to_micros

ATTEMPTS_MAX: Final = 12
SHORTEST_DELAY: Final = timedelta(seconds=1)
FIRST_DELAY: Final = timedelta(seconds=30)
DELAY_MAX: Final = timedelta(hours=1)
CLAIM_LASTS: Final = timedelta(minutes=10)
"""Longer than any conversation with a mail server; a claim older than this belongs to a server that is gone."""
UNCERTAIN_BODY_KEPT: Final = timedelta(days=7)
ENDED_KEPT: Final = timedelta(days=30)
_PENDING: Final = (MailState.QUEUED.value, MailState.SENDING.value)
_ENDED: Final = (MailState.SENT.value, MailState.FAILED.value, MailState.UNCERTAIN.value)


@dataclass(frozen=True, slots=True)
class Due:
    """A message that may be claimed, as it was when it was looked at."""

    id: str
    state: MailState
    attempts: int
    not_before_us: int
    created_at_us: int
    expires_at_us: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message this process hands over, and nobody else."""

    due: Due
    attempt: int
    outgoing: Outgoing


def due_messages(engine: Engine, at: datetime, *, limit: int = 20) -> Sequence[Due]:
    """Return messages that wait to be sent, or whose claim lapsed, longest waiting first."""
    query = (
        select(
            OutboxMessage.id,
            OutboxMessage.state,
            OutboxMessage.attempts,
            OutboxMessage.not_before_us,
            OutboxMessage.created_at_us,
            OutboxMessage.expires_at_us,
        )
        .where(OutboxMessage.state.in_(_PENDING), OutboxMessage.not_before_us <= to_micros(at))
        .order_by(OutboxMessage.not_before_us, OutboxMessage.id)
        .limit(limit)
    )
    with reading(engine) as session:
        return [Due(row[0], MailState(row[1]), *row[2:]) for row in session.execute(query)]


def claim(engine: Engine, seal: Seal, due: Due, *, repeat_within: timedelta, at: datetime) -> Claim | None:
    """Mark a message as being sent, durably, and return it; None when there is nothing to send.

    That is so when another sender was faster, and when the message ends here: it expired, its body cannot be opened,
    or it may already have been taken by a server that cannot be asked again.

    Args:
        engine: the app database.
        seal: of the home.
        due: as `due_messages` returned it.
        repeat_within: of the transport.
        at: now.
    """
    maybe_taken = due.state is MailState.SENDING
    if maybe_taken and at - from_micros(due.created_at_us) >= repeat_within:
        _end(engine, due, MailState.UNCERTAIN, "no word of what became of it; it may have been sent", at)
        return None
    if due.expires_at_us is not None and to_micros(at) >= due.expires_at_us:
        ended = MailState.UNCERTAIN if maybe_taken else MailState.FAILED
        _end(engine, due, ended, "it expired before it could be sent", at, erase=True)
        return None
    with reading(engine) as session:
        row = session.get(OutboxMessage, due.id)
    if row is None or row.sealed_body is None:
        return None  # ended meanwhile
    try:
        body = seal.open(row.sealed_body)  # before the claim: what cannot be read must not look as if it may be sent
    except InvalidToken:
        _end(engine, due, MailState.FAILED, "its body was sealed with another key", at, erase=True)
        return None
    claimed = {
        "state": MailState.SENDING.value,
        "attempts": due.attempts + 1,
        "claimed_at_us": to_micros(at),
        "not_before_us": to_micros(at + CLAIM_LASTS),
    }
    with transaction(engine) as session:
        if not _change(session, due, claimed):
            return None
    written_at = from_micros(row.created_at_us)
    return Claim(due, due.attempts + 1, Outgoing(row.id, row.recipient, row.subject, body.text, body.html, written_at))


def settle_sent(engine: Engine, claimed: Claim, *, at: datetime, now: datetime) -> None:
    """Write down that the message was taken, and erase its body.

    Args:
        engine: the app database.
        claimed: what was sent.
        at: when it was claimed.
        now: when it was taken.
    """
    # Also when the claim lapsed meanwhile and somebody called it uncertain: now we know better.
    with transaction(engine) as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == claimed.due.id, OutboxMessage.attempts == claimed.attempt)
            .where(OutboxMessage.claimed_at_us == to_micros(at))
            .values(state=MailState.SENT.value, ended_at_us=to_micros(now), sealed_body=None, last_failure=None)
        )


def settle_failure(
    engine: Engine, claimed: Claim, failure: NotSent, *, repeat_within: timedelta, at: datetime, now: datetime
) -> MailState:
    """Write down why the message was not sent, and whether and when it is tried again; return its new state.

    Args:
        engine: the app database.
        claimed: what was handed over.
        failure: what the transport said.
        repeat_within: of the transport.
        at: when it was claimed.
        now: when the failure was known.
    """
    mine, reason = _claimed(claimed.due, at), str(failure)
    exhausted = claimed.attempt >= ATTEMPTS_MAX
    if isinstance(failure, Never):
        return _end(engine, mine, MailState.FAILED, reason, now, erase=True)
    if isinstance(failure, Unsure) and (exhausted or repeat_within == timedelta(0)):
        return _end(engine, mine, MailState.UNCERTAIN, f"it may have been sent: {reason}", now)
    if exhausted:
        return _end(
            engine, mine, MailState.FAILED, f"given up after {claimed.attempt} attempts: {reason}", now, erase=True
        )
    # What may have been taken stays `sending`: so it can end as uncertain, but never be sent as if it were new.
    state = MailState.SENDING if isinstance(failure, Unsure) else MailState.QUEUED
    next_try = to_micros(now + _delay(claimed.attempt, failure))
    if claimed.due.expires_at_us is not None:
        next_try = min(next_try, claimed.due.expires_at_us)
    with transaction(engine) as session:
        waiting = {"state": state.value, "not_before_us": next_try, "last_failure": clipped(reason, 255)}
        _change(session, mine, waiting)
    return state


def forget_ended(engine: Engine, at: datetime) -> None:
    """Erase bodies that are worth nothing any more, and forget messages that ended a month ago."""
    at_us = to_micros(at)
    with transaction(engine) as session:
        session.execute(
            delete(OutboxMessage).where(
                OutboxMessage.state.in_(_ENDED), OutboxMessage.ended_at_us < to_micros(at - ENDED_KEPT)
            )
        )
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.state.in_(_ENDED), OutboxMessage.sealed_body.is_not(None))
            .where(
                (OutboxMessage.ended_at_us < to_micros(at - UNCERTAIN_BODY_KEPT))
                | (OutboxMessage.expires_at_us < at_us)
            )
            .values(sealed_body=None)
        )


def _delay(attempt: int, failure: NotSent) -> timedelta:
    """Return how long to wait: twice as long each time, up to an hour, or as long as the other side asks."""
    asked = failure.retry_after if isinstance(failure, NotYet) else None
    return min(FIRST_DELAY * 2 ** (attempt - 1), DELAY_MAX) if asked is None else max(asked, SHORTEST_DELAY)


def _claimed(due: Due, at: datetime) -> Due:
    return Due(
        due.id,
        MailState.SENDING,
        due.attempts + 1,
        to_micros(at + CLAIM_LASTS),
        due.created_at_us,
        due.expires_at_us,
    )


def _end(engine: Engine, due: Due, state: MailState, reason: str, at: datetime, *, erase: bool = False) -> MailState:
    ended: dict[str, Any] = {
        "state": state.value, "ended_at_us": to_micros(at), "last_failure": clipped(reason, 255)
    }  # fmt: skip
    with transaction(engine) as session:
        _change(session, due, ended | ({"sealed_body": None} if erase else {}))
    return state


def _change(session: Session, due: Due, values: dict[str, Any]) -> bool:
    """Change the row if it still is as `due` says."""
    unchanged = (
        update(OutboxMessage)
        .where(OutboxMessage.id == due.id, OutboxMessage.state == due.state.value)
        .where(OutboxMessage.attempts == due.attempts, OutboxMessage.not_before_us == due.not_before_us)
        .values(**values)
    )
    changed = cast("CursorResult[Any]", session.execute(unchanged))
    return changed.rowcount == 1
