"""Readers that ask for totals as fast as they can while builds are swapped under them.

Belongs here: asking, by catalog and by HTTP, in threads and in processes, and holding each answer against what its
build must show. Does not belong here: swapping (the tests).

`python -m tests.faults.builds.swap_readers HOME KEY STOP READERS` forks that many readers, which read the expected sums
from STOP's folder and end when the file STOP exists; prints a JSON list of `Tally`.
"""

from __future__ import annotations

import csv
import io
import os
import random
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from starlette.testclient import TestClient

from api.app import create_app
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.faults.builds.landed_totals import Sums, shown
from tests.pipelines.lake_builder import NOON

EXPECTED_FILE = "expected.json"


class Tally(msgspec.Struct):
    """What one reader met.

    Attributes:
        answers: how many it got.
        swaps: how often an answer was of another build than the one before.
        wrong: answers that were no whole build, and errors, in words.
    """

    answers: int = 0
    swaps: int = 0
    wrong: list[str] = msgspec.field(default_factory=list[str])


Answers = Iterator[tuple[object, bool]]
"""What an answer says it is of, and whether it is that, whole."""


def read_until(stopped: Callable[[], bool], answers: Answers, tally: Tally) -> None:
    """Take answers until told to stop; whatever is raised is a wrong answer and the end."""
    before: object = None
    try:
        for build, right in answers:
            tally.answers += 1
            tally.swaps += build != before
            before = build
            if not right:
                tally.wrong.append(f"mixed: {build}")
            if stopped():
                return
    except Exception as fault:  # noqa: BLE001 - readers must not meet any
        tally.wrong.append(repr(fault))


def answers_so_far(folder: Path, readers: int) -> list[int]:
    """Return how many answers each reading process has got: a byte each in a file of its own."""
    files = [folder / f"answers-{number}" for number in range(readers)]
    return [path.stat().st_size if path.exists() else 0 for path in files]


def catalog_answers(reader: SnapshotReader, expected: dict[str, Sums]) -> Answers:
    """Ask the catalog: the facts and every roll-up of one lease."""
    while True:
        now = shown(reader)
        yield now.build_id, now.is_exactly(expected[now.build_id])


def http_answers(client: TestClient, key: str, expected: dict[str, Sums], seed: int) -> Answers:
    """Ask the dashboards: overview, requests and CSV of acme, whose requests are all there are."""
    dice = random.Random(seed)
    by_count = {sums[0]: (build, sums) for build, sums in expected.items()}
    while True:
        # A period of its own each time: an answer from the cache would say little.
        since = date(2024, 1, 1) + timedelta(days=dice.randrange(900))
        query = {"range": "custom", "from": since.isoformat(), "to": f"{NOON + timedelta(days=1):%Y-%m-%d}"}
        page = dice.choice(("overview", "projects", "requests", "requests.csv"))
        answer = client.get(f"/v1/acme/{page}", params=query, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        if page == "requests.csv":
            sums = csv_sums(answer.text)
            build, right = by_count.get(sums[0], (None, None))
            yield build, sums == right
        else:
            body = answer.json()
            yield body["build_id"], json_sums(body["totals"]) == expected[body["build_id"]]


def json_sums(totals: dict[str, Any]) -> Sums:
    """Return an answer's totals as sums."""
    return totals["requests"], totals["input_tokens"], int(Decimal(totals["cost_usd"]) * 100_000)


def csv_sums(text: str) -> Sums:
    """Return what a CSV's rows add up to."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    cost = sum((Decimal(row["cost_usd"] or 0) for row in rows), Decimal(0))
    return len(rows), sum(int(row["input_tokens"]) for row in rows), int(cost * 100_000)


def _one_process(home: Home, key: str, stop: Path, number: int) -> Tally:
    expected = msgspec.json.decode((stop.parent / EXPECTED_FILE).read_bytes(), type=dict[str, Sums])
    tally = Tally()
    if number % 2:
        app = create_app(home, engine=open_database(home.database_url), clock=FixedClock(NOON + timedelta(minutes=5)))
        answers = http_answers(TestClient(app), key, expected, number)
    else:
        answers = catalog_answers(SnapshotReader(home), expected)
    with (stop.parent / f"answers-{number}").open("ab", buffering=0) as noted:

        def stopped() -> bool:
            noted.write(b".")
            return stop.exists()

        read_until(stopped, answers, tally)
    return tally


def main(home: Home, key: str, stop: Path, readers: int) -> None:
    folder = stop.parent
    children: list[int] = []
    for number in range(readers):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                tally = _one_process(home, key, stop, number)
                (folder / f"tally-{number}.json").write_bytes(msgspec.json.encode(tally))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    print("reading", flush=True)  # noqa: T201 - our answer to who started us
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Home.locate(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
