"""Recommendations, the catalogue and savings as pages: the JSON's numbers, and decisions that can be taken back."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from api.audit import OPERATOR
from api.db.session import reading, transaction
from api.optimisation.decisions import list_decisions, standing_decisions, withdraw_decision
from api.pages import optimisation
from api.pages.optimisation_words import TITLES, check_words, promised
from pipelines.dbt_runner import PROJECT_FOLDER
from tests.api.dashboards.facts import workspace_id
from tests.api.pages.analysed import ACME, BATCH, HOSTILE, NIGHTLY, SWAP, Analysed, opened_analysis

DONE = re.compile(r"done=([0-9a-f-]{36})")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    with opened_analysis(tmp_path_factory.mktemp("optimisation-pages")) as made:
        yield made


def test_a_check_has_one_name_everywhere():
    with (PROJECT_FOLDER / "seeds" / "analysis" / "optimisation_checks.csv").open(encoding="utf-8", newline="") as seed:
        assert {line["check_id"]: line["title"] for line in csv.DictReader(seed)} == TITLES
    assert check_words("batch_api", inside=True) == "batch API for work that can wait"


def test_a_saving_is_rounded_half_even_on_cards_as_everywhere():
    said = [promised(one) for one in ("9.137", "9.125", "9.135", "9.996", "39.6", "40.5")]
    assert said == ["$9.14", "$9.12", "$9.14", "$10", "$40", "$40"]


@pytest.fixture(autouse=True)
def undecided(pages: Analysed) -> Iterator[None]:
    yield
    with transaction(pages.world.engine) as session:
        for one in standing_decisions(session, ACME):
            withdraw_decision(session, ACME, one.id, actor=OPERATOR, at=pages.world.clock.now())


def usd(text: str) -> str:
    amount = Decimal(text).quantize(Decimal("0.01"))
    return f"{'-' if amount < 0 else ''}${abs(amount):,}"


def decided(pages: Analysed, path: str, fields: dict[str, Any]) -> str:
    """Send a form and return where it leads."""
    answer = pages.admin.post_form(f"/acme/optimization/{path}", fields)
    assert answer.status_code == 303, answer.text[-500:]
    return answer.headers["location"]


def test_every_recommendation_says_its_sentence_confidence_and_samples(pages: Analysed):
    html, answer = pages.html("/acme/optimization"), pages.json("acme/optimization")
    assert len(answer["findings"]) == 3
    assert "Swap A → B on web and save $42/month.</h3>" in html
    assert re.search(r"Based on 4,287 requests in the last 30 days\. All prompts are short\.\s+<span", html)
    assert re.search(r"Confidence: <span class=\"badge good\">high</span>", html)
    for one in answer["findings"]:
        for sample in one["sample_requests"]:
            assert f'href="{sample["path"]}"' in html
    assert f'<span class="stat-figure">{usd(answer["saving_30d_usd"])}</span>' in html
    assert usd(answer["saving_30d_usd"]) == "$43.50", "of the two about the same requests the larger alone"
    assert "Not in the total: a larger recommendation is about the same requests (cheaper sibling model)." in html
    assert "<dt>The same at the price proposed</dt><dd>$5.00</dd>" in html


def test_recommendations_come_in_pages_without_gap_and_every_page_has_the_total_of_all(
    pages: Analysed, monkeypatch: pytest.MonkeyPatch
):
    whole = pages.json("acme/optimization")
    assert (whole["open_findings"], whole["next_cursor"]) == (3, None)
    seen, asked = list[str](), dict[str, Any]()
    while True:
        answer = pages.json("acme/optimization", limit=1, **asked)
        assert [answer[name] for name in ("saving_30d_usd", "open_findings")] == [whole["saving_30d_usd"], 3]
        seen += [one["finding_id"] for one in answer["findings"]]
        if answer["next_cursor"] is None:
            break
        asked = {"cursor": answer["next_cursor"]}
    assert seen == [one["finding_id"] for one in whole["findings"]]
    assert pages.world.get("acme/optimization", cursor="x").status_code == 422
    assert 'class="sort"' in pages.html("/acme/optimization")
    monkeypatch.setattr(optimisation, "CARDS", 2)
    shown, path = list[str](), "/acme/optimization"
    while path:
        html = pages.html(path)
        shown += re.findall(r'<article class="card finding" id="finding-([0-9a-f]{16})"', html)
        assert "3 open recommendations" in html
        assert 'class="sort"' not in html, "a part that is sorted would mislead"
        path = next((unescape(one) for one in re.findall(r'rel="next" href="([^"]*)"', html)), "")
    assert shown == [one[:16] for one in seen]
    csv = pages.admin.get("/acme/tables/recommendations.csv").text
    assert len(csv.splitlines()) == 4, "the CSV has all of them"
    assert 'role="alert"' in pages.html("/acme/optimization?cursor=broken")


def test_texts_of_the_analysis_are_texts(pages: Analysed):
    for path in ("", "/catalog", "/savings"):
        html = pages.html(f"/acme/optimization{path}")
        assert HOSTILE not in html
        assert not re.search(r"<script(?! src=)", html)
    assert "&lt;script&gt;alert(" in pages.html("/acme/optimization")


def test_an_acceptance_is_said_stays_and_can_be_undone(pages: Analysed):
    where = decided(
        pages, "decisions", {"kind": "accept", "finding_id": SWAP, "filter": "range=last_7d&done=x&project=web"}
    )
    assert where.startswith("/acme/optimization?range=last_7d&project=web&done=")
    html = pages.html(where)
    assert "<strong>Accepted:</strong>" in html
    assert pages.json("acme/optimization")["findings"][0]["state"] == "accepted"
    assert (
        f'<span class="stat-figure">{usd(pages.json("acme/optimization", project="web")["saving_30d_usd"])}</span>'
        in html
    )
    found = DONE.search(where)
    assert found is not None
    back = decided(pages, f"decisions/{found[1]}/withdraw", {"filter": ""})
    assert back == "/acme/optimization?done=withdrawn"
    assert "The decision was taken back" in pages.html(back)
    assert "<strong>Accepted:</strong>" not in pages.html(where)
    assert pages.json("acme/optimization")["findings"][0]["state"] == "open"


def test_what_is_dismissed_or_suppressed_is_gone_until_withdrawn(pages: Analysed):
    decided(pages, "decisions", {"kind": "dismiss", "finding_id": BATCH})
    where = decided(
        pages,
        "decisions",
        {"kind": "suppress", "check_id": "batch_api", "project": "=cmd()", "reason": HOSTILE, "view": "catalog"},
    )
    assert where.startswith("/acme/optimization/catalog?done=")
    assert [one["finding_id"] for one in pages.json("acme/optimization")["findings"]] == [SWAP]
    html = pages.html("/acme/optimization")
    assert "Batch Api" not in html
    assert '<span class="stat-figure">2</span><span class="stat-note">each can be taken back' in html
    everywhere = decided(
        pages, "decisions", {"kind": "suppress", "check_id": "model_swap", "project": "", "view": "catalog"}
    )
    assert "suppressed everywhere" in pages.html(everywhere)
    assert "Nothing to recommend" in pages.html("/acme/optimization")
    whole = pages.html(
        decided(pages, "decisions", {"kind": "suppress", "check_id": "", "project": "web", "view": "catalog"})
    )
    assert "every check on <bdi>web</bdi>" in whole


def test_the_catalogue_has_each_checks_history_and_decisions(pages: Analysed):
    decided(pages, "decisions", {"kind": "accept", "finding_id": SWAP})
    html, answer = pages.html("/acme/optimization/catalog"), pages.json("acme/optimization/catalog")
    (check,) = answer["checks"]
    assert "fires now" in html
    for window in check["history"]:
        assert f"{window['window_from']} to {window['window_until']}" in html
        assert usd(window["saving_usd"]) in html
    assert "admin@pages.example" in html
    csv = pages.admin.get("/acme/tables/check-history.csv").text
    assert csv.splitlines()[0].startswith("check,check_id,window_from,window_until,findings")
    assert len(csv.splitlines()) == 3


def test_savings_say_before_after_interval_and_what_regressed(pages: Analysed):
    html, answer = pages.html("/acme/optimization/savings"), pages.json("acme/optimization/savings")
    assert f'<span class="stat-figure">{usd(answer["realised_usd"])}</span>' in html
    assert (usd(answer["realised_usd"]), answer["regressed"]) == ("$22.00", 1)
    assert '<span class="badge bad">regressed</span>' in html
    assert '<span class="badge ">not enough data</span>' in html
    assert "$9.00 to $11.00" in html
    drawn = pages.admin.get("/acme/charts/savings-per-thousand.json").json()["datasets"]["rows"]
    assert [(row["saved_usd"], row["is_regressed"]) for row in drawn] == [(10, False), (-4, True)] or [
        (row["saved_usd"], row["is_regressed"]) for row in drawn
    ] == [(-4, True), (10, False)]


def test_a_member_reads_and_decides_nothing(pages: Analysed):
    html = pages.html("/acme/optimization", by=pages.member)
    assert "Owners and Admins accept, dismiss and suppress." in html
    assert 'method="post" action="/acme/' not in html
    refused = pages.member.post_form("/acme/optimization/decisions", {"kind": "accept", "finding_id": SWAP})
    assert refused.status_code == 403
    with reading(pages.world.engine) as session:
        assert all(one.withdrawn_at_us for one in list_decisions(session, ACME))


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("decisions", {"kind": "suppress", "finding_id": SWAP}, 422),
        ("decisions", {"kind": "destroy", "finding_id": SWAP}, 422),
        ("decisions", {"kind": "accept", "finding_id": "0" * 64}, 404),
        ("decisions", {"kind": "accept", "finding_id": SWAP, "workspace": "empty"}, 422),
        ("decisions", {"kind": "suppress", "check_id": "no_such_check"}, 422),
        ("decisions", {"kind": "suppress"}, 422),
        ("decisions", {"kind": "suppress", "check_id": "model_swap", "project": "nobodys"}, 404),
        ("decisions", {"kind": "suppress", "check_id": "model_swap", "reason": "x" * 256}, 422),
        ("decisions/none/withdraw", {}, 404),
    ],
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(
    pages: Analysed, path: str, fields: dict[str, Any], status: int
):
    assert pages.admin.post_form(f"/acme/optimization/{path}", fields).status_code == status
    with reading(pages.world.engine) as session:
        assert not standing_decisions(session, ACME)


def test_a_form_leads_nowhere_but_back(pages: Analysed):
    for given in (
        "//evil.example",
        "x=1\r\nSet-Cookie: a=b",
        "done=00000000-0000-0000-0000-000000000000&range=last_7d",
    ):
        fields = {"kind": "dismiss", "finding_id": NIGHTLY, "view": "//evil.example", "filter": given}
        where = decided(pages, "decisions", fields)
        assert where.startswith("/acme/optimization?")
        assert not re.search(r"[\r\n]|evil\.example/|done=0000", where)


def test_before_the_first_analysis_pages_say_so(pages: Analysed):
    pointer = pages.world.home.analysis_pointer
    kept = pointer.rename(pointer.with_suffix(".kept"))
    try:
        for path in ("optimization", "optimization/catalog", "optimization/savings", "budgets", "anomalies"):
            assert "The analysis is not ready yet" in pages.html(f"/acme/{path}"), path
    finally:
        kept.rename(pointer)
    assert workspace_id("acme") == ACME
