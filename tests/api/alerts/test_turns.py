"""Calls of several workspaces that are due together: each has its turn."""

from __future__ import annotations

from datetime import timedelta

from tests.api.alerts.conftest import Desk, Receiver, reached, status
from tests.api.conftest import Tenants


def test_one_workspace_whose_receiver_fails_does_not_keep_the_others_waiting(
    desk: Desk, receiver: Receiver, tenants: Tenants
) -> None:
    desk.webhook(receiver.url)
    desk.tell(*(desk.anomaly(number) for number in range(15)))
    desk.clock.advance(timedelta(seconds=1))
    other = Desk(desk.engine, desk.home, desk.clock, tenants.workspace("other"))
    other.webhook(receiver.url.replace("/hook", "/other"))
    other.tell(reached(80))
    receiver.moods = [status(500)]
    assert desk.call() == 1
    assert [path for path, _, _ in receiver.taken] == ["/hook?x=1", "/other?x=1"]
