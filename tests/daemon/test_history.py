"""The made-up history: reproducible, valid, and shaped like real use."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from daemon.clock import parse_instant
from daemon.simulate.catalog import PROJECTS, UNKNOWN_MODELS, laptop, share_of
from daemon.simulate.history import Plan, generate
from daemon.wire.record import Record

UNTIL = datetime(2026, 11, 19, 17, 30, tzinfo=UTC)
PLAN = Plan(rows=24_000, days=90, until=UNTIL, devices=3)


@pytest.fixture(scope="module")
def histories() -> list[list[Record]]:
    return [generate(replace(PLAN, device_index=index)) for index in range(3)]


@pytest.fixture(scope="module")
def rows(histories: list[list[Record]]) -> list[Record]:
    return list(itertools.chain(*histories))


def test_equal_plans_give_equal_rows(histories: list[list[Record]]) -> None:
    assert generate(replace(PLAN, device_index=2)) == histories[2]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"rows": 301},
        {"days": 31},
        {"until": UNTIL + timedelta(microseconds=1)},
        {"device_index": 1},
        {"devices": 4},
    ],
)
def test_any_other_plan_gives_other_ids(change: dict[str, object]) -> None:
    plan = Plan(rows=300, days=30, until=UNTIL, devices=3)
    ids = {record.id for record in generate(plan)}
    assert ids.isdisjoint(record.id for record in generate(replace(plan, **change)))


def test_the_devices_shares_add_up(histories: list[list[Record]], rows: list[Record]) -> None:
    assert [len(history) for history in histories] == [share_of(24_000, index, 3) for index in range(3)]
    assert len(rows) == 24_000
    assert len({record.id for record in rows}) == 24_000


@pytest.mark.parametrize("total", [0, 1, 2, 7, 50_000])
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_shares_of_any_size_add_up(total: int, count: int) -> None:
    assert sum(share_of(total, index, count) for index in range(count)) == total


def test_a_device_that_does_not_exist_has_no_share() -> None:
    with pytest.raises(ValueError, match="no device"):
        share_of(10, 3, 3)


def test_every_row_is_a_valid_record(rows: list[Record]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(rows), type=list[Record]) == rows
    assert {UUID(record.id).version for record in rows} == {4}


def test_rows_are_ordered_by_recording_and_stay_in_the_window(histories: list[list[Record]]) -> None:
    for history in histories:
        keys = [(parse_instant(record.recorded_at), record.id) for record in history]
        assert keys == sorted(keys)
        assert keys[-1][0] <= UNTIL
        assert min(parse_instant(record.requested_at) for record in history) >= UNTIL - timedelta(days=90)


def test_both_costs_are_the_same_number(rows: list[Record]) -> None:
    assert all(record.cost_millicents == record.cost_usd_minor_units for record in rows)


def test_use_is_skewed_over_the_agencys_projects(rows: list[Record]) -> None:
    counts = Counter(record.project for record in rows)
    assert set(counts) == {project.slug for project in PROJECTS} | {None}
    (_, most), *_ = counts.most_common()
    assert most > 4 * sorted(counts.values())[len(counts) // 2] / 2


def test_people_work_on_weekdays_in_their_own_office_hours(histories: list[list[Record]]) -> None:
    nightly = {project.slug for project in PROJECTS if project.nightly}
    for index, history in enumerate(histories):
        zone = ZoneInfo(laptop(index).time_zone)
        local = [parse_instant(r.requested_at).astimezone(zone) for r in history if r.project not in nightly]
        weekend = sum(instant.weekday() > 4 for instant in local)
        office = sum(8 <= instant.hour < 20 for instant in local)
        assert weekend < 0.2 * len(local)
        assert office > 0.75 * len(local)


def test_calls_come_in_bursts(histories: list[list[Record]]) -> None:
    instants = sorted(parse_instant(record.requested_at) for record in histories[0])
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert sorted(gaps)[len(gaps) // 2] < timedelta(minutes=1)
    assert max(gaps) > timedelta(hours=8)


def test_token_counts_follow_each_providers_convention(rows: list[Record]) -> None:
    cached = Counter(record.provider for record in rows if record.cached_tokens)
    assert set(cached) == {"anthropic", "openai", "gemini", "xai"}
    assert {record.provider for record in rows if record.cache_write_tokens} == {"anthropic"}
    assert any(r.cached_tokens > r.input_tokens for r in rows if r.provider == "anthropic")
    for record in rows:
        if record.provider != "anthropic":
            assert record.cached_tokens <= record.input_tokens
        if record.provider not in ("gemini", "xai"):
            assert record.thinking_tokens <= record.output_tokens
    for provider in ("gemini", "xai"):
        assert any(r.thinking_tokens > r.output_tokens for r in rows if r.provider == provider)


def test_failures_blocks_and_aborts_look_as_daemons_report_them(rows: list[Record]) -> None:
    errors = [record for record in rows if record.status == "error"]
    assert {r.error_class for r in errors} >= {"rate_limit", "server_error", "bad_request", "timeout", "network"}
    assert all(record.input_tokens == record.output_tokens == 0 for record in errors)
    assert all(r.http_status == 429 and r.retryable for r in errors if r.error_class == "rate_limit")
    assert all(r.http_status is None and r.provider_error_code is None for r in errors if r.error_class == "timeout")
    blocked = [record for record in rows if record.status == "blocked_by_policy"]
    assert blocked
    assert all(record.http_status is None and record.output_tokens == 0 for record in blocked)
    assert any(record.status == "success" and not record.tokens_complete for record in rows)
    assert all(record.http_status == 200 for record in rows if record.status == "success")


def test_a_retry_is_a_new_row_with_the_same_prompt(rows: list[Record]) -> None:
    limited = {r.prompt_hash: r.id for r in rows if r.error_class == "rate_limit" and r.prompt_hash}
    retried = [r for r in rows if r.prompt_hash in limited and r.status == "success"]
    assert len(retried) > 0.8 * len(limited)
    assert all(record.id != limited[record.prompt_hash or ""] for record in retried)


def test_unknown_models_cost_null_and_everything_else_is_priced(rows: list[Record]) -> None:
    unknown = {model.name for model in UNKNOWN_MODELS}
    assert {record.model for record in rows if record.cost_millicents is None} == unknown
    assert all(record.cost_millicents is None for record in rows if record.model in unknown)


def test_subscriptions_are_named_and_known_to_sell_them(rows: list[Record]) -> None:
    imputed = {record.provider for record in rows if record.billing_basis == "subscription_imputed"}
    assert imputed == {"openai", "gemini", "xai"}
    assert {record.billing_basis for record in rows} == {None, "subscription_imputed"}


def test_private_rows_withhold_project_machine_prompt_and_attribution(rows: list[Record]) -> None:
    hidden = [record for record in rows if record.project is None]
    assert 0.002 * len(rows) < len(hidden) < 0.1 * len(rows)
    for record in hidden:
        assert (record.source_machine, record.prompt_hash, record.attribution_method) == (None, None, None)
        assert record.source_workdir is None


def test_only_the_full_preset_tells_where_work_happens(histories: list[list[Record]]) -> None:
    for index, history in enumerate(histories):
        tells = any(record.source_workdir for record in history)
        assert tells == (laptop(index).privacy == "full")


def test_long_prompts_reach_the_long_context_band(rows: list[Record]) -> None:
    prompts = [r.input_tokens + r.cached_tokens + r.cache_write_tokens for r in rows if r.provider == "anthropic"]
    assert max(prompts) > 200_000


def test_a_history_of_one_day_that_ends_at_night_fills_up() -> None:
    rows = generate(Plan(rows=400, days=1, until=datetime(2026, 11, 15, 4, tzinfo=UTC)))
    assert len(rows) == 400


def test_a_device_beyond_the_named_laptops_has_a_hostname_of_its_own() -> None:
    assert len({laptop(index).hostname for index in range(20)}) == 20
