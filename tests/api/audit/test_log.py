"""The log as JSON: recorded events and captured requests in one list, searched, filtered, paged."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from api.audit.wanted import Place, parse_place, place_text
from api.dashboards.filters import FilterError
from api.db.models import AuditRecord
from api.db.session import reading
from pipelines.lake.clock import iso_utc
from tests.api.audit.conftest import HOSTILE
from tests.api.dashboards.facts import device_id, workspace_id
from tests.api.dashboards.world import World

Entry = dict[str, Any]


def pages(world: World, path: str, **query: Any) -> list[Entry]:
    """Return the entries of all pages, following each page's own link to the next."""
    entries: list[Entry] = []
    answer = world.json(path, **query)
    while True:
        entries += answer["entries"]
        if answer["next_path"] is None:
            assert answer["next_cursor"] is None
            return entries
        answer = world.json(answer["next_path"].removeprefix("/"))


@pytest.fixture(scope="module")
def whole(logged: World) -> list[Entry]:
    return pages(logged, "acme/audit", limit=500)


def recorded_ids(world: World, slug: str) -> list[str]:
    query = select(AuditRecord.id).where(AuditRecord.workspace_id == workspace_id(slug))
    with reading(world.engine) as session:
        return list(session.scalars(query))


def test_the_log_is_every_event_and_every_visible_request_newest_first(logged: World, whole: list[Entry]):
    expected = recorded_ids(logged, "acme") + [row["request_id"] for row in logged.visible("acme")]
    assert len(expected) > 350
    assert sorted(entry["id"] for entry in whole) == sorted(expected)
    moments = [_moment(entry["at"]) for entry in whole]
    assert moments == sorted(moments, reverse=True)


def _moment(text: str) -> str:
    return text if "." in text else text.replace("Z", ".000000Z")


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_repeat_and_skip_nothing_also_where_instants_are_equal(logged: World, whole: list[Entry], limit: int):
    query = {"limit": limit, **({"from_": "2026-04-06"} if limit == 1 else {})}
    expected = whole if limit > 1 else pages(logged, "acme/audit", limit=500, from_="2026-04-06")
    assert [entry["id"] for entry in pages(logged, "acme/audit", **query)] == [entry["id"] for entry in expected]


def test_recorded_events_and_requests_of_one_instant_are_both_listed_events_first(whole: list[Entry]):
    pairs = [(a, b) for a, b in itertools.pairwise(whole) if a["at"] == b["at"]]
    mixed = [(a["family"] == "requests", b["family"] == "requests") for a, b in pairs]
    assert (False, True) in mixed
    assert (True, False) not in mixed


def test_a_captured_request_names_its_daemon_and_leads_to_its_trace(logged: World, whole: list[Entry]):
    row = max(logged.visible("acme"), key=lambda row: (row["requested_at"], row["request_id"]))
    entry = next(entry for entry in whole if entry["id"] == row["request_id"])
    assert entry["event"] == "request.captured"
    assert entry["at"] == iso_utc(row["requested_at"])
    assert entry["actor"]["type"] == "device"
    assert entry["actor"]["id"] == row["device_id"]
    assert entry["actor"]["name"] in {"=Ada's laptop", "host-1", "host-2"}
    assert entry["details"]["model"] == row["model"]
    assert logged.get(entry["path"].removeprefix("/")).json()["request"]["request_id"] == row["request_id"]


def test_a_recorded_event_is_shown_as_it_was_recorded(whole: list[Entry]):
    entry = next(entry for entry in whole if entry["event"] == "device.renamed")
    assert entry["actor"] == {"type": "user", "id": "Zoë@acme.co", "name": None}
    assert entry["resource"]["name"] in {"=Ada's laptop", "host-1", "host-2"}
    assert entry["details"] == {"to": "<b>Büro</b>"}
    assert entry["position"] >= 1
    assert len(entry["hash"]) == 64


