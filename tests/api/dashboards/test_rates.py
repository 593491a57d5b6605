"""Rates as a workspace sees them, usage repriced, and totals restated: request by request by another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from api.audit import OPERATOR
from api.dashboards.rates import usage
from api.dashboards.rates.book import own_rates
from api.db.session import reading, transaction
from api.rate_overrides import NegotiatedRate, set_rate_override, withdraw_rate_override
from pipelines.lake.paths import Home
from pipelines.lake.pricing import RateIndex, TokenKinds, price_picousd
from pipelines.lake.rate_book import SINCE_EVER, UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.lake.rate_book_file import KINDS, RATE_BOOK_SCHEMA
from pipelines.rates.export import MODEL_ALIASES_SCHEMA, write_table
from tests.api.dashboards.facts import KIND_TOKENS, MODELS, NOW, RequestFact, withheld_reason, workspace_id
from tests.api.dashboards.world import World, build_world

SLUG = "acme"
MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
THEN = datetime(2026, 3, 20, tzinfo=UTC)
"""The instant totals are compared with."""
CHANGED = datetime(2026, 3, 10, tzinfo=UTC)
CHEAP, DEAR = TokenRates(100_000, 10_000, 125_000, 200_000, 500_000), TokenRates(9, 8, 7, 6, 5)


def rate(model: str, rates: TokenRates, known_from: datetime = SINCE_EVER, **changes: Any) -> Rate:
    provider = next(one for one, name in MODELS if name == model)
    common: dict[str, Any] = {
        "service_tier": "standard", "context_over_tokens": 0, "valid_from": SINCE_EVER,
        "valid_to": UNTIL_FURTHER_NOTICE, "source": "test",
    }  # fmt: skip
    return Rate(provider=provider, model_ref=model, rates=rates, known_from=known_from, **{**common, **changes})


BOOK = (
    rate("claude-sonnet-4-5", TokenRates(3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000)),
    rate("claude-sonnet-4-5", TokenRates(6_000_000, 600_000, 7_500_000, None, 22_500_000), context_over_tokens=8_000),
    rate("claude-sonnet-4-5", CHEAP, service_tier="batch"),
    rate("claude-haiku-4-5", TokenRates(1_000_000, 100_000, None, None, 5_000_000), valid_to=CHANGED),
    rate("claude-haiku-4-5", CHEAP, valid_from=CHANGED),
    rate("gpt-5", DEAR, known_from=NOW - timedelta(days=2)),
    rate("gpt-5-mini", CHEAP),
    rate("gpt-5-mini", DEAR, valid_from=CHANGED, known_from=NOW - timedelta(days=3)),
    rate("grok-5", TokenRates(1, None, None, None, 1)),
)


def kinds_of(row: RequestFact) -> TokenKinds:
    return TokenKinds(**{kind: row[column] for kind, column in KIND_TOKENS.items()}, inconsistent=False)


def total_input(row: RequestFact) -> int:
    return sum(row[column] for kind, column in KIND_TOKENS.items() if kind != "output")


def found_rate(rates: Sequence[Rate], row: RequestFact, **changes: Any) -> Rate | None:
    asked = {"provider": row["provider"], "model_ref": row["model"], "at": row["requested_at"], **changes}
    tier, owner = row["service_tier"], row["workspace_id"]
    return RateIndex(rates).find(**asked, service_tier=tier, total_input=total_input(row), workspace_id=owner)


def priced(rates: Sequence[Rate], row: RequestFact, **changes: Any) -> int | None:
    found = found_rate(rates, row, **changes)
    return None if found is None else price_picousd(kinds_of(row), found.rates)


def usd(picousd: int) -> str:
    return format(Decimal(picousd).scaleb(-12), "f") if picousd else "0.000000000000"


def write_book(home: Home) -> None:
    """Write the exports as the refresh does."""
    rows = [
        {
            **{name: getattr(one, name, None) for name in RATE_BOOK_SCHEMA.names},
            **{f"{kind}_picousd_per_token": getattr(one.rates, kind) for kind in KINDS},
            "currency": "USD",
        }
        for one in BOOK
    ]
    table = pa.Table.from_pylist(rows, schema=RATE_BOOK_SCHEMA)
    write_table(home.exports / "rate_book.parquet", table.replace_schema_metadata({"version": "v1"}))
    names = [{"provider": one, "model": name, "model_ref": name, "display_name": name} for one, name in MODELS]
    aliases = [
        *names,
        {"provider": "anthropic", "model": "sonnet", "model_ref": "claude-sonnet-4-5", "display_name": ""},
    ]
    write_table(home.exports / "model_aliases.parquet", pa.Table.from_pylist(aliases, schema=MODEL_ALIASES_SCHEMA))


def negotiate(world: World) -> None:
    """Agree on a price that is superseded after THEN, on one that is withdrawn, and on one of another workspace."""
    gemini = NegotiatedRate(
        provider="gemini", model_ref="gemini-3-pro", valid_from=SINCE_EVER, prices=vars_of(CHEAP), note="contract"
    )
    llama = replace(gemini, provider="groq", model_ref="llama, the 4th", prices=vars_of(DEAR))
    with transaction(world.engine) as session:
        owner = workspace_id(SLUG)
        for at, one in ((THEN - timedelta(days=9), gemini), (THEN - timedelta(days=8), llama)):
            set_rate_override(session, owner, one, actor=OPERATOR, at=at)
        dearer = replace(gemini, prices=vars_of(DEAR))
        set_rate_override(session, owner, dearer, actor=OPERATOR, at=THEN + timedelta(days=1))
        set_rate_override(session, workspace_id("island"), gemini, actor=OPERATOR, at=THEN)
        withdrawn = next(one for one in own_rates(session, owner) if one.rate.provider == "groq")
        withdraw_rate_override(session, owner, withdrawn.override_id, actor=OPERATOR, at=THEN + timedelta(days=2))


def vars_of(rates: TokenRates) -> dict[str, int]:
    return {kind: getattr(rates, kind) for kind in KINDS}


def known(world: World, at: datetime) -> list[Rate]:
    with reading(world.engine) as session:
        own = own_rates(session, workspace_id(SLUG))
    kept = [
        one.rate for one in own if one.rate.known_from <= at and (one.withdrawn_at is None or at < one.withdrawn_at)
    ]
    return [*(one for one in BOOK if one.known_from <= at), *kept]


@pytest.fixture(scope="module")
def priced_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose rows are priced by `BOOK` and what was negotiated."""
    world = build_world(tmp_path_factory.mktemp("rates"), rows_each=300, published=False)
    write_book(world.home)
    negotiate(world)
    rates = known(world, NOW)
    for number, row in enumerate(world.rows):
        row["service_tier"] = ("standard", "standard", "batch")[number % 3]
        if number % 4 == 0:
            row["cache_write_1h_tokens"] = 0
        if number % 8 == 0:
            row["cache_write_5m_tokens"] = row["cache_read_tokens"] = 0
        row["cost_priced_picousd"] = priced(rates, row)
        if MONTH[0] <= row["requested_at"] < THEN and number % 11 == 0:
            row["received_at"] = THEN + timedelta(hours=5)
            row["withheld_reason"] = withheld_reason(row["project"], row["received_at"])
    world.publish("b20260407T030900-00000001")
    yield world
    world.close()


