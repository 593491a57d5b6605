"""From a daemon's upload to a number one can trust: one story, every figure computed here in plain Python."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.installation import Installation, Laptop
from tests.wire_records import batch, instant, record

NEW_YORK = ZoneInfo("America/New_York")
# The night clocks go back in New York: a day of 25 hours.
FALL_BACK = date(2026, 11, 1)

pytestmark = pytest.mark.timeout(1_200)  # whoever is first waits for the story to be told


class Story:
    """An agency's fortnight: what was sent, and what must come of it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        installation.answer(
            "workspace", "create", "Acme Co", "--owner", "vk@acme.co", "--plan", "team", "--time-zone", str(NEW_YORK)
        )
        installation.answer("workspace", "create", "Beta Ltd", "--owner", "b@beta.example", "--plan", "team")
        installation.start()
        self.first = installation.pair("acme-co", "vk.local", "a" * 32)
        self.second = installation.pair("acme-co", "build-host")
        self.other = installation.pair("beta-ltd", "beta.local")
        self.key = installation.answer("api-key", "create", "--workspace", "acme-co", "--name", "t")["api_key"]
        self.other_key = installation.answer("api-key", "create", "--workspace", "beta-ltd", "--name", "t")["api_key"]
        self.shown: dict[str, dict[str, Any]] = {}
        self.sent_by: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.receipts: list[dict[str, Any]] = []
        self.withheld: list[dict[str, Any]] = []

    def send(self, laptop: Laptop, records: list[Any]) -> dict[str, Any]:
        answer = laptop.upload(batch(records))
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        assert receipt["received"] == receipt["accepted"] + receipt["duplicates"] + len(receipt["quarantined"])
        self.receipts.append(receipt)
        return receipt

    def sends(self, laptop: Laptop, records: list[dict[str, Any]]) -> None:
        """Send rows that are to be shown, unless their id was sent before."""
        self.send(laptop, records)
        for row in records:
            self.sent_by[laptop.machine_id].setdefault(row["id"], self.shown.get(row["id"], row))
            self.shown.setdefault(row["id"], row)


