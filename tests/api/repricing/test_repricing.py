"""Repricing runs: what changed since the last one, exactly, appended to a ledger in which every change shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from api.audit import OPERATOR, verify_chain
from api.dashboards.rates.book import own_rates
from api.dashboards.rates.restatements import Group
from api.db.models import RestatementEntry, RestatementRun, Role, Workspace
from api.db.session import reading, transaction
from api.errors import Refused
from api.rate_overrides import NegotiatedRate, set_rate_override
from api.repricing.ledger import list_runs, record_run
from api.repricing.pricing import _compared, price_month  # pyright: ignore[reportPrivateUsage]
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.paths import Home
from pipelines.lake.rate_book import SINCE_EVER, Rate
from tests.api.bills.test_statements import events
from tests.api.conftest import Browser, People
from tests.api.dashboards.facts import RequestFact, generate, workspace_id
from tests.api.dashboards.snapshot import publish
from tests.api.dashboards.test_rates import BOOK, CHEAP, DEAR, found_rate, priced, usd, vars_of, write_book
from tests.conftest import on_sqlite

MARCH = date(2026, 3, 1)
PATH = "/v1/acme/rates/restatements/runs"
OWNER = workspace_id("acme")
LATE = 9
"""Landing file of what came in late."""


@dataclass
class Month:
    """A workspace with generated requests, repriced by its Admin."""

    home: Home
    engine: Engine
    clock: FixedClock
    admin: Browser
    rows: list[RequestFact]
    builds: int = 0

    def known(self) -> list[Rate]:
        with reading(self.engine) as session:
            own = [one.rate for one in own_rates(session, OWNER) if one.known_at(self.clock.now())]
        return [*BOOK, *own]

    def build(self) -> None:
        """Publish the requests, priced by what is known."""
        rates = self.known()
        for row in self.rows:
            row["cost_priced_picousd"] = priced(rates, row)
        self.builds += 1
        publish(self.home, self.rows, {"acme": "UTC"}, f"b20260701T120000-{self.builds:08x}")

    def later(self) -> None:
        self.clock.advance(timedelta(hours=1))

    def negotiate(self, provider: str, model: str, prices: Any) -> None:
        rate = NegotiatedRate(provider=provider, model_ref=model, valid_from=SINCE_EVER, prices=vars_of(prices))
        with transaction(self.engine) as session:
            set_rate_override(session, OWNER, rate, actor=OPERATOR, at=self.clock.now())

    def reprice(self, month: str = "2026-03", status: int = 200, **message: str) -> dict[str, Any]:
        answer = self.admin.json("POST", PATH, {"month": month, **message})
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]

    def runs(self, query: str = "") -> dict[str, Any]:
        answer = self.admin.client.get(f"{PATH}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def march(self) -> list[RequestFact]:
        return [row for row in self.rows if row["spend_kind"] == "metered" and in_march(row)]


def in_march(row: RequestFact) -> bool:
    return datetime(2026, 3, 1, tzinfo=UTC) <= row["requested_at"] < datetime(2026, 4, 1, tzinfo=UTC)


def total(rows: list[RequestFact]) -> str:
    return usd(sum(row["cost_priced_picousd"] or 0 for row in rows))


def adds_up(run: dict[str, Any]) -> bool:
    """Whether a run's entries add up to what it says, by the digits."""
    sums = {name: sum(Decimal(entry[name]) for entry in run["entries"]) for name in ("said_usd", "now_usd")}
    changes = sum(Decimal(entry["change_usd"]) for entry in run["entries"])
    return (
        all(sums[name] == Decimal(run[name]) for name in sums)
        and changes == Decimal(run["change_usd"]) == sums["now_usd"] - sums["said_usd"]
    )


@pytest.fixture
def month(home: Home, engine: Engine, clock: FixedClock, people: People) -> Iterator[Month]:
    with transaction(engine) as session:
        at = to_micros(clock.now())
        session.add(Workspace(id=OWNER, slug="acme", name="Acme", plan="team", time_zone="UTC", created_at_us=at))
    home.exports.mkdir(parents=True, exist_ok=True)
    write_book(home)
    made = Month(home, engine, clock, people.member(OWNER, "admin@acme.co", Role.ADMIN), generate("acme", 250))
    made.build()
    yield made
    people.app.state.snapshots.close()