def post(world: World, body: dict[str, Any], query: str = "", status: int = 200) -> dict[str, Any]:
    sent = {"Authorization": f"Bearer {world.keys[SLUG]}"}
    answer = world.client.post(f"/v1/{SLUG}/rates/what-if{query}", json=body, headers=sent)
    assert answer.status_code == status, answer.text
    return answer.json()


def of_view(world: World, keep: Callable[[RequestFact], bool] = lambda row: True) -> list[RequestFact]:
    last_30 = world.last_days(SLUG, 30)
    return world.visible(SLUG, lambda row: row["spend_kind"] == "metered" and last_30(row) and keep(row))


def check(shown: dict[str, Any], rows: Sequence[RequestFact], repriced: Callable[[RequestFact], int | None]) -> None:
    """Hold an answer's sums to those of single requests."""
    assert shown["requests"] == len(rows)
    assert shown["tokens"] == {kind: sum(row[column] for row in rows) for kind, column in KIND_TOKENS.items()}
    costs = [(row["cost_priced_picousd"], repriced(row)) for row in rows]
    both = [(now, then) for now, then in costs if now is not None and then is not None]
    assert shown["cost_priced_usd"] == usd(sum(now or 0 for now, _ in costs))
    assert shown["unrated_requests"] == sum(now is None for now, _ in costs)
    assert shown["repriced_usd"] == usd(sum(then or 0 for _, then in costs))
    assert shown["unrepriced_requests"] == sum(then is None for _, then in costs)
    assert shown["compared_requests"] == len(both)
    assert Decimal(shown["difference_usd"]) == Decimal(sum(then - now for now, then in both)).scaleb(-12)


