"""`halton-cloud outbox`: e-mails that are queued, sent, or in doubt.

Belongs here: the commands. Does not belong here: the rules (`api.outbox`).
"""

from __future__ import annotations

from typing import Any

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer
from api.cli.database import changing, looking
from api.db.models import OutboxMessage
from api.outbox.overview import count_by_state, list_messages, resend_message
from api.outbox.queue import MailState
from pipelines.lake.clock import from_micros, iso_utc


@click.group("outbox")
def outbox_group() -> None:
    """See what became of e-mails; send a doubtful one again."""


@outbox_group.command("list")
@click.option("--state", type=click.Choice([state.value for state in MailState]), default=None, help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many.")
@home_option
def list_command(home_folder: str | None, state: str | None, limit: int) -> None:
    r"""List the newest e-mails with their states; never their texts, which hold links that sign people in.

    `failed` was given up and says why. `uncertain` may have been sent: nobody answered after it was handed over. It is
    not sent again by itself; see `outbox resend`.

    Prints {"counts", "messages": [{"id", "kind", "recipient", "state", "attempts", "last_failure", ...}]}.

    \b
    Examples:
      halton-cloud outbox list
      halton-cloud outbox list --state uncertain
    """
    with looking(home_folder) as (session, _now):
        chosen = None if state is None else MailState(state)
        messages = [_shown(message) for message in list_messages(session, state=chosen, limit=limit)]
        answer = {"counts": dict(count_by_state(session)), "messages": messages}
    print_answer(answer)


@outbox_group.command("resend")
@click.argument("message_id")
@home_option
def resend(home_folder: str | None, message_id: str) -> None:
    r"""Send an uncertain e-mail again, or one that waits for its next attempt at once.

    Its reader may get it twice. Prints {"id", "state"}.

    \b
    Example:
      halton-cloud outbox resend 5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11
    """
    with changing(home_folder) as (session, now):
        message = resend_message(session, message_id, actor=OPERATOR, at=now)
        answer = {"id": message.id, "state": message.state}
    print_answer(answer)


def _shown(message: OutboxMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "workspace_id": message.workspace_id,
        "kind": message.kind,
        "recipient": message.recipient,
        "subject": message.subject,
        "state": message.state,
        "attempts": message.attempts,
        "created_at": _instant(message.created_at_us),
        "next_attempt_at": _instant(message.not_before_us) if message.state == MailState.QUEUED else None,
        "expires_at": _instant(message.expires_at_us),
        "ended_at": _instant(message.ended_at_us),
        "last_failure": message.last_failure,
    }


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
