"""The documented words for the link, from what is known of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cloud.state import LinkFacts, LinkState, is_growing, state_of, why_degraded

LINKED: dict[str, Any] = {"enabled": True, "paired": True}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "NOT-CONFIGURED"),
        ({"enabled": True}, "NOT-CONFIGURED"),
        ({"paired": True}, "NOT-CONFIGURED"),
        ({"paired": True, "paused_reason": "paused_manual"}, "NOT-CONFIGURED"),
        (LINKED, "ACTIVE"),
        (LINKED | {"paused_reason": "paused_manual"}, "PAUSED"),
        (LINKED | {"paused_reason": "paused_unauthorised", "consecutive_failures": 9}, "PAUSED"),
        (LINKED | {"consecutive_failures": 2}, "ACTIVE"),
        (LINKED | {"consecutive_failures": 3}, "DEGRADED"),
        (LINKED | {"pending": 9_000, "queue": [9_000]}, "ACTIVE"),
        (LINKED | {"pending": 900, "queue": [700, 800, 900]}, "DEGRADED"),
        (LINKED | {"pending": 700, "queue": [900, 800, 700]}, "ACTIVE"),
        (LINKED | {"pending": 900, "queue": [700, 900, 900]}, "ACTIVE"),
        (LINKED | {"pending": 3, "queue": [1, 2, 3]}, "ACTIVE"),
        (LINKED | {"pending": 1, "seconds_since_tick": 481.0}, "DEGRADED"),
        (LINKED | {"pending": 0, "seconds_since_tick": 9_999.0}, "ACTIVE"),
        (LINKED | {"pending": 1, "seconds_since_tick": -9_999.0}, "ACTIVE"),
        (LINKED | {"pending": 1, "seconds_since_tick": None}, "ACTIVE"),
    ],
)
def test_each_state_has_its_facts(facts: dict[str, Any], state: str) -> None:
    assert state_of(LinkFacts(**facts)) == state


@given(
    facts=st.builds(
        LinkFacts,
        enabled=st.booleans(),
        paired=st.booleans(),
        paused_reason=st.none() | st.sampled_from(["paused_manual", "paused_forbidden"]),
        consecutive_failures=st.integers(0, 10),
        pending=st.integers(0, 10_000),
        seconds_since_tick=st.none() | st.floats(-1e9, 1e9),
        queue=st.lists(st.integers(0, 10_000), max_size=8),
    )
)
def test_a_state_always_has_a_reason_and_only_active_has_none(facts: LinkFacts) -> None:
    state = state_of(facts)
    assert (state is LinkState.NOT_CONFIGURED) == (not (facts.enabled and facts.paired))
    if state is LinkState.ACTIVE:
        assert facts.paused_reason is None
        assert why_degraded(facts) == []
    if state is LinkState.DEGRADED:
        assert why_degraded(facts)


@given(queue=st.lists(st.integers(0, 5_000), max_size=8))
def test_a_queue_that_shrank_is_not_growing(queue: list[int]) -> None:
    if len(queue) >= 2 and queue[-1] <= queue[-2]:
        assert not is_growing(queue)
