"""A server process that dies while it sends: `python -m tests.api.outbox.killed_sender HOME before|during MAIL_URL`.

`before`: after the claim, before anything is handed over. `during`: the mail server kills nobody, but this process dies
as soon as the message has left it.
"""

from __future__ import annotations

import os
import signal
import smtplib
import sys
from typing import Any

import httpx

from api.outbox.configuration import chosen_transport
from api.outbox.queue import Seal
from api.outbox.sender import Sender
from api.outbox.transports.port import Outgoing
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, moment: str, url: str) -> None:
    home = Home.locate(folder)
    transport = chosen_transport(
        {"HALTON_MAIL_URL": url, "HALTON_MAIL_FROM": "Halton Meter <meter@halton.example>"}, home
    )
    if moment == "before":

        class Dying:
            repeat_within = transport.repeat_within

            def send(self, outgoing: Outgoing) -> None:
                die()

        transport = Dying()
    else:
        smtplib.SMTP.getreply = dying_after_data(smtplib.SMTP.getreply)
        httpx.Response.is_success = property(die)  # pyright: ignore[reportAttributeAccessIssue]
    Sender(open_database(home.database_url), Seal(home), transport, SystemClock()).send_due()


def dying_after_data(getreply: Any) -> Any:
    def answer(smtp: smtplib.SMTP) -> Any:
        code, text = getreply(smtp)
        if b"taken" in text:
            die()
        return code, text

    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
