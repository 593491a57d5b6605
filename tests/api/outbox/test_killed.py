"""A server killed while it sends: nobody gets two, and what may be lost is shown."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from pipelines.lake.clock import SystemClock
from tests.api.outbox.conftest import Office
from tests.api.outbox.mail_servers import FakeResend, Postbox
from tests.conftest import on_sqlite

pytestmark = on_sqlite


def send_and_die(office: Office, moment: str, url: str) -> None:
    arguments = [sys.executable, "-m", "tests.api.outbox.killed_sender", str(office.home.root), moment, url]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def queue_and_die(office: Office, moment: str, url: str) -> str:
    office.clock.instant = SystemClock().now()  # the dying process goes by the machine's clock
    message_id = office.queue()
    send_and_die(office, moment, url)
    assert office.state(message_id) == "sending", "the claim was durable before anything was handed over"
    office.wait(minutes=11)
    office.send(url)
    return message_id


@pytest.mark.parametrize(("moment", "taken"), [("before", 0), ("during", 1)])
def test_over_smtp_it_ends_in_doubt_and_is_not_sent_again(
    moment: str, taken: int, office: Office, postbox: Postbox
) -> None:
    postbox.data_moods = ["250 taken"]
    message_id = queue_and_die(office, moment, f"smtp://127.0.0.1:{postbox.port}")
    assert office.state(message_id) == "uncertain"
    assert len(postbox.taken) == taken


@pytest.mark.parametrize("moment", ["before", "during"])
def test_through_resend_it_is_sent_after_all_and_once(moment: str, office: Office, resend: FakeResend) -> None:
    message_id = queue_and_die(office, moment, resend.url)
    assert office.state(message_id) == "sent"
    assert list(resend.taken) == [message_id]