FILTERS: list[tuple[dict[str, str], Callable[[Entry], bool]]] = [
    ({"family": "requests"}, lambda e: e["event"] == "request.captured"),
    ({"family": "membership"}, lambda e: e["event"] == "member.added"),
    ({"family": "devices"}, lambda e: e["event"].startswith("device.")),
    ({"family": "config"}, lambda e: e["event"].startswith("project.")),
    ({"family": "billing"}, lambda e: e["event"] == "seats.changed"),
    ({"event": "device.renamed"}, lambda e: e["event"] == "device.renamed"),
    ({"event": "request.captured"}, lambda e: e["event"] == "request.captured"),
    ({"event": "device.renamed", "family": "billing"}, lambda e: False),
    ({"actor": "ZO"}, lambda e: e["actor"]["id"] == "Zoë@acme.co"),
    ({"actor": "operator"}, lambda e: e["actor"]["id"] == "operator"),
    ({"actor": "ada's"}, lambda e: e["actor"]["name"] == "=Ada's laptop"),
    ({"actor": "HOST-0"}, lambda e: e["actor"]["name"] == "=Ada's laptop"),
    ({"actor": "nobody"}, lambda e: False),
    ({"search": "jörg"}, lambda e: e["event"] == "member.added"),
    ({"search": "büro</b>"}, lambda e: e["event"] == "device.renamed"),
    ({"search": "100% of it_1"}, lambda e: "100% of it_1" in e["details"].get("note", "")),
    ({"search": "it_7\\"}, lambda e: False),
    ({"search": "=hyper"}, lambda e: e["resource"]["id"] == HOSTILE),
    ({"search": "Captured"}, lambda e: e["event"] == "request.captured"),
    ({"search": "haiku"}, lambda e: e["details"].get("model") == "claude-haiku-4-5"),
    ({"search": "batch-summ"}, lambda e: e["details"].get("project") == "batch-summariser"),
    (
        {"search": "host-1"},
        lambda e: device_id("acme", 1) in {e["actor"]["id"], e["resource"]["id"]},
    ),
    (
        {"actor": "host-1", "family": "requests", "search": "gpt-5"},
        lambda e: e["actor"]["id"] == device_id("acme", 1) and e["details"].get("model", "").startswith("gpt-5"),
    ),
]


@pytest.mark.parametrize(("query", "fits"), FILTERS, ids=[str(query) for query, _ in FILTERS])
def test_filters_leave_what_fits(
    logged: World, whole: list[Entry], query: dict[str, str], fits: Callable[[Entry], bool]
):
    found = pages(logged, "acme/audit", limit=200, **query)
    assert [entry["id"] for entry in found] == [entry["id"] for entry in whole if fits(entry)]
    assert bool(found) == (query not in ({"actor": "nobody"}, {"search": "it_7\\"}) and len(query) != 2)


def test_days_are_those_of_the_reporting_zone(logged: World, whole: list[Entry]):
    from datetime import datetime
    from zoneinfo import ZoneInfo

    def day(entry: Entry) -> str:
        return datetime.fromisoformat(entry["at"]).astimezone(ZoneInfo("America/New_York")).date().isoformat()

    found = pages(logged, "acme/audit", limit=500, from_="2026-04-05", to="2026-04-05")
    assert [entry["id"] for entry in found] == [entry["id"] for entry in whole if day(entry) == "2026-04-05"]
    assert {entry["family"] == "requests" for entry in found} == {True, False}
    assert len(pages(logged, "acme/audit", limit=500, to="2026-04-05")) + len(
        pages(logged, "acme/audit", limit=500, from_="2026-04-06")
    ) == len(whole)


@pytest.mark.parametrize(
    "query",
    [
        {"family": "nothing"},
        {"event": "member.exploded"},
        {"from_": "2026-02-30"},
        {"from_": "20260101"},
        {"to": "1999-01-01"},
        {"from_": "2026-02-02", "to": "2026-02-01"},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "٣"},
        {"cursor": "x"},
        {"cursor": "é"},
        {"search": "a\u0000b"},
        {"search": "x" * 256},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_understood_is_refused(logged: World, query: dict[str, str]):
    answer = logged.get("acme/audit", **query)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] in {"invalid_filter", "unknown_parameter"}


def test_a_workspace_without_requests_has_its_events(logged: World):
    entries = pages(logged, "empty/audit")
    assert len(entries) == 150
    assert {entry["family"] for entry in entries} == {"membership", "config", "devices", "billing"}


def test_another_workspaces_log_is_the_404_of_an_absent_one(logged: World):
    for path in ("audit", "audit.csv", "audit/digests"):
        foreign, absent = logged.get(f"acme/{path}", key="island"), logged.get(f"nobody/{path}", key="island")
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
        assert foreign.status_code == 404


def test_an_unchanged_page_is_a_304(logged: World):
    first = logged.get("empty/audit")
    again = logged.get("empty/audit", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "place",
    [Place(1_780_000_000_000_000, 41, None), Place(0, None, "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e")],
)
def test_a_place_survives_its_text(place: Place):
    assert parse_place(place_text(place)) == place


@pytest.mark.parametrize("text", ["YTE6MTo", "YTE6MTplMTpyMQ", "!!", "a" * 200])
def test_a_text_that_is_no_place_is_refused(text: str):
    with pytest.raises(FilterError):
        parse_place(text)
