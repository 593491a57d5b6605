"""A negotiated price reprices its workspace's calls with the next refresh, and is gone when it is withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.audit import OPERATOR
from api.db.session import transaction
from api.rate_overrides import NegotiatedRate, set_rate_override, withdraw_rate_override
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.ledger_watch import Trace, database_trace
from pipelines.refresh import refresh
from tests.pipelines.lake_builder import NOON, Lake, calls, named_id
from tests.pipelines.published import ask

BETA = named_id("workspace beta")
SINCE = NOON - timedelta(days=1)
AGREED = NegotiatedRate(
    provider="anthropic",
    model_ref="claude-sonnet-4-5",
    prices={"uncached_input": 1_000_000, "cache_read": 100_001, "output": 7},
    valid_from=SINCE,
)
REQUESTS = """
    select request_id::varchar, workspace_id::varchar, model, requested_at >= ?, uncached_input_tokens,
        cache_read_tokens, billable_output_tokens, cost_logged_millicents, cost_priced_picousd, rate_id
    from fct_requests order by all
"""
Priced = tuple[int | None, str | None]


@dataclass
class Seen:
    """One build as published.

    Attributes:
        rows: everything of a request that no price changes.
        priced: (cost_priced_picousd, rate_id) of each of `rows`.
        rolled_up: logged and priced totals of each roll-up.
    """

    build: str
    rows: list[Any] = field(default_factory=list[Any])
    priced: list[Priced] = field(default_factory=list[Priced])
    rolled_up: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


@dataclass
class Story:
    """A home through its builds."""

    lake: Lake
    seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    traces: list[Trace] = field(default_factory=list[Trace])

    def build(self, chapter: str) -> None:
        home = self.lake.home
        self.traces.append(database_trace(self.lake.engine))
        seen = Seen(refresh(home, self.lake.engine, self.lake.clock).build_id)
        for *row, priced, rate_id in ask(home, REQUESTS, SINCE.replace(tzinfo=None)):
            seen.rows.append(row)
            seen.priced.append((priced, rate_id))
        for table in ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly"):
            seen.rolled_up |= set(
                ask(home, f"select sum(cost_logged_millicents), sum(cost_priced_picousd) from {table}")
            )
        self.seen[chapter] = seen


@pytest.fixture(scope="module")
def story(copied_lake: Callable[[Path], Lake], tmp_path_factory: pytest.TempPathFactory) -> Story:
    lake = copied_lake(tmp_path_factory.mktemp("negotiated"))
    lake.land(BETA, named_id(f"device {BETA} laptop"), calls(12, "beta's"))
    told = Story(lake)
    told.build("before")
    with transaction(lake.engine) as session:
        row, _ = set_rate_override(session, lake.acme, AGREED, actor=OPERATOR, at=lake.clock.now())
        rate_id = row.id
    told.build("set")
    told.build("set, again")
    with transaction(lake.engine) as session:
        withdraw_rate_override(session, lake.acme, rate_id, actor=OPERATOR, at=lake.clock.now())
    told.build("withdrawn")
    return told


def test_exactly_the_calls_it_applies_to_cost_the_negotiated_price(story: Story) -> None:
    before, after = story.seen["before"], story.seen["set"]
    assert after.rows == before.rows  # what was logged included
    touched = 0
    for row, was, now in zip(after.rows, before.priced, after.priced, strict=True):
        _, workspace, model, in_force, uncached, cache_read, output, _ = row
        if (workspace, model, in_force) == (story.lake.acme, "claude-sonnet-4-5", True):
            assert now[0] == uncached * 1_000_000 + cache_read * 100_001 + output * 7
            assert now[1] != was[1]
            touched += 1
        else:
            assert now == was
    assert 0 < touched < len(after.rows)


def test_the_roll_ups_agree_with_the_calls(story: Story) -> None:
    for seen in story.seen.values():
        logged = sum(row[-1] or 0 for row in seen.rows)
        assert seen.rolled_up == {(logged, sum(cost or 0 for cost, _ in seen.priced))}
    assert story.seen["set"].rolled_up != story.seen["before"].rolled_up


def test_a_withdrawn_price_leaves_everything_as_it_was(story: Story) -> None:
    before, after = story.seen["before"], story.seen["withdrawn"]
    assert (after.rows, after.priced, after.rolled_up) == (before.rows, before.priced, before.rolled_up)
    assert all(rate.workspace_id is None for rate in read_rate_book(story.lake.home.exports / "rate_book.parquet"))


def test_only_a_change_of_prices_makes_a_build_and_is_noticed(story: Story) -> None:
    builds = [one.build for one in story.seen.values()]
    assert builds[1] == builds[2]
    assert len(set(builds)) == 3
    assert story.traces[1] == story.traces[2]
    assert len(set(story.traces)) == 3