def test_runs_go_on_from_the_last_one_and_say_every_change_by_cause(month: Month):
    opening = month.reprice()
    first = opening["run"]
    assert (opening["recorded"], first["number"], first["said_at"], first["faults"]) == (True, 1, None, [])
    assert {entry["cause"] for entry in first["entries"]} == {"opening"}
    assert (first["said_usd"], first["now_usd"]) == ("0.000000000000", total(month.march()))
    assert sum(entry["requests"] for entry in first["entries"]) == len(month.march())
    assert first["made_by"] == "admin@acme.co"
    assert adds_up(first)
    month.later()
    assert month.reprice() == {"recorded": False, "run": first}

    month.negotiate("gemini", "gemini-3-pro", CHEAP)
    month.negotiate("openai", "gpt-5-mini", DEAR)
    month.later()
    assert month.reprice(status=409)["code"] == "month_not_built"
    said = {row["request_id"]: found_rate(BOOK, row) for row in month.rows}
    was = {row["request_id"]: row["cost_priced_picousd"] or 0 for row in month.rows}
    late = [row for number, row in enumerate(generate("acme", 280)[250:]) if number % 2]
    for number, row in enumerate(late):
        row.update(request_id=f"00000000-0000-4000-8000-{number:012}", file_seq=LATE, spend_kind="metered")
        row["requested_at"] = datetime(2026, 3, 9, 12, tzinfo=UTC)
    month.rows += late
    month.build()
    second = month.reprice()["run"]
    expected: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in month.march():
        now, key = found_rate(month.known(), row), row["request_id"]
        is_late = row["file_seq"] == LATE
        cause = "late_requests" if is_late else "negotiated_rate_changed" if now != said[key] else "unchanged"
        expected[row["provider"], cause] += (row["cost_priced_picousd"] or 0) - (0 if is_late else was[key])
    assert {(one["provider"], one["cause"]): one["change_usd"] for one in second["entries"]} == {
        key: usd(change) for key, change in expected.items()
    }
    assert {cause for _, cause in expected} == {"late_requests", "negotiated_rate_changed", "unchanged"}
    assert (second["number"], second["said_usd"], second["now_usd"]) == (2, first["now_usd"], total(month.march()))
    assert (second["said_at"], second["said_build_id"]) == (first["made_at"], first["build_id"])
    assert second["previous_digest"] == first["digest"]
    assert adds_up(second)

    gone = [row for row in month.march() if row["provider"] == "anthropic"][:5]
    month.rows = [row for row in month.rows if row not in gone]
    month.later()
    month.build()
    third = month.reprice()["run"]
    (lost,) = [one for one in third["entries"] if one["cause"] != "unchanged"]
    assert (lost["provider"], lost["cause"], lost["requests"]) == ("anthropic", "no_longer_known", 5)
    assert (lost["said_usd"], lost["now_usd"]) == (total(gone), "0.000000000000")
    assert (third["said_usd"], third["now_usd"]) == (second["now_usd"], total(month.march()))
    assert adds_up(third)
    month.later()
    assert month.reprice() == {"recorded": False, "run": third}

    assert month.runs() == {"runs": [third, second, first], "limit": 100, "next_cursor": None}
    told = events(month.engine, OWNER, "month.repriced")
    assert [details["digest"] for _, details in told] == [one["digest"] for one in (first, second, third)]
    with reading(month.engine) as session:
        assert list(verify_chain(session, OWNER).differences) == []


@on_sqlite
def test_a_first_run_may_compare_with_what_was_known_at_an_instant(month: Month):
    since = "2026-03-20T00:00:00Z"
    answer = month.admin.client.get(f"/v1/acme/rates/restatements?month=2026-03&known_at={since}").json()
    run = month.reprice(since=since)["run"]
    assert {name: run[name] for name in ("said_usd", "now_usd", "change_usd")} == {
        name: answer[name] for name in ("said_usd", "now_usd", "change_usd")
    }
    causes: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for part in answer["parts"]:
        causes[part["provider"], part["cause"]] += Decimal(part["change_usd"])
    told = {(one["provider"], one["cause"]): Decimal(one["change_usd"]) for one in run["entries"]}
    assert {key: change for key, change in told.items() if key[1] != "unchanged"} == causes
    assert {"late_requests", "new_rate_known"} <= {cause for _, cause in causes}
    assert adds_up(run)
    assert month.reprice(since=since, status=409)["code"] == "ledger_begun"


