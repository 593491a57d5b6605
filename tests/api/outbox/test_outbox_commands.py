"""`halton-cloud outbox`, as an operator runs it."""

from __future__ import annotations

import json
import logging.config
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli.main import cli
from api.errors import Refused
from api.outbox.transports.port import Unsure
from tests.api.outbox.conftest import Office, RecordingTransport
from tests.conftest import on_sqlite

pytestmark = on_sqlite


@pytest.fixture(autouse=True)
def no_logging_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)


def run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["outbox", *arguments], catch_exceptions=False)
    return json.loads(done.stdout)


def test_it_lists_states_and_reasons_but_no_text(office: Office, recording: RecordingTransport) -> None:
    recording.failures = [Unsure("connection lost")]
    doubtful = office.queue()
    office.sender(recording).send_due()
    office.wait(minutes=1)
    waiting = office.queue()
    listed = run("list")
    assert listed["counts"] == {"queued": 1, "uncertain": 1}
    assert [one["id"] for one in listed["messages"]] == [waiting, doubtful]
    assert listed["messages"][1] == {
        "id": doubtful,
        "workspace_id": None,
        "kind": "sign_in",
        "recipient": "ada@example.org",
        "subject": "Sign in",
        "state": "uncertain",
        "attempts": 1,
        "created_at": "2026-07-01T12:00:00Z",
        "next_attempt_at": None,
        "expires_at": None,
        "ended_at": "2026-07-01T12:00:00Z",
        "last_failure": "it may have been sent: connection lost",
    }
    assert "meter.example" not in json.dumps(listed)
    assert [one["id"] for one in run("list", "--state", "uncertain")["messages"]] == [doubtful]
    assert len(run("list", "--limit", "1")["messages"]) == 1


def test_a_doubtful_message_is_sent_again(office: Office, recording: RecordingTransport) -> None:
    recording.failures = [Unsure("connection lost")]
    doubtful = office.queue()
    office.sender(recording).send_due()
    assert run("resend", doubtful) == {"id": doubtful, "state": "queued"}
    office.wait(days=365)  # the command goes by the machine's clock
    office.sender(recording).send_due()
    assert [one.id for one in recording.taken] == [doubtful]
    with pytest.raises(Refused, match="No such message"):
        run("resend", "nothing")
