"""E-mails of a workspace that lie in the home as files, where no mail server is configured.

Belongs here: telling them from others, and deleting them. Does not belong here: rows of the outbox (`rows`).

The outbox forgets messages it sent long ago, so files are also told by what they say: to whom, and about which
workspace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, select, update

from api.db.models import Invitation, OutboxMessage, RetiredSlug, User, Workspace
from api.outbox.queue import MailState
from api.purge.people import people_who_go
from pipelines.lake.paths import Home

_STILL_TO_SEND: Final = (MailState.QUEUED.value, MailState.SENDING.value)


@dataclass(frozen=True)
class _Marks:
    """What tells the e-mails of a workspace.

    Attributes:
        message_ids: of its messages in the outbox.
        recipients: people who go with it, and those it invited who have no account.
        said: any of these in the text.
    """

    message_ids: frozenset[str]
    recipients: frozenset[str]
    said: re.Pattern[str]


def stop_mail(connection: Connection, workspace_id: str) -> None:
    """Send nothing more about the workspace, in the caller's transaction."""
    waiting = update(OutboxMessage).where(
        OutboxMessage.workspace_id == workspace_id, OutboxMessage.state.in_(_STILL_TO_SEND)
    )
    connection.execute(waiting.values(state=MailState.FAILED.value, sealed_body=None))


def delete_mail_files(connection: Connection, home: Home, workspace_id: str) -> None:
    """Delete the e-mails of a workspace from the mail folder; its rows must still be in the database.

    Raises:
        OSError: a file cannot be deleted.
    """
    if not home.mail.is_dir():
        return
    marks = _marks(connection, workspace_id)
    if marks is None:
        return
    for path in sorted(home.mail.iterdir()):
        # A file of another kind is what a killed server was writing; a live one writes it again.
        if path.suffix != ".eml" or any(one in path.name for one in marks.message_ids) or _is_about(path, marks):
            path.unlink(missing_ok=True)


def _marks(connection: Connection, workspace_id: str) -> _Marks | None:
    row = connection.execute(select(Workspace.slug, Workspace.name).where(Workspace.id == workspace_id)).one_or_none()
    if row is None:
        return None
    retired = connection.scalars(select(RetiredSlug.slug).where(RetiredSlug.workspace_id == workspace_id))
    messages = connection.scalars(select(OutboxMessage.id).where(OutboxMessage.workspace_id == workspace_id))
    invited = select(Invitation.email).where(
        Invitation.workspace_id == workspace_id, Invitation.email.not_in(select(User.email))
    )
    going = {person.email for person in people_who_go(connection, workspace_id)}
    slugs = "|".join(re.escape(quote(slug)) for slug in (row.slug, *retired))
    said = f'{workspace_id}|://[^/\\s]+/(?:{slugs})(?:[/?#\\s]|$)|["“]{re.escape(row.name)}["”]'
    recipients = frozenset({*going, *connection.scalars(invited)})
    return _Marks(frozenset(messages), recipients, re.compile(said))


def _is_about(path: Path, marks: _Marks) -> bool:
    try:
        message = message_from_bytes(path.read_bytes(), policy=default)
    except FileNotFoundError:
        return False
    assert isinstance(message, EmailMessage)  # noqa: S101 - by the policy
    if any(address in str(message["To"]).lower() for address in marks.recipients):
        return True
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return any(marks.said.search(str(text)) for text in (message["Subject"], *parts))