def hours_of_the_long_day() -> list[dict[str, Any]]:
    """One call every half hour from the eve of the change to the morning after, in UTC."""
    start = datetime(2026, 10, 31, 20, tzinfo=UTC)
    return [
        record(
            ("dst", i), requested_at=instant(start + timedelta(minutes=30 * i)), cost_millicents=1 + i, project="dst"
        )
        for i in range(80)
    ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    installation = Installation(tmp_path_factory.mktemp("e2e") / "home")
    try:
        told = Story(installation)
        tell(told)
        yield told
    finally:
        installation.stop()


def tell(story: Story) -> None:
    """Send everything an agency's machines send, good and bad, in two builds."""
    first, second, other = story.first, story.second, story.other
    ordinary = [record(i, cost_millicents=1000 + i, project=f"client-{i % 3}") for i in range(40)]
    story.sends(first, [*ordinary, ordinary[0]])
    story.sends(second, [ordinary[1], *[record(("second", i), provider="openai", model="gpt-4o") for i in range(10)]])
    poison = [{"id": 5}, record("neg", input_tokens=-1), None, record("nan", latency_ms=float("nan"))]
    story.send(first, [poison[0], *poison[1:]])
    story.sends(first, [record("unknown", model="who-knows-1", cost_millicents=None)])
    story.sends(
        first, [record("minimal", project=None, source_machine=None, prompt_hash=None, attribution_method=None)]
    )
    imputed = {"billing_basis": "subscription_imputed", "cost_millicents": 777}
    story.sends(second, [record("imputed", **imputed)])
    story.sends(first, hours_of_the_long_day())
    story.send(first, [{**ordinary[2], "output_tokens": 999_999}])
    assert story.send(other, ordinary)["accepted"] == 40
    story.installation.answer("refresh")
    story.installation.answer("project", "archive", "client-2", "--workspace", "acme-co")
    story.withheld = [record(("archived", i), project="client-2", cost_millicents=5000) for i in range(3)]
    story.send(first, story.withheld)
    late = [record(("late", i), requested_at="2026-10-02T03:04:05Z", cost_millicents=31) for i in range(5)]
    story.sends(second, [*late, ordinary[5]])
    story.send(second, [record(("late", 0), requested_at="2026-10-02T03:04:05Z", cost_millicents=31)])
    story.installation.answer_here("refresh")


def whole(story: Story, path: str, **query: Any) -> dict[str, Any]:
    answer = story.installation.get(
        f"/v1/acme-co{path}", story.key, **({"range": "custom", "from": "2026-09-01", "to": "2026-11-30"} | query)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def usd(millicents: int) -> Decimal:
    return Decimal(millicents) / 100_000


def metered(rows: list[dict[str, Any]]) -> int:
    return sum(row["cost_millicents"] or 0 for row in rows if row["billing_basis"] is None)


def test_totals_are_exact_to_the_millicent_and_token(story: Story):
    rows = list(story.shown.values())
    totals = whole(story, "/projects")["totals"]
    assert totals["requests"] == len(rows)
    assert Decimal(totals["cost_usd"]) == usd(metered(rows))
    assert Decimal(totals["subscription_imputed_usd"]) == usd(777)
    assert totals["unpriced_requests"] == 1
    for key in ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens"):
        assert int(totals[key]) == sum(row[key] for row in rows), key


def test_our_own_price_is_the_published_one(story: Story):
    known = [row for row in story.shown.values() if row["billing_basis"] is None and row["model"] != "who-knows-1"]
    # USD per million tokens at the day of the calls: Claude Sonnet 4.5 3 / 0.30 / 15, GPT-4o 2.50 / 1.25 / 10.
    prices = {"anthropic": (3_000_000, 300_000, 15_000_000), "openai": (2_500_000, 1_250_000, 10_000_000)}
    total = 0
    for row in known:
        fresh, cached, output = prices[row["provider"]]
        inclusive = row["provider"] == "openai"
        uncached = max(row["input_tokens"] - row["cached_tokens"], 0) if inclusive else row["input_tokens"]
        total += uncached * fresh + row["cached_tokens"] * cached + row["output_tokens"] * output
    assert Decimal(whole(story, "/projects")["totals"]["cost_priced_usd"]) == Decimal(total) / 10**12


def test_every_project_has_its_own_sum_and_unshared_rows_a_bucket(story: Story):
    expected: defaultdict[str, int] = defaultdict(int)
    for row in story.shown.values():
        expected[row["project"] or "(not shared)"] += metered([row])
    shown = {item["project"]: Decimal(item["cost_usd"]) for item in whole(story, "/projects")["projects"]}
    assert {slug: value for slug, value in shown.items() if value} == {
        slug: usd(value) for slug, value in expected.items() if value
    }


def test_days_of_the_reporting_zone_are_exact_across_the_clock_change(story: Story):
    expected: defaultdict[str, int] = defaultdict(int)
    for row in hours_of_the_long_day():
        local = datetime.fromisoformat(row["requested_at"]).astimezone(NEW_YORK).date()
        expected[local.isoformat()] += row["cost_millicents"]
    assert (
        sum(
            1
            for row in hours_of_the_long_day()
            if datetime.fromisoformat(row["requested_at"]).astimezone(NEW_YORK).date() == FALL_BACK
        )
        == 50
    )
    project = whole(story, "/projects/dst")
    daily = {item["day"]: Decimal(item["cost_usd"]) for item in project["spend_over_time"]["daily"]}
    assert {day: value for day, value in daily.items() if value} == {day: usd(v) for day, v in expected.items()}


def test_rows_of_an_archived_project_come_back_when_it_is_restored(story: Story):
    before = Decimal(whole(story, "/projects/client-2")["totals"]["cost_usd"])
    assert story.receipts[-3]["withheld"] == [{"project": "client-2", "reason": "project_archived", "rows": 3}]
    story.installation.answer("project", "restore", "client-2", "--workspace", "acme-co")
    story.installation.answer_here("refresh")
    assert Decimal(whole(story, "/projects/client-2")["totals"]["cost_usd"]) == before + usd(15_000)
    story.shown |= {row["id"]: row for row in story.withheld}


def test_the_other_workspace_has_its_own_copy_of_shared_ids_and_nothing_else(story: Story):
    answer = story.installation.get(
        "/v1/beta-ltd/requests", story.other_key, range="custom", **{"from": "2026-09-01", "to": "2026-11-30"}
    )
    assert answer.json()["totals"]["requests"] == 40
    shown = story.installation.get("/v1/acme-co/overview", story.other_key)
    absent = story.installation.get("/v1/no-such-place/overview", story.other_key)
    assert (shown.status_code, shown.content) == (absent.status_code, absent.content)
    assert shown.status_code == 404
    trace = story.installation.get(f"/v1/beta-ltd/traces/{record('imputed')['id']}", story.other_key)
    assert trace.status_code == 404


def test_a_laptop_that_has_just_synced_agrees_with_the_server_at_once(story: Story):
    fresh = record(
        "fresh",
        requested_at="2026-11-03T10:00:00Z",
        recorded_at="2026-11-03T10:00:01Z",
        project="fresh",
        cost_millicents=9,
    )
    story.send(story.second, [fresh])
    totals = story.second.call(
        "GET", "/v1/reconciliation/daemon-totals", params={"from_date": "2026-09-01", "to_date": "2026-11-30"}
    ).json()["rows"]
    own = {**story.sent_by[story.second.machine_id], fresh["id"]: fresh}
    assert sum(row["request_count"] for row in totals) == len(own)
    assert sum(row["cost_usd_minor_units"] for row in totals) == sum(r["cost_millicents"] or 0 for r in own.values())
    assert sum(row["prompt_tokens"] for row in totals) == sum(r["input_tokens"] for r in own.values())
    old_names = story.second.call(
        "GET", "/v1/reconciliation/daemon-totals", params={"from": "2026-11-03", "to": "2026-11-03"}
    )
    assert [row["project"] for row in old_names.json()["rows"]] == ["fresh"]


def test_each_batch_is_accounted_for_in_the_end(story: Story):
    for laptop in (story.first, story.second):
        accounts = laptop.call("GET", "/v1/daemon/receipts").json()["receipts"]
        for account in accounts:
            assert account["received"] == account["landed"] + account["duplicate"] + account["quarantined"]
    settled = story.first.call("GET", "/v1/daemon/receipts").json()["receipts"]
    # The copy with other content is a conflict; the row another device had sent is a duplicate.
    assert [a["quarantined"] for a in settled if (a["received"], a["landed"]) == (1, 0)] == [1]
    assert all(account["state"] == "final" for account in settled)


def test_a_trace_leads_to_the_batch_the_file_and_the_price(story: Story):
    wanted = record(7, cost_millicents=1007, project="client-1")
    trace = story.installation.get(f"/v1/acme-co/traces/{wanted['id']}", story.key).json()
    text = json.dumps(trace)
    assert story.first.machine_id in text
    assert story.receipts[0]["batch_id"] in text
    (path,) = [p for p in (story.installation.home / "landing").rglob("*.parquet") if p.name in text]
    assert path.exists()
    assert "genai-prices" in text or "rate" in text


def test_csv_holds_the_same_rows_as_the_json(story: Story):
    answer = story.installation.get(
        "/v1/acme-co/requests.csv", story.key, range="custom", **{"from": "2026-09-01", "to": "2026-11-30"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["request_id"] for row in rows} == set(story.shown)


def test_incremental_equals_full_and_verify_proves_both(story: Story):
    assert story.installation.answer("verify")["ok"] is True

    def answers() -> list[dict[str, Any]]:
        seen = [whole(story, path) for path in ("/projects", "/projects/dst")]
        return [{key: value for key, value in one.items() if key not in {"build_id", "built_at"}} for one in seen]

    story.installation.answer_here("refresh")
    before = answers()
    story.installation.answer("refresh", "--full")
    after = answers()
    assert json.dumps(after, sort_keys=True).replace("\n", "") == json.dumps(before, sort_keys=True).replace("\n", "")
    assert story.installation.answer("verify")["ok"] is True


def test_verify_names_a_damaged_file(story: Story, tmp_path: Path):
    victim = next((story.installation.home / "landing").rglob("*_*.parquet"))
    content = victim.read_bytes()
    try:
        victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = story.installation.run("verify", check=False)
        assert done.returncode == 1
        assert victim.name in done.stdout
    finally:
        victim.write_bytes(content)
