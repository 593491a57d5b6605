"""A daemon-shaped client that holds the server to what it says: 200, or a 503 that names when to come back.

Belongs here: sending batches with good and bad records until each is acknowledged, and noting every other answer. Does
not belong here: comparing with the record (`acknowledged_record`).
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter

from tests.wire_records import batch, record

PATIENCE_SECONDS = 120


class HonestClient:
    """Sends on one kept connection; the server is never restarted, so that a broken one is a fault too."""

    def __init__(self, name: object, port: int, token: str, rows: int) -> None:
        self.name, self.rows = name, rows
        self.good: set[str] = set()
        self.bad: set[str] = set()
        self.acknowledged: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.batches = 0
        self.faults: list[str] = []
        self._token = token
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def run(self, stop: threading.Event, most: int = 1_000_000) -> None:
        """Send until `stop`, or so many batches; finish the one in hand."""
        try:
            while not stop.is_set() and self.batches < most:
                self._deliver()
        except (OSError, http.client.HTTPException) as fault:
            self.faults.append(f"{self.name}: {type(fault).__name__}: {fault}")
        finally:
            self._connection.close()

    def _deliver(self) -> None:
        good = [record((self.name, self.batches, index)) for index in range(self.rows)]
        bad = record((self.name, self.batches, "bad"), input_tokens=-1)
        self.good |= {row["id"] for row in good}
        self.bad.add(bad["id"])
        body = batch([*good, bad], f"{self.name}-{self.batches}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._accepted(body):
            if self.faults or time.monotonic() > deadline:
                self.faults.append(f"{self.name}: a batch is not acknowledged any more")
                raise http.client.HTTPException("given up")
            time.sleep(0.02)
        self.acknowledged |= {row["id"] for row in good} | {bad["id"]}
        self.batches += 1

    def _accepted(self, body: bytes) -> bool:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        self._connection.request("POST", "/v1/requests/batch", body, headers)
        answer = self._connection.getresponse()
        words = answer.read()
        self.answers[answer.status] += 1
        if fault := dishonest(answer.status, answer.headers.get("Retry-After"), words):
            self.faults.append(f"{self.name}: {fault}")
        if answer.status != http.client.OK:
            return False
        receipt = json.loads(words)
        if receipt["received"] != receipt["accepted"] + receipt["duplicates"] + len(receipt["quarantined"]):
            self.faults.append(f"{self.name}: a receipt does not add up: {receipt}")
        return True


class Onlooker:
    """Asks for something again and again; answers must be 200 or an honest 503 too."""

    def __init__(self, port: int, path: str, secret: str) -> None:
        self.answers: Counter[int] = Counter()
        self.faults: list[str] = []
        self._port, self._path, self._secret = port, path, secret

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop`."""
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
            try:
                connection.request("GET", self._path, headers={"Authorization": f"Bearer {self._secret}"})
                answer = connection.getresponse()
                self.answers[answer.status] += 1
                if fault := dishonest(answer.status, answer.headers.get("Retry-After"), answer.read()):
                    self.faults.append(f"{self._path}: {fault}")
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(f"{self._path}: {type(fault).__name__}: {fault}")
            finally:
                connection.close()
            stop.wait(0.02)


def dishonest(status: int, retry_after: str | None, words: bytes) -> str | None:
    """Return what is wrong with an answer: not 200, and no 503 that says when to try again."""
    if status == http.client.OK:
        return None
    if status == http.client.SERVICE_UNAVAILABLE and retry_after is not None and retry_after.isdigit():
        return None
    return f"{status}, Retry-After {retry_after}: {words[:200]!r}"
