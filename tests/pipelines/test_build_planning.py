from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipelines.build_inputs import BuildInputs, Extent, ledger_digest, plan_build
from pipelines.dbt_runner import DbtRun, NodeResult
from pipelines.dbt_selection import affected_nodes, changed_sources
from pipelines.lake.catalog import build_instant
from pipelines.landed_export import LandedFileRow
from pipelines.publish import new_build_id
from pipelines.snapshot_cleanup import expired_builds

BASE = BuildInputs(
    max_file_seq=7, ledger="l", exports={"projects": "p", "devices": "d"}, project="sql", rate_book="r",
    time_zones={"w": "UTC"}, calendar_until="2026-11-23", calendar={"UTC": "u"}, models={"xai/grok": "grok"},
)  # fmt: skip


def plan(**changes: Any) -> tuple[Extent, str]:
    now = msgspec.structs.replace(BASE, **changes)
    decided = plan_build(BASE, now, "l", {"UTC": "u"})
    return decided.extent, decided.reason


def test_the_same_inputs_need_no_build() -> None:
    assert plan() == (Extent.NOTHING, "nothing changed")


def test_new_files_and_changed_exports_are_built_incrementally() -> None:
    assert plan(max_file_seq=8)[0] is Extent.INCREMENTAL
    assert plan(exports={"projects": "p", "devices": "x"}) == (Extent.INCREMENTAL, "changed: devices")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"project": "other"}, "dbt project"),
        ({"rate_book": "other"}, "rate book"),
        ({"exports": BASE.exports | {"reattributions": "other"}}, "moved between projects"),
        ({"models": {"xai/grok": "grok-4"}}, "priced as another"),
        ({"time_zones": {"w": "Asia/Tokyo"}}, "workspace's time zone"),
    ],
)
def test_what_changes_rows_already_built_needs_a_full_build(changes: dict[str, Any], reason: str) -> None:
    extent, told = plan(**changes)
    assert extent is Extent.FULL
    assert reason in told


def test_new_models_zones_and_days_need_no_full_build() -> None:
    more = {"models": BASE.models | {"xai/new": ""}, "time_zones": BASE.time_zones | {"v": "Asia/Tokyo"}}
    more |= {"calendar": {"UTC": "longer", "Asia/Tokyo": "t"}, "calendar_until": "2026-11-24"}
    assert plan(**more)[0] is Extent.NOTHING


def test_a_changed_past_needs_a_full_build() -> None:
    assert plan_build(BASE, BASE, "other", {"UTC": "u"}).extent is Extent.FULL
    assert plan_build(BASE, BASE, "l", {"UTC": "other rules"}).extent is Extent.FULL
    assert plan_build(None, BASE, "", {}).extent is Extent.FULL


def test_the_ledger_digest_ends_at_the_base() -> None:
    files = [LandedFileRow(seq, 1, f"{seq}" * 64, None) for seq in (1, 2, 3)]
    assert ledger_digest(files, 2) == ledger_digest(files[:2], 9) != ledger_digest(files, 3)


def test_build_ids_sort_by_time_whatever_the_clock_does() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    first = new_build_id(now, None)
    assert first.startswith("b20261120T120000-")
    same_second = new_build_id(now, first)
    backwards = new_build_id(now - timedelta(days=1), same_second)
    assert first < same_second < backwards
    assert build_instant(backwards) == now + timedelta(seconds=2)


def test_the_last_five_snapshots_and_ten_minutes_stay() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    builds = [new_build_id(now - timedelta(minutes=age), None) for age in (60, 30, 20, 12, 9, 8, 7, 6, 5)]
    # The fourth is old, but was superseded only nine minutes ago.
    assert expired_builds(builds, now) == builds[:3]
    assert expired_builds(builds[:5], now) == []


MANIFEST: dict[str, Any] = {
    "sources": {
        "source.h.exports.devices": {"source_name": "exports", "name": "devices"},
        "source.h.landing.requests": {"source_name": "landing", "name": "requests"},
    },
    "nodes": {
        "model.h.stg_devices": {"name": "stg_devices", "resource_type": "model", "config": {"materialized": "table"}},
        "model.h.facts": {"name": "facts", "resource_type": "model", "config": {"materialized": "view"}},
        "model.h.mart": {"name": "mart", "resource_type": "model", "config": {"materialized": "incremental"}},
        "test.h.facts_hold": {"name": "facts_hold", "resource_type": "test", "config": {"materialized": "test"}},
    },
    "child_map": {
        "source.h.exports.devices": ["model.h.stg_devices"],
        "source.h.landing.requests": ["model.h.facts"],
        "model.h.facts": ["model.h.mart", "test.h.facts_hold", "unit_test.h.facts"],
    },
}


def test_only_what_depends_on_a_change_runs_and_views_stand() -> None:
    assert affected_nodes(MANIFEST, changed_sources(["devices"], rows_landed=False)) == ["stg_devices"]
    assert affected_nodes(MANIFEST, changed_sources([], rows_landed=True)) == ["facts_hold", "mart"]


def test_a_failed_run_names_what_failed_first_not_what_was_skipped() -> None:
    nodes = (
        NodeResult("model.h.a", "a", "model", "success", 0.1, ""),
        NodeResult("model.h.b", "b", "model", "skipped", 0.0, ""),
        NodeResult("test.h.t", "t", "test", "fail", 0.1, "Got 2 results,\n  configured to fail if != 0", 2),
    )
    run = DbtRun(nodes)
    assert run.failure == "test t failed: Got 2 results, configured to fail if != 0"
    assert DbtRun(nodes[:1]).failure is None
    assert DbtRun((NodeResult("test.h.w", "w", "test", "warn", 0.1, "", 1),)).failure is None
    assert DbtRun((), "no such file").failure == "dbt could not run: no such file"
