"""The rate book in pages: every rate once, in one order, whatever is learned in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboards.filters import FilterError
from api.dashboards.rates.book import ListPrices, OwnRate
from api.dashboards.rates.listing import WantedRates, rate_list
from api.dashboards.rates.models import RatesAnswer
from api.dashboards.rates.paging import RatePage, parse_place
from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate, TokenRates

AT = datetime(2026, 7, 1, tzinfo=UTC)
WANTED = WantedRates(at=AT, history=True)
rates = st.builds(
    Rate,
    provider=st.sampled_from(["anthropic", "openai"]),
    model_ref=st.sampled_from(["a", "ä-mödel", "b/c"]),
    service_tier=st.sampled_from(["standard", "batch"]),
    context_over_tokens=st.sampled_from([0, 200_000]),
    valid_from=st.sampled_from([AT - timedelta(days=9), AT - timedelta(microseconds=1)]),
    valid_to=st.just(UNTIL_FURTHER_NOTICE),
    rates=st.builds(TokenRates, st.integers(1, 9), st.none(), st.none(), st.none(), st.integers(1, 9)),
    source=st.just("genai-prices"),
    known_from=st.just(AT - timedelta(days=3)),
)


def page(listed: list[Rate], own: list[OwnRate], limit: int, cursor: str | None) -> RatesAnswer:
    return rate_list("acme", ListPrices(rates=tuple(listed)), own, WANTED, RatePage(limit, parse_place(cursor)))


def pages(listed: list[Rate], own: list[OwnRate], limit: int) -> list[RatesAnswer]:
    found = [page(listed, own, limit, None)]
    while found[-1].next_cursor is not None:
        found.append(page(listed, own, limit, found[-1].next_cursor))
    return found


@given(
    listed=st.lists(rates, max_size=12, unique_by=lambda one: one.rate_id),
    negotiated=st.lists(rates, max_size=5),
    limit=st.integers(1, 6),
)
def test_pages_are_the_whole_book_cut_up(listed: list[Rate], negotiated: list[Rate], limit: int) -> None:
    """The same price, negotiated twice, is two rates."""
    own = [
        OwnRate(replace(one, workspace_id="w"), None, "", f"{number}-of-them") for number, one in enumerate(negotiated)
    ]
    (whole,) = pages(listed, own, 500)
    cut = pages(listed, own, limit)
    assert [rate for one in cut for rate in one.rates] == whole.rates
    assert len(whole.rates) == len(listed) + len(own)
    assert all(len(one.rates) == limit for one in cut[:-1])
    assert all(one.next_cursor is not None and len(one.next_cursor) < 1_000 for one in cut[:-1])


def test_a_price_learned_between_two_pages_makes_none_repeat_or_skip_another() -> None:
    def of(model: str) -> Rate:
        return Rate(
            provider="openai", model_ref=model, service_tier="standard", context_over_tokens=0, source="genai-prices",
            rates=TokenRates(1, None, None, None, 1), valid_from=AT - timedelta(days=9), known_from=AT,
            valid_to=UNTIL_FURTHER_NOTICE,
        )  # fmt: skip

    first = page([of("b"), of("c"), of("d")], [], 2, None)
    second = page([of("a"), of("b"), of("c"), of("d")], [], 2, first.next_cursor)
    assert [one.model_ref for one in (*first.rates, *second.rates)] == ["b", "c", "d"]
    assert second.next_cursor is None


@pytest.mark.parametrize("text", ["x", "bm8", "W10", "WzEsMl0", "é", "A" * 5_000, "bnVsbA"])
def test_what_is_no_cursor_of_ours_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_place(text)
