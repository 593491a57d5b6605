"""Sending order, repeats and the sums that the other end is checked against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import pytest

from daemon.simulate.delivery import deliver, totals_of, with_repeats
from daemon.simulate.history import Plan, generate
from daemon.sync.errors import Unavailable
from daemon.wire.batch import Quarantined, Receipt, Withheld
from daemon.wire.record import Record


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return generate(Plan(rows=4_000, days=30, until=datetime(2026, 11, 20, 18, tzinfo=UTC)))


class Counter:
    """Takes pages and counts repeats over all of them."""

    def __init__(self, fail_at: int = -1) -> None:
        self.pages: list[list[str]] = []
        self.fail_at = fail_at

    def upload(self, records: Sequence[Record]) -> Receipt:
        if len(self.pages) == self.fail_at:
            raise Unavailable("down")
        known = {record_id for page in self.pages for record_id in page}
        repeats = sum(record.id in known for record in records)
        self.pages.append([record.id for record in records])
        return Receipt(
            batch_id="b",
            received=len(records),
            accepted=len(records) - repeats,
            duplicates=repeats,
            withheld=[Withheld(project="old", reason="project_archived", rows=2)],
            quarantined=[],
        )


def test_every_row_goes_and_some_go_again_in_a_later_page(records: list[Record]) -> None:
    line = with_repeats(records, 200, Random(3))
    uploader = Counter()
    *_, delivered = deliver(uploader, line, 200)
    assert {record.id for record in line} == {record.id for record in records}
    assert delivered.rows == len(line) == delivered.accepted + delivered.duplicates
    assert delivered.accepted == len(records)
    assert 25 <= delivered.duplicates < 100
    assert delivered.withheld == 2 * delivered.pages
    assert all(len(set(page)) == len(page) for page in uploader.pages)
    assert max(len(page) for page in uploader.pages) == 200


def test_repeats_are_the_same_for_the_same_seed(records: list[Record]) -> None:
    assert with_repeats(records, 200, Random(3)) == with_repeats(records, 200, Random(3))


def test_a_history_of_one_page_has_no_repeats(records: list[Record]) -> None:
    assert with_repeats(records[:150], 200, Random(3)) == records[:150]
    assert with_repeats([], 200, Random(3)) == []


def test_totals_are_exact_sums_of_what_is_known(records: list[Record]) -> None:
    totals = totals_of(records)
    assert totals.distinct_rows == 4_000
    assert totals.input_tokens == sum(record.input_tokens for record in records)
    assert totals.cost_millicents == sum(record.cost_millicents or 0 for record in records)
    assert totals.cost_metered_millicents + totals.cost_subscription_imputed_millicents == totals.cost_millicents
    assert totals.unpriced_rows == sum(record.cost_millicents is None for record in records)
    assert totals.error_rows == sum(record.status != "success" for record in records)


def test_a_page_that_fails_ends_the_delivery(records: list[Record]) -> None:
    uploader = Counter(fail_at=2)
    with pytest.raises(Unavailable):
        list(deliver(uploader, records, 500))
    assert len(uploader.pages) == 2


def test_quarantined_rows_are_counted(records: list[Record]) -> None:
    class Strict(Counter):
        def upload(self, records: Sequence[Record]) -> Receipt:
            bad = Quarantined(index=0, id=records[0].id, code="bad", detail="bad")
            count = len(records)
            return Receipt(
                batch_id="b", received=count, accepted=count - 1, duplicates=0, withheld=[], quarantined=[bad]
            )

    *_, delivered = deliver(Strict(), records, 1_000)
    assert (delivered.accepted, delivered.quarantined) == (3_996, 4)
