"""What the sender asks of every way an e-mail leaves the server.

Belongs here: the message handed over, the port, and the three ways it can fail. Does not belong here: any one way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message about to be handed over.

    Attributes:
        id: of the queued message; the same at every attempt, and so are `Message-ID` and idempotency key.
        recipient: one address.
        subject: one line.
        text: body as plain text.
        html: body as HTML, if any.
        written_at: when it was queued; its `Date`.
    """

    id: str
    recipient: str
    subject: str
    text: str
    html: str | None
    written_at: datetime


class NotSent(Exception):  # noqa: N818 - an outcome, not a fault
    """The message was not sent; the text says why, for the operator, and holds no secret."""


class NotYet(NotSent):
    """Certainly not taken; another attempt may succeed.

    Attributes:
        retry_after: how long the other side asks to be left alone, None when it did not say.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Never(NotSent):
    """Certainly not taken, and no attempt will be."""


class Unsure(NotSent):
    """It may have been taken: the answer is missing."""


class Transport(Protocol):
    """A way an e-mail leaves the server.

    Attributes:
        repeat_within: how long after a message was queued it may be handed over again without a second one arriving;
            zero when the other side keeps no account of what it took.
    """

    repeat_within: timedelta

    def send(self, outgoing: Outgoing) -> None:
        """Hand one message over; blocks for at most a few minutes.

        Raises:
            NotSent: one of its three kinds.
        """
        ...
