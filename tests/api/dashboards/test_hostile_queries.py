"""Query strings and paths that mean harm: refused or inert, never a fault."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.dashboards.world import World

VIEWS = ("overview", "projects", "projects/web", "requests", "requests.csv", "devices", "filters")
NAMES = ("range", "from", "to", "provider", "model", "project", "device", "limit", "cursor", "search", "nonsense")
HARM = (
    "'; drop table marts.mart_spend_daily; --",
    "' or '1'='1",
    "$workspace_id",
    "%",
    "_",
    "\\",
    "\x00",
    "\ud7ff\ufffe\u202e",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "read_text('/etc/passwd')",
    "=cmd|'/c calc'!A1",
    "1e999",
    "-0",
    "9" * 300,
    ",",
    "\\,",
    "null",
    "NaN",
    "{}",
)
quiet = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.one_of(st.sampled_from(HARM), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))


@quiet
@given(st.sampled_from(VIEWS), st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=4))
def test_no_query_is_a_fault(world: World, view: str, pairs: list[tuple[str, str]]):
    answer = world.get(f"acme/{view}?{urlencode(pairs)}")
    assert answer.status_code in {200, 422}
    if answer.status_code == 422:
        error = answer.json()["error"]
        assert error["code"] in {"invalid_filter", "unknown_parameter"}
        assert len(error["message"]) <= 200
        for _, value in pairs:
            assert len(value) < 8 or value not in answer.text


@quiet
@given(st.sampled_from(VIEWS), st.binary(max_size=40))
def test_no_bytes_in_a_query_are_a_fault(world: World, view: str, raw: bytes):
    answer = world.get(f"acme/{view}?project={quote(raw)}&provider={quote(raw[::-1])}")
    assert answer.status_code in {200, 422}


@quiet
@given(st.binary(max_size=30))
def test_no_path_is_a_fault(world: World, raw: bytes):
    for view in ("projects", "traces", ""):
        assert world.get(f"acme/{view}/{quote(raw, safe='')}").status_code < 500


@pytest.mark.parametrize("name", ["provider", "model", "project", "search"])
@pytest.mark.parametrize("value", [value for value in HARM if value not in {",", "\x00"}])  # those are no value
def test_text_that_looks_like_code_matches_nothing(world: World, name: str, value: str):
    answer = world.get("acme/requests", **{name: value.replace("\\", "\\\\")})
    if answer.status_code == 200:
        assert answer.json()["requests"] == []
    else:
        assert answer.status_code == 422


@pytest.mark.parametrize("view", VIEWS)
def test_a_misspelt_filter_is_refused_and_not_everybodys_numbers(world: World, view: str):
    answer = world.get(f"acme/{view}", providr="openai")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "unknown_parameter"
    assert "providr" not in answer.text


def test_a_refused_filter_does_not_tell_whether_a_workspace_exists(world: World):
    foreign = world.get("acme/overview?range=nonsense", key="island")
    absent = world.get("nobody/overview?range=nonsense", key="island")
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
