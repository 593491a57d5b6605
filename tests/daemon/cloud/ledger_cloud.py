"""A cloud with a ledger: it lands what it is sent, once by id, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.daemon.conftest import Answer, FakeCloud, Seen

BATCH = "/v1/requests/batch"
Fault = Callable[["LedgerCloud", Seen], Answer]


class LedgerCloud(FakeCloud):
    """Answers batches as our server does.

    Attributes:
        landed: the record of each id, as it first came.
        sightings: how often each id was sent, landed or not.
        digests: of the batches landed, by batch id.
        faults: what to do to the next batches, first to last.
        most_rows: above it a batch is answered 413.
        poison: ids that are set aside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script("POST", BATCH, self._batch)
        self.reset()

    def reset(self) -> None:
        self.seen.clear()
        self.landed: dict[str, dict[str, Any]] = {}
        self.sightings: Counter[str] = Counter()
        self.digests: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.most_rows = 10**9
        self.poison: set[str] = set()
        self.too_large: set[str] = set()

    def _batch(self, seen: Seen) -> Answer:
        self.sightings.update(record["id"] for record in seen.body["records"])
        if self.faults:
            return self.faults.pop(0)(self, seen)
        return self.receive(seen)

    def receive(self, seen: Seen) -> Answer:
        """Land a batch and give its receipt."""
        records = seen.body["records"]
        if len(records) > self.most_rows or any(record["id"] in self.too_large for record in records):
            return Answer(413, {"error": {"code": "body_too_large", "message": "Too large."}})
        new = [record for record in records if record["id"] not in self.landed]
        aside = [record for record in new if record["id"] in self.poison]
        for record in new:
            self.landed[record["id"]] = record
        body = json.dumps(seen.body, separators=(",", ":"), ensure_ascii=False).encode()
        self.digests[seen.body["batch_id"]] = hashlib.sha256(
            body.replace(seen.body["batch_id"].encode(), b"", 1)
        ).hexdigest()
        quarantined = [
            {"index": records.index(record), "id": None, "code": "bad_instant", "detail": "No such day."}
            for record in aside
        ]
        return Answer(
            200,
            {
                "batch_id": seen.body["batch_id"],
                "received": len(records),
                "accepted": len(new) - len(aside),
                "duplicates": len(records) - len(new),
                "withheld": [],
                "quarantined": quarantined,
            },
        )


def answers(status: int, body: Any = None, **headers: str) -> Fault:
    """Answer this instead, landing nothing."""
    return lambda cloud, seen: Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def hangs_up(cloud: LedgerCloud, seen: Seen) -> Answer:
    """Close the connection, landing nothing."""
    return Answer(hang_up=True)


def loses_the_answer(cloud: LedgerCloud, seen: Seen) -> Answer:
    """Land the batch and close the connection."""
    cloud.receive(seen)
    return Answer(hang_up=True)


def answers_for_another(cloud: LedgerCloud, seen: Seen) -> Answer:
    """Give a receipt of some other batch, landing nothing: a cache in between."""
    count = len(seen.body["records"])
    receipt = {"batch_id": "another", "received": count, "accepted": count, "duplicates": 0}
    return Answer(200, receipt | {"withheld": [], "quarantined": []})


def miscounts(cloud: LedgerCloud, seen: Seen) -> Answer:
    """Land the batch and give a receipt that does not add up."""
    answer = cloud.receive(seen)
    if answer.status != 200:
        return answer
    return Answer(200, answer.body | {"received": answer.body["received"] + 1})
