"""Negotiated prices: set, superseded, withdrawn, listed; audited, and a matter of one workspace."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from api.audit import OPERATOR, verify_chain
from api.cli.main import cli
from api.db.models import AuditRecord, RateOverride
from api.db.session import reading, transaction
from api.errors import Refused
from api.rate_overrides import (
    PICOUSD_PER_TOKEN_MAX,
    PRICE_KINDS,
    NegotiatedRate,
    list_rate_overrides,
    set_rate_override,
    withdraw_rate_override,
)
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.rate_book import MAX_PICOUSD_PER_TOKEN, UNTIL_FURTHER_NOTICE, Rate, TokenRates, picousd_per_token
from pipelines.lake.rate_book_file import KINDS
from pipelines.negotiated_rates import read_negotiated_rates
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HAIKU = NegotiatedRate(
    provider="anthropic", model_ref="claude-haiku-4-5", prices={"uncached_input": 800_000}, valid_from=SINCE
)
NOBODY = "00000000-0000-4000-8000-000000000000"


def put(engine: Engine, workspace_id: str, rate: NegotiatedRate, clock: FixedClock) -> tuple[str, str | None]:
    """Set a rate; the clock goes on by a second."""
    with transaction(engine) as session:
        row, superseded = set_rate_override(session, workspace_id, rate, actor=OPERATOR, at=clock.now())
        clock.advance(timedelta(seconds=1))
        return row.id, superseded


def withdraw(engine: Engine, workspace_id: str, rate_id: str, clock: FixedClock) -> None:
    with transaction(engine) as session:
        withdraw_rate_override(session, workspace_id, rate_id, actor=OPERATOR, at=clock.now())


def listed(engine: Engine, workspace_id: str) -> list[tuple[str, int | None]]:
    with reading(engine) as session:
        return [(row.id, row.withdrawn_at_us) for row in list_rate_overrides(session, workspace_id)]


def exported(engine: Engine) -> tuple[Rate, ...]:
    with engine.connect() as connection:
        return read_negotiated_rates(connection)


def rate_events(engine: Engine, workspace_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    query = select(AuditRecord).where(AuditRecord.workspace_id == workspace_id).order_by(AuditRecord.position)
    with reading(engine) as session:
        assert verify_chain(session.connection(), workspace_id).differences == []
        return [
            (one.event, one.resource_id, json.loads(one.details))
            for one in session.scalars(query)
            if one.resource_type == "rate"
        ]


def test_a_set_rate_is_listed_audited_and_exported(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    set_at = clock.now()
    rate_id, superseded = put(engine, workspace_id, HAIKU, clock)
    assert superseded is None
    assert listed(engine, workspace_id) == [(rate_id, None)]
    event, resource, details = rate_events(engine, workspace_id)[0]
    assert (event, resource) == ("rate.set", rate_id)
    assert details["uncached_input_picousd_per_token"] == 800_000
    assert (details["valid_from"], details["valid_to"]) == ("2026-01-01T00:00:00Z", None)
    assert exported(engine) == (
        Rate(
            "anthropic", "claude-haiku-4-5", "standard", 0, SINCE, UNTIL_FURTHER_NOTICE, TokenRates(800_000),
            "negotiated", known_from=set_at, workspace_id=workspace_id,
        ),
    )  # fmt: skip


def test_every_price_arrives_as_its_own_kind(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    prices = {kind: number for number, kind in enumerate(PRICE_KINDS)}
    put(engine, workspace_id, replace(HAIKU, prices=prices, valid_to=SINCE + timedelta(days=1)), clock)
    assert [(one.rates, one.valid_to) for one in exported(engine)] == [
        (TokenRates(**prices), SINCE + timedelta(days=1))
    ]


def test_setting_the_same_key_again_supersedes_and_keeps_the_history(
    engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    first, _ = put(engine, workspace_id, HAIKU, clock)
    superseded_at = to_micros(clock.now())
    second, superseded = put(engine, workspace_id, replace(HAIKU, prices={"uncached_input": 700_000}), clock)
    assert superseded == first
    assert listed(engine, workspace_id) == [(first, superseded_at), (second, None)]
    assert [one.rates.uncached_input for one in exported(engine)] == [700_000]
    assert rate_events(engine, workspace_id)[1][2]["superseded"] == first


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "gemini"},
        {"model_ref": "claude-sonnet-4-5"},
        {"service_tier": "batch"},
        {"context_over_tokens": 200_000},
        {"valid_from": SINCE + timedelta(days=1)},
    ],
    ids=lambda change: next(iter(change)),
)
@on_sqlite
def test_another_key_supersedes_nothing(
    change: dict[str, Any], engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    put(engine, workspace_id, HAIKU, clock)
    assert put(engine, workspace_id, replace(HAIKU, **change), clock)[1] is None
    assert len(exported(engine)) == 2


def test_a_withdrawn_rate_stays_listed_and_is_no_longer_exported(
    engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    rate_id, _ = put(engine, workspace_id, HAIKU, clock)
    withdraw(engine, workspace_id, rate_id, clock)
    assert listed(engine, workspace_id) == [(rate_id, to_micros(clock.now()))]
    assert exported(engine) == ()
    assert [event for event, _, _ in rate_events(engine, workspace_id)] == ["rate.set", "rate.withdrawn"]
    with pytest.raises(Refused, match="No such rate"):
        withdraw(engine, workspace_id, rate_id, clock)
    assert len(rate_events(engine, workspace_id)) == 2
    assert put(engine, workspace_id, HAIKU, clock)[1] is None


def test_workspaces_do_not_see_or_touch_each_others_rates(
    engine: Engine, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    other = tenants.workspace("Other")
    mine, _ = put(engine, workspace_id, HAIKU, clock)
    theirs, superseded = put(engine, other, HAIKU, clock)
    assert superseded is None
    assert listed(engine, workspace_id) == [(mine, None)]
    for absent in (theirs, NOBODY, "", "'"):
        with pytest.raises(Refused, match="No such rate"):
            withdraw(engine, workspace_id, absent, clock)
    assert {one.workspace_id for one in exported(engine)} == {workspace_id, other}
    with pytest.raises(Refused, match="No such workspace"):
        put(engine, NOBODY, HAIKU, clock)


def test_many_operators_at_once_leave_one_rate_in_force(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    def one(price: int) -> None:
        put(engine, workspace_id, replace(HAIKU, prices={"output": price}), FixedClock(clock.now()))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert len(exported(engine)) == 1
    assert len(listed(engine, workspace_id)) == len(rate_events(engine, workspace_id)) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"provider": ""},
        {"model_ref": " "},
        {"model_ref": "x" * 256},
        {"provider": "a\x00b"},
        {"service_tier": ""},
        {"note": "x" * 1001},
        {"note": "a\x00b"},
        {"prices": {}},
        {"prices": {"audio": 1}},
        {"prices": {"output": -1}},
        {"prices": {"output": PICOUSD_PER_TOKEN_MAX + 1}},
        {"context_over_tokens": -1},
        {"context_over_tokens": 10**18},
        {"valid_to": SINCE},
        {"valid_from": datetime(1969, 12, 31, tzinfo=UTC)},
        {"valid_from": datetime(9999, 12, 31, tzinfo=UTC)},
    ],
    ids=range(16),
)
@on_sqlite
def test_unusable_values_are_refused_and_leave_nothing(
    change: dict[str, Any], engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    with pytest.raises(Refused) as refusal:
        put(engine, workspace_id, replace(HAIKU, **change), clock)
    assert refusal.value.status == 422
    assert listed(engine, workspace_id) == []
    assert rate_events(engine, workspace_id) == []


def test_the_limits_and_kinds_are_the_rate_books() -> None:
    assert PICOUSD_PER_TOKEN_MAX == MAX_PICOUSD_PER_TOKEN == picousd_per_token(Decimal(1800))
    assert PRICE_KINDS == KINDS
    columns = RateOverride.__table__.columns.keys()
    assert [name for name in columns if name.endswith("_picousd_per_token")] == [
        f"{kind}_picousd_per_token" for kind in KINDS
    ]


def command(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["rate", *arguments, "--workspace", "acme-co"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def refusal_of(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["rate", *arguments, "--workspace", "acme-co"])
    assert isinstance(done.exception, Refused), done.output
    return str(done.exception)


def test_the_command_sets_lists_and_withdraws(engine: Engine, workspace_id: str) -> None:
    haiku = ("--provider", "anthropic", "--model", "claude-haiku-4-5-20251001")
    first = command("set", *haiku, "--from", "2026-01-01", "--input", "0.8", "--cache-write-5m", "1.000001")
    assert first["model_ref"] == "claude-haiku-4-5"
    assert (first["valid_from"], first["valid_to"]) == ("2026-01-01T00:00:00Z", None)
    assert first["usd_per_million_tokens"] == {
        "uncached_input": "0.800000", "cache_read": "0.100000", "cache_write_5m": "1.000001",
        "cache_write_1h": "2.000000", "output": "5.000000",
    }  # fmt: skip
    assert first["list_priced"] == ["cache_read", "cache_write_1h", "output"]
    again = command("set", *haiku, "--from", "2026-01-01", "--until", "2026-02-01", "--output", "4", "--note", "n 7")
    assert (again["superseded"], again["valid_to"], again["note"]) == (first["id"], "2026-02-01T00:00:00Z", "n 7")
    assert [(one["id"], one["withdrawn_at"] is None) for one in command("list")["rates"]] == [
        (first["id"], False),
        (again["id"], True),
    ]
    assert command("withdraw", again["id"])["withdrawn_at"]
    assert exported(engine) == ()


@on_sqlite
def test_a_rate_without_a_first_day_begins_today(engine: Engine, workspace_id: str) -> None:
    answer = command("set", "--provider", "anthropic", "--model", "claude-haiku-4-5", "--output", "4")
    assert answer["valid_from"] == f"{answer['known_from'][:10]}T00:00:00Z"


SONNET = ("--provider", "anthropic", "--model", "claude-sonnet-4-5", "--from", "2026-01-01")
ALL_KINDS = ("--input", "1", "--cache-read", "1", "--cache-write-5m", "1", "--cache-write-1h", "1", "--output", "1")


@on_sqlite
def test_a_kind_with_several_list_prices_has_to_be_given(engine: Engine, workspace_id: str) -> None:
    reason = refusal_of("set", *SONNET, "--input", "2", "--output", "10")
    assert reason.endswith("give --cache-read, --cache-write-5m, --cache-write-1h too.")
    batch = ("--provider", "anthropic", "--model", "claude-haiku-4-5", "--tier", "batch", "--output", "1")
    assert "within the period" in refusal_of("set", *batch, "--from", "2026-01-01")
    assert command("set", *batch, "--from", "2026-01-01", "--until", "2026-10-14")["list_priced"]
    assert command("set", *SONNET, "--over-tokens", "200000", "--input", "4")["usd_per_million_tokens"] == {
        "uncached_input": "4.000000", "cache_read": "0.600000", "cache_write_5m": "7.500000",
        "cache_write_1h": "12.000000", "output": "22.500000",
    }  # fmt: skip
    assert command("set", *SONNET, *ALL_KINDS)["list_priced"] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--provider", "google", "--model", "gemini-2.5-pro", "--output", "1"), "no such model"),
        (("--provider", "anthropic", "--model", "nothing", "--output", "1"), "no such model"),
        (("--provider", "", "--model", "", "--output", "1"), "no such model"),
        ((*SONNET, "--tier", "batsh", "--output", "1"), "tiers are batch, fast, standard"),
        (SONNET, "At least one price"),
        ((*SONNET, *ALL_KINDS, "--until", "2025-01-01"), "end after it begins"),
        ((*SONNET, *ALL_KINDS, "--over-tokens", "-5"), "context must be"),
        *(
            ((*SONNET, *ALL_KINDS, "--input", price), "USD per million tokens such as")
            for price in (
                "", "-1", "1e0", "nan", "inf", "0.0000001", "1800.000001", "1." + "0" * 30 + "1", "1_0", "٣", "1\n",
            )
        ),
    ],
)  # fmt: skip
@on_sqlite
def test_what_cannot_be_priced_is_refused_plainly(
    arguments: tuple[str, ...], reason: str, engine: Engine, workspace_id: str
) -> None:
    assert reason in refusal_of("set", *arguments)
    assert exported(engine) == ()
