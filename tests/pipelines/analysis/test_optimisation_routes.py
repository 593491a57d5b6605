"""Clusters, recommendations, decisions and realised savings, all the way from landed calls to JSON."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.app import create_app
from api.audit import OPERATOR
from api.dashboards.clusters import KINDS
from api.dashboards.models import optimisation_examples as examples
from api.dashboards.models.clusters import ClusterAnswer, ClustersAnswer
from api.dashboards.models.optimisation import CatalogAnswer, OptimisationAnswer, SavingsAnswer
from api.db.session import transaction
from api.optimisation.decisions import About, DecisionKind, decide, list_decisions, withdraw_decision
from pipelines.analysis.run import analyse
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.pipelines.analysis.frugal import FRUGAL, FRUGAL_KEY, LAPTOP
from tests.pipelines.analysis.golden import KEY as GOLDEN_KEY
from tests.pipelines.lake_builder import NOON

EARLIER: dict[str, Any] = {"range": "custom", "from": "2026-11-01", "to": "2026-11-18"}


@dataclass(frozen=True)
class Frugal:
    """Calls with the workspace's key, and its database."""

    client: TestClient
    engine: Engine
    home: Home

    def get(self, path: str, status: int = 200, *, key: str = FRUGAL_KEY, **query: Any) -> Any:
        answer = self.client.get(f"/v1/frugal/{path}", params=query, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status, answer.text
        return answer.json()

    def decide(self, kind: DecisionKind, about: About) -> str:
        with transaction(self.engine) as session:
            return decide(session, FRUGAL, kind, about, actor=OPERATOR, at=NOON).id


@contextmanager
def calling(home: Home) -> Iterator[Frugal]:
    engine = open_database(home.database_url)
    app = create_app(home, engine=engine, clock=FixedClock(NOON), sends_mail=False)
    with TestClient(app) as client:
        yield Frugal(client, engine, home)
    engine.dispose()


@pytest.fixture(scope="module")
def frugal(golden_home: Home) -> Iterator[Frugal]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        with calling(golden_home) as called:
            yield called


@pytest.fixture
def own(golden_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Frugal]:
    """A copy, to decide in."""
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    shutil.copytree(golden_home.root, home.root)
    with calling(home) as called:
        yield called


def about(finding: dict[str, Any]) -> About:
    return About(**{name: finding[name] for name in ("check_id", "project", "provider", "model", "finding_id")})


def usd(text: str) -> Decimal:
    return Decimal(text)


def test_recommendations_quote_what_the_rate_book_says(frugal: Frugal) -> None:
    answer = frugal.get("optimization")
    msgspec.convert(answer, OptimisationAnswer)
    told = {(one["project"], one["check_id"]): one for one in answer["findings"]}
    assert {where: (usd(one["saving_30d_usd"]), one["confidence"]) for where, one in told.items()} == {
        ("summariser", "model_swap"): (Decimal("1.5"), "high"),
        ("nightly", "batch_api"): (Decimal("2.625"), "low"),
        ("nightly", "newer_version"): (Decimal("1.75"), "high"),
        ("faq", "duplicate_requests"): (Decimal("9.135"), "high"),
        ("faq", "response_cache"): (Decimal("9.135"), "medium"),
        ("faq", "newer_version"): (Decimal("3.15"), "high"),
        ("forgotten", "idle_projects"): (Decimal(0), "medium"),
    }
    swap = told["summariser", "model_swap"]
    assert swap["sentence"] == (
        "Swap Claude Sonnet 4.6 → Claude Haiku 4.5 on summariser and save $1.50/month."
        " Based on 100 requests in the last 30 days."
    )
    assert (swap["cost_usd"], swap["overlaps_with"], len(swap["sample_requests"])) == ("2.250000000000", [], 5)
    assert told["nightly", "batch_api"]["overlaps_with"] == ["newer_version"]
    assert usd(answer["saving_30d_usd"]) == Decimal("1.5") + Decimal("2.625") + Decimal("9.135")


def test_a_filter_narrows_recommendations_and_a_machine_leaves_none(frugal: Frugal) -> None:
    only = frugal.get("optimization", project="nightly")
    assert {one["project"] for one in only["findings"]} == {"nightly"}
    assert usd(only["saving_30d_usd"]) == Decimal("2.625")
    assert frugal.get("optimization", device=LAPTOP)["findings"] == []
    assert frugal.get("optimization", provider="openai")["findings"] == []


def test_clusters_are_filtered_and_paged_by_their_savings(frugal: Frugal) -> None:
    everything = frugal.get("clusters")
    msgspec.convert(everything, ClustersAnswer)
    assert [(one["kind"], one["clusters"], usd(one["estimated_saving_usd"])) for one in everything["kinds"]] == [
        ("exact_duplicate", 1, Decimal("9.135")),
        ("response_cache", 1, Decimal("9.135")),
    ]
    first = frugal.get("clusters", limit=1)
    second = frugal.get("clusters", limit=1, cursor=first["next_cursor"])
    assert [*first["clusters"], *second["clusters"]] == everything["clusters"]
    assert (second["next_cursor"], everything["next_path"]) == (None, None)
    assert [one["kind"] for one in frugal.get("clusters", kind="response_cache")["clusters"]] == ["response_cache"]
    assert frugal.get("clusters", project="nightly")["clusters"] == []
    assert len(frugal.get("clusters", device=LAPTOP, model="claude-sonnet-4-6")["clusters"]) == 2
    assert frugal.get("clusters", **EARLIER)["clusters"] == []
    duplicate = next(one for one in everything["clusters"] if one["kind"] == "exact_duplicate")
    assert (duplicate["requests"], duplicate["repeat_cost_usd"]) == (30, "9.135000000000")
    assert [one["device_id"] for one in duplicate["devices"]] == [LAPTOP]


@pytest.mark.parametrize("query", [{"kind": "spiral"}, {"cursor": "bm8"}, {"limit": "0"}, {"colour": "red"}])
def test_what_clusters_do_not_take_is_refused(frugal: Frugal, query: dict[str, Any]) -> None:
    frugal.get("clusters", 422, **query)


def test_one_cluster_names_the_others_of_its_prompt_and_nobody_elses_is_found(frugal: Frugal) -> None:
    duplicate = frugal.get("clusters", kind="exact_duplicate")["clusters"][0]
    one = frugal.get(f"clusters/{duplicate['cluster_id']}")
    msgspec.convert(one, ClusterAnswer)
    assert one["cluster"] == duplicate
    assert [other["kind"] for other in one["related"]] == ["response_cache"]
    assert frugal.get(f"clusters/{'0' * 64}", 404) == frugal.get("clusters/x", 404)
    theirs = frugal.client.get(
        f"/v1/golden/clusters/{duplicate['cluster_id']}", headers={"Authorization": f"Bearer {GOLDEN_KEY}"}
    )
    assert theirs.status_code == 404


def test_the_catalogue_holds_what_ever_fired(frugal: Frugal) -> None:
    answer = frugal.get("optimization/catalog")
    msgspec.convert(answer, CatalogAnswer)
    fired = {one["check_id"]: one for one in answer["checks"]}
    assert set(fired) == {
        "model_swap", "batch_api", "newer_version", "duplicate_requests", "response_cache", "idle_projects",
    }  # fmt: skip
    newer = fired["newer_version"]["history"][0]
    assert (newer["findings"], newer["projects"], newer["window_until"]) == (2, 2, "2026-11-20")
    assert [one["kind"] for one in fired["model_swap"]["decisions"]] == ["accept"]
    only = frugal.get("optimization/catalog", project="nightly")["checks"]
    assert {one["check_id"]: one["history"][0]["findings"] for one in only} == {"batch_api": 1, "newer_version": 1}
    assert not any(one["is_suppressed"] for one in answer["checks"])


def test_an_accepted_swap_is_measured(frugal: Frugal) -> None:
    answer = frugal.get("optimization/savings")
    msgspec.convert(answer, SavingsAnswer)
    (found,) = answer["savings"]
    assert (found["state"], found["before_per_1000_usd"], found["after_per_1000_usd"]) == (
        "measured",
        "4.500000000000",
        "1.500000000000",
    )
    assert (found["quoted_saving_usd"], found["realised_usd"]) == ("0.700000000000", "0.600000000000")
    assert (answer["realised_usd"], answer["regressed"]) == ("0.600000000000", 0)
    assert frugal.get("optimization/savings", project="nightly")["savings"] == []


def test_a_decision_holds_at_once_and_in_every_later_analysis(own: Frugal) -> None:
    findings = {(one["project"], one["check_id"]): one for one in own.get("optimization")["findings"]}
    own.decide(DecisionKind.DISMISS, about(findings["faq", "duplicate_requests"]))
    own.decide(DecisionKind.SUPPRESS, About(check_id="response_cache"))
    own.decide(DecisionKind.SUPPRESS, About(project="nightly"))
    accepted = own.decide(DecisionKind.ACCEPT, about(findings["summariser", "model_swap"]))
    long_ago = About(check_id="long_context", project="nightly", provider="anthropic", model="claude-2")
    own.decide(DecisionKind.DISMISS, long_ago)

    def stands(answer: Any) -> None:
        told = {(one["project"], one["check_id"]): one for one in answer["findings"]}
        assert set(told) == {("summariser", "model_swap"), ("faq", "newer_version"), ("forgotten", "idle_projects")}
        swap = told["summariser", "model_swap"]
        assert (swap["state"], swap["decision_id"]) == ("accepted", accepted)
        assert usd(answer["saving_30d_usd"]) == Decimal("3.15")  # what was accepted is no longer to be had

    before = own.get("optimization")
    stands(before)
    assert analyse(own.home, own.engine, FixedClock(NOON)) is not None
    after = own.get("optimization")
    assert after["analysis_id"] != before["analysis_id"]
    stands(after)
    catalogue = {one["check_id"]: one for one in own.get("optimization/catalog")["checks"]}
    assert catalogue["response_cache"]["is_suppressed"]
    assert catalogue["duplicate_requests"]["history"][0]["findings"] == 1
    once = catalogue["long_context"]
    assert (once["title"], once["fires_now"], once["history"]) == ("Long-context surcharge", False, [])
    assert [one["kind"] for one in once["decisions"]] == ["dismiss"]
    assert "long_context" not in {one["check_id"] for one in own.get("optimization/catalog", project="faq")["checks"]}
    assert {one["state"] for one in own.get("optimization/savings")["savings"]} == {"measured", "not_enough_data"}


def test_a_withdrawn_decision_silences_nothing_and_stays_in_the_history(own: Frugal) -> None:
    decision_id = own.decide(DecisionKind.SUPPRESS, About(check_id="batch_api"))
    assert "batch_api" not in {one["check_id"] for one in own.get("optimization")["findings"]}
    with transaction(own.engine) as session:
        withdraw_decision(session, FRUGAL, decision_id, actor=OPERATOR, at=NOON)
        assert len(list_decisions(session, FRUGAL)) == 2
    assert "batch_api" in {one["check_id"] for one in own.get("optimization")["findings"]}
    shown = own.get("optimization/decisions")["decisions"]
    assert [(one["kind"], one["withdrawn_at"] is None) for one in shown] == [("suppress", False), ("accept", True)]
    events = [one["event"] for one in own.get("audit", family="config")["entries"]]
    assert {"recommendation.suppressed", "recommendation.decision_withdrawn", "recommendation.accepted"} <= set(events)


def test_before_the_first_analysis_nothing_is_known(own: Frugal) -> None:
    own.home.analysis_pointer.unlink()
    for path, part in (("clusters", "clusters"), ("optimization", "findings"), ("optimization/catalog", "checks")):
        answer = own.get(path)
        assert (answer["analysis_state"], answer[part]) == ("not_ready", [])


@pytest.mark.parametrize(
    ("shape", "example"),
    [
        (ClustersAnswer, examples.CLUSTERS),
        (ClusterAnswer, examples.CLUSTER),
        (OptimisationAnswer, examples.FINDINGS),
        (CatalogAnswer, examples.CATALOG),
        (SavingsAnswer, examples.SAVINGS),
    ],
)
def test_examples_have_the_documented_shape(shape: Any, example: Any) -> None:
    assert msgspec.to_builtins(msgspec.convert(example, shape)) == example
    assert len(KINDS) == 5