@pytest.mark.parametrize("missing", ["unpriced", "uncached_input"])
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-haiku-4-5", "grok-5"])
def test_usage_is_repriced_at_another_model_request_by_request(priced_world: World, model: str, missing: str):
    provider = next(one for one, name in MODELS if name == model)
    shown = post(priced_world, {"provider": provider, "model": model, "missing": missing}, "?provider=openai,xai")
    rates = known(priced_world, NOW)
    if missing == "uncached_input":
        rates = [replace(one, rates=filled(one.rates)) for one in rates]
    rows = of_view(priced_world, lambda row: row["provider"] in {"openai", "xai"})

    def repriced(row: RequestFact) -> int | None:
        return priced(rates, row, provider=provider, model_ref=model, at=NOW)

    check(shown["total"], rows, repriced)
    by_model: defaultdict[tuple[str, str], list[RequestFact]] = defaultdict(list)
    for row in rows:
        by_model[row["provider"], row["model"]].append(row)
    assert {(one["provider"], one["model"]) for one in shown["models"]} == set(by_model)
    for one in shown["models"]:
        check(one, by_model[one["provider"], one["model"]], repriced)


def filled(rates: TokenRates) -> TokenRates:
    own = {kind: getattr(rates, kind) for kind in KINDS}
    cached = ("cache_read", "cache_write_5m", "cache_write_1h")
    return TokenRates(**{**own, **{kind: rates.uncached_input for kind in cached if own[kind] is None}})


def test_prices_of_an_earlier_instant_and_names_of_daemons_are_taken(priced_world: World):
    early = post(priced_world, {"provider": "anthropic", "model": "claude-haiku-4-5", "at": "2026-03-01T00:00:00Z"})
    rates = known(priced_world, NOW)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    check(
        early["total"],
        of_view(priced_world),
        lambda row: priced(rates, row, provider="anthropic", model_ref="claude-haiku-4-5", at=at),
    )
    named = post(priced_world, {"provider": "anthropic", "model": "sonnet"})
    assert named["model_ref"] == "claude-sonnet-4-5"
    assert named["total"] == post(priced_world, {"provider": "anthropic", "model": "claude-sonnet-4-5"})["total"]


def test_usage_is_read_once_a_build_and_filter_whatever_prices_are_tried(
    priced_world: World, monkeypatch: pytest.MonkeyPatch
):
    read: list[object] = []
    reading_it = usage._read

    def counted(*asked: Any) -> Any:
        read.append(asked)
        return reading_it(*asked)

    monkeypatch.setattr(usage, "_read", counted)
    one, other = "?range=last_7d&provider=anthropic", "?range=last_7d&provider=openai"
    for model in ("claude-haiku-4-5", "claude-sonnet-4-5"):
        for query in (one, other):
            post(priced_world, {"provider": "anthropic", "model": model}, query)
    assert len(read) == 2
    priced_world.publish("b20260407T030930-00000002")
    post(priced_world, {"provider": "anthropic", "model": "claude-haiku-4-5"}, one)
    assert len(read) == 3, "of another build it is another"


