"""Bodies held at a time are bounded, and given back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.errors import Refused
from api.ingest.envelope import BodyBudget, read_capped


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield bytes(size)


def read(budget: BodyBudget, *sizes: int, cap: int = 100) -> int:
    with budget.holding() as take:
        return len(asyncio.run(read_capped(chunks(*sizes), None, take, cap)))


def test_a_body_within_the_budget_is_read_and_given_back():
    budget = BodyBudget(limit=50)
    assert [read(budget, 20, 20) for _ in range(5)] == [40] * 5


def test_what_passes_the_budget_is_told_to_come_back_and_leaves_no_trace():
    budget = BodyBudget(limit=50)
    with budget.holding() as take:
        take(40)
        with pytest.raises(Refused) as refused:
            read(budget, 11)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
        assert read(budget, 10) == 10
    assert read(budget, 50) == 50


@pytest.mark.parametrize("declared", ["101", "99999999999999999999999999"])
def test_a_declared_size_above_the_cap_is_refused_unread(declared: str):
    with BodyBudget().holding() as take, pytest.raises(Refused) as refused:
        asyncio.run(read_capped(chunks(1), declared, take, 100))
    assert refused.value.status == 413


def test_an_undeclared_size_above_the_cap_is_refused_on_the_way():
    with pytest.raises(Refused) as refused:
        read(BodyBudget(), 60, 60)
    assert refused.value.status == 413
