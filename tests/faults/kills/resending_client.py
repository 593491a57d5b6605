"""A daemon-shaped client that sends batches one after another, each until it is acknowledged.

Belongs here: sending, and remembering what was sent and acknowledged. Does not belong here: judging the server.
"""

from __future__ import annotations

import http.client
import random
import threading
import time

from tests.wire_records import batch, record

MOST_ROWS = 60


class Stuck(Exception):  # noqa: N818 - it says what happened
    """A batch is not taken any more."""


class ResendingClient:
    """One sender on one connection at a time."""

    def __init__(self, name: int, port: int, token: str, patience_seconds: float) -> None:
        self.name, self.patience = name, patience_seconds
        self.sent: set[str] = set()
        self.acknowledged: list[str] = []
        self.fault: str | None = None
        self._port, self._token = port, token
        self._attempts = 0
        self._connection: http.client.HTTPConnection | None = None

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`, then finish the batch in hand."""
        sizes, number = random.Random(self.name), 0
        try:
            while not stop.is_set():
                rows = [record((self.name, number, i)) for i in range(sizes.randint(1, MOST_ROWS))]
                ids = [row["id"] for row in rows]
                self.sent.update(ids)
                self.deliver(rows)
                self.acknowledged += ids
                number += 1
        except (Stuck, AssertionError) as fault:
            self.fault = f"client {self.name}: {fault}"
        finally:
            self._hang_up()

    def deliver(self, rows: list[dict[str, object]]) -> None:
        """Send a batch until it is acknowledged.

        Raises:
            Stuck: it is not, for as long as this client is patient.
        """
        deadline = time.monotonic() + self.patience
        while not self._attempt(rows):
            if time.monotonic() > deadline:
                raise Stuck("a batch is not acknowledged any more")

    def _attempt(self, rows: list[dict[str, object]]) -> bool:
        self._attempts += 1
        body = batch(rows, f"{self.name}-{self._attempts}")
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self.patience)
            self._connection.request("POST", "/v1/requests/batch", body, headers)
            answer = self._connection.getresponse()
            status, words = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            time.sleep(0.001)
            return False
        assert status in (200, 503), words
        return status == 200

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