@pytest.mark.parametrize("less", [0, 1])
def test_given_rates_price_by_their_own_bands(priced_world: World, less: int):
    """A band takes calls with more input than it says: one with just as much is not in it, one with one more is."""
    inputs = sorted({total_input(row) for row in of_view(priced_world)})
    over = inputs[len(inputs) // 2] - less
    base = {
        "uncached_input": "2.5",
        "output": "10",
        "cache_read": "0.000001",
        "cache_write_5m": "3",
        "cache_write_1h": "4",
    }
    long = {**base, "context_over_tokens": over, "uncached_input": "5"}
    shown = post(priced_world, {"rates": [long, base]})
    cheap = TokenRates(2_500_000, 1, 3_000_000, 4_000_000, 10_000_000)

    def repriced(row: RequestFact) -> int | None:
        rates = replace(cheap, uncached_input=5_000_000) if total_input(row) > over else cheap
        return price_picousd(kinds_of(row), rates)

    check(shown["total"], of_view(priced_world), repriced)
    assert shown["total"]["unrepriced_requests"] == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"provider": "openai"}, {"model": "gpt-5"}, {"provider": "openai", "model": "gpt-99"}, {"rates": []},
     {"provider": "openai", "model": "gpt-5", "rates": [{"uncached_input": "1", "output": "1"}]},
     {"rates": [{"uncached_input": "1"}]}, {"rates": [{"uncached_input": "-1", "output": "1"}]},
     {"rates": [{"uncached_input": "1801", "output": "1"}]},
     {"rates": [{"uncached_input": "0.0000001", "output": "1"}]},
     {"rates": [{"uncached_input": "1", "output": "1", "context_over_tokens": 9}]},
     {"rates": [{"uncached_input": "1", "output": "1"}] * 2},
     {"provider": "openai", "model": "gpt-5", "at": "2026-03-01"},
     {"provider": "openai", "model": "gpt-5", "colour": "red"}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(priced_world: World, body: dict[str, Any]):
    post(priced_world, body, status=422)


def test_totals_then_and_now_differ_by_their_causes_exactly(priced_world: World):
    shown = priced_world.json(f"{SLUG}/rates/restatements", month="2026-03", known_at=THEN.isoformat())
    mine = [
        row
        for row in priced_world.rows
        if row["workspace_id"] == workspace_id(SLUG)
        and row["spend_kind"] == "metered"
        and MONTH[0] <= row["requested_at"] < MONTH[1]
    ]
    before, after = known(priced_world, THEN), known(priced_world, NOW)
    seen = [row for row in mine if row["received_at"] <= THEN]
    assert 0 < len(seen) < len(mine)
    assert (shown["said_requests"], shown["now_requests"]) == (len(seen), len(mine))
    said, now = sum(priced(before, row) or 0 for row in seen), sum(priced(after, row) or 0 for row in mine)
    assert (shown["said_usd"], shown["now_usd"]) == (usd(said), usd(now))
    assert shown["said_unpriced_requests"] == sum(priced(before, row) is None for row in seen)
    assert shown["as_built"] is True
    expected: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in mine:
        cause = cause_of(row, before, after)
        if cause:
            change = (priced(after, row) or 0) - (0 if row["received_at"] > THEN else priced(before, row) or 0)
            expected[cause, row["model"]] += change
    found = {(part["cause"], part["model"]): part["change_usd"] for part in shown["parts"]}
    assert found == {key: usd(change) for key, change in expected.items()}
    assert {cause for cause, _ in found} == {
        "late_requests", "new_rate_known", "negotiated_rate_changed", "list_rate_changed",
    }  # fmt: skip
    assert sum(Decimal(part["change_usd"]) for part in shown["parts"]) == Decimal(shown["change_usd"])