@on_sqlite
def test_the_ledger_is_read_page_by_page_and_month_by_month(month: Month):
    numbers = [month.reprice(one)["run"]["number"] for one in ("2026-03", "2026-04")]
    month.negotiate("gemini", "gemini-3-pro", DEAR)
    month.later()
    month.build()
    numbers.append(month.reprice()["run"]["number"])
    assert numbers == [1, 2, 3]
    found, query = [], "?limit=1"
    while query:
        page = month.runs(query)
        found += [(run["number"], run["month"], run["faults"]) for run in page["runs"]]
        query = page["next_cursor"] and f"?limit=1&cursor={page['next_cursor']}"
    assert found == [(3, "2026-03", []), (2, "2026-04", []), (1, "2026-03", [])]
    assert [run["number"] for run in month.runs("?month=2026-03")["runs"]] == [3, 1]
    for wrong in ("?limit=0", "?cursor=x", "?cursor=-1", "?month=2026-3", "?colour=red"):
        assert month.admin.client.get(f"{PATH}{wrong}").status_code == 422, wrong


@on_sqlite
def test_what_cannot_be_repriced_is_refused(month: Month):
    month.home.current_pointer.unlink()
    assert month.reprice(status=409)["code"] == "month_not_built"
    month.build()
    assert month.reprice("2031-01", status=409)["code"] == "month_empty"
    for since in ("yesterday", "b1", "2026-03-01"):
        month.reprice(since=since, status=422)
    assert month.runs()["runs"] == []


def test_of_two_runs_at_once_one_is_written(month: Month):
    at, reader = month.clock.now(), SnapshotReader(month.home)
    both = [price_month(month.home, month.engine, reader, OWNER, MARCH, None, at) for _ in range(2)]
    reader.close()
    with transaction(month.engine) as session:
        assert record_run(session, OWNER, both[0], None, actor=OPERATOR, at=at) is not None
    with pytest.raises(Refused, match="Another run"), transaction(month.engine) as session:
        record_run(session, OWNER, both[1], None, actor=OPERATOR, at=at)
    assert len(month.runs()["runs"]) == 1


@on_sqlite
def test_whatever_is_changed_afterwards_shows(month: Month):
    for one in ("2026-03", "2026-04"):
        month.reprice(one)
    march = select(RestatementRun.id).where(RestatementRun.number == 1).scalar_subquery()
    changes: tuple[tuple[Any, list[list[str]]], ...] = (
        (update(RestatementEntry).values(now_picousd="1"), [["the digest is not that of the run"]] * 2),
        (
            update(RestatementRun).where(RestatementRun.number == 1).values(made_by="eve@acme.co"),
            [[], ["the digest is not that of the run"]],
        ),
        (
            update(RestatementRun).where(RestatementRun.number == 1).values(digest="1" * 64),
            [["the run before it is missing or another one"], ["the digest is not that of the run"]],
        ),
        (delete(RestatementEntry).where(RestatementEntry.run_id == march), [[], ["the digest is not that of the run"]]),
    )
    for change, faults in changes:
        with reading(month.engine) as session:
            assert [one.faults for one in list_runs(session, OWNER, 9)] == [(), ()]
        with month.engine.connect() as connection, connection.begin() as work:
            connection.execute(change)
            with Session(connection) as session:
                assert [list(one.faults) for one in list_runs(session, OWNER, 9)] == faults
            work.rollback()


PICOUSD = st.integers(-(10**30), 10**30)
GROUPS = st.lists(
    st.builds(
        Group,
        provider=st.sampled_from(("anthropic", "openai")),
        model=st.just("m"),
        is_late=st.booleans(),
        then_rate=st.sampled_from((None, "a", "b")),
        then_own=st.none(),
        now_rate=st.sampled_from((None, "a", "b")),
        now_own=st.none(),
        requests=st.integers(1, 9),
        then_picousd=PICOUSD,
        then_unpriced=st.just(0),
        now_picousd=PICOUSD,
        now_unpriced=st.just(0),
        built_picousd=st.just(0),
        built_unpriced=st.just(0),
    ),
    max_size=8,
)
SAID = st.lists(st.tuples(st.sampled_from(("anthropic", "openai", "xai")), st.integers(0, 9), PICOUSD), max_size=6)


@given(GROUPS, SAID)
def test_the_causes_are_the_difference_to_the_last_run_whatever_happened(
    groups: list[Group], said: list[tuple[str, int, int]]
):
    before = [
        RestatementEntry(provider=provider, cause="unchanged", requests=requests, now_picousd=str(picousd))
        for provider, requests, picousd in said
    ]
    entries = _compared(groups, before)
    for provider in ("anthropic", "openai", "xai"):
        mine = [entry for entry in entries if entry.provider == provider]
        was = sum(picousd for name, _, picousd in said if name == provider)
        now = sum(group.now_picousd for group in groups if group.provider == provider)
        assert sum(entry.said for entry in mine) == was
        assert sum(entry.now - entry.said for entry in mine) == now - was
    assert len({(entry.provider, entry.cause) for entry in entries}) == len(entries)