def cause_of(row: RequestFact, before: Sequence[Rate], after: Sequence[Rate]) -> str:
    if row["received_at"] > THEN:
        return "late_requests"
    then, now = found_rate(before, row), found_rate(after, row)
    if (then and then.rate_id) == (now and now.rate_id):
        return ""
    if (then and then.workspace_id) or (now and now.workspace_id):
        return "negotiated_rate_changed"
    return "new_rate_known" if then is None else "list_rate_changed"


def test_a_build_names_the_instant_and_nothing_changes_from_now_to_now(priced_world: World):
    path = f"{SLUG}/rates/restatements"
    built = priced_world.json(path, month="2026-03", build_id="b20260320T000000-00000001")
    assert built == priced_world.json(path, month="2026-03", known_at=THEN.isoformat())
    same = priced_world.json(path, month="2026-03", known_at=NOW.isoformat())
    assert (same["parts"], same["change_usd"]) == ([], "0.000000000000")
    assert same["not_known"]
    month, now, build = {"month": "2026-03"}, {"known_at": NOW.isoformat()}, {"build_id": "b20260320T000000-00000001"}
    for query in (
        {}, month, now, {"month": "2026-3", **now}, {**month, "build_id": "x"}, {**month, "known_at": "yesterday"},
        {**month, **now, **build},
    ):  # fmt: skip
        assert priced_world.get(path, **query).status_code == 422, query


def test_the_book_shows_everyones_prices_and_only_ones_own(priced_world: World):
    shown = priced_world.json(f"{SLUG}/rates")["rates"]
    assert {one["scope"] for one in shown} == {"list", "negotiated"}
    own = [one for one in shown if one["scope"] == "negotiated"]
    assert [(one["provider"], one["note"], one["withdrawn_at"]) for one in own] == [("gemini", "contract", None)]
    assert own[0]["usd_per_million_tokens"]["output"] == "0.000005"
    haiku = priced_world.json(f"{SLUG}/rates", provider="anthropic", model="claude-haiku-4-5")["rates"]
    assert [one["valid_from"] for one in haiku] == ["2026-03-10T00:00:00Z"]
    before = priced_world.json(f"{SLUG}/rates", model="claude-haiku-4-5", at="2026-03-09T00:00:00Z")["rates"]
    assert before[0]["usd_per_million_tokens"]["cache_write_5m"] is None
    ever = priced_world.json(f"{SLUG}/rates", history="1")["rates"]
    assert len(ever) == len(BOOK) + 3
    assert sum(one["withdrawn_at"] is not None for one in ever) == 2
    island = priced_world.json("island/rates", history="1")["rates"]
    assert [one["scope"] for one in island].count("negotiated") == 1
    named = priced_world.json(f"{SLUG}/rates", provider="anthropic", model="sonnet")["rates"]
    assert {one["model_ref"] for one in named} == {"claude-sonnet-4-5"}
    first = priced_world.json(f"{SLUG}/rates", history="1", limit="2")
    rest = priced_world.json(f"{SLUG}/rates", history="1", cursor=first["next_cursor"])
    assert (first["rates"] + rest["rates"], rest["next_cursor"]) == (ever, None)
    wrongs = ({"at": "2026-03-09"}, {"history": "yes"}, {"colour": "red"}, {"limit": "0"}, {"cursor": "bm8"})
    for wrong in wrongs:
        assert priced_world.get(f"{SLUG}/rates", **wrong).status_code == 422


def test_without_a_book_or_a_build_there_is_nothing_and_no_error(fresh_world: Callable[..., World]):
    world = fresh_world(rows_each=1, published=False)
    (world.home.exports / "rate_book.parquet").unlink()
    assert world.json(f"{SLUG}/rates")["rates"] == []
    post(world, {"provider": "openai", "model": "gpt-5"}, status=422)
    assert post(world, {"rates": [{"uncached_input": "1", "output": "1"}]})["total"]["requests"] == 0
    shown = world.json(f"{SLUG}/rates/restatements", month="2026-03", known_at=THEN.isoformat())
    assert (shown["now_usd"], shown["parts"]) == ("0.000000000000", [])
