"""Exports to a folder and to an S3 server: whole, of one workspace alone, and nothing twice."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.exports.loop import export_all, is_due
from pipelines.exports.run import MANIFEST, export_workspace
from pipelines.exports.settings import (
    ExportError,
    ExportState,
    ScheduledExport,
    check_settings,
    export_vault,
    read_state,
    remove_settings,
    save_settings,
)
from pipelines.lake.clock import FixedClock
from tests.api.conftest import People
from tests.api.dashboards.facts import NOW, ZONES
from tests.api.dashboards.world import World
from tests.pipelines.exports.checking import KEYS, OURS, THEIRS, checked, reading, to_folder

SLUG = next(iter(ZONES))
NOTEBOOKS_README = Path(__file__).parents[3] / "notebooks" / "README.md"


def test_everything_visible_of_one_workspace_is_there_and_nothing_of_another(fresh: World, tmp_path: Path) -> None:
    for whose in (OURS, THEIRS):
        exported = export_workspace(fresh.home, fresh.engine, to_folder(tmp_path, whose))
        manifest = checked(reading(tmp_path, whose))
        visible = [row for row in fresh.rows if row["workspace_id"] == whose and row["withheld_reason"] is None]
        assert manifest["rows"]["requests"] == len(visible) > 100
        assert exported.manifest.build_id == manifest["build_id"]
        files = [one["path"] for one in manifest["files"] if one["table"] == "requests"]
        frame = pl.concat([pl.read_parquet(tmp_path / whose / one) for one in files])
        assert set(frame["request_id"]) == {row["request_id"] for row in visible}
        logged = sum(row["cost_logged_millicents"] or 0 for row in visible)
        assert frame["cost_logged_millicents"].sum() == logged
        for mart in ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly"):
            path = next(one["path"] for one in manifest["files"] if one["table"] == mart)
            rolled_up = pl.read_parquet(tmp_path / whose / path)
            assert int(rolled_up["cost_logged_millicents"].sum()) == logged
            assert int(rolled_up["requests"].sum()) == len(visible)


def test_the_documented_sql_reads_the_newest_export_and_no_file_of_an_earlier_one(fresh: World, tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```sql\n(.*?)```", NOTEBOOKS_README.read_text(), re.DOTALL)
    manifest = export_workspace(fresh.home, fresh.engine, to_folder(tmp_path)).manifest
    requests = [one.path for one in manifest.files if one.table == "requests"]
    shutil.copy(tmp_path / OURS / requests[0], tmp_path / OURS / "data" / "requests" / "earlier.parquet")
    documented = re.search(r"'(/srv/exports/[^']+)'", recipe)
    assert documented
    found = duckdb.connect().sql(recipe.replace(documented[1], str(tmp_path / OURS))).fetchall()
    logged = pl.concat([pl.read_parquet(tmp_path / OURS / one) for one in requests])
    assert {project: round(usd * 100_000) for project, usd in found if usd} == {
        project: cost
        for project, cost in logged.filter(pl.col("spend_kind") == "metered")
        .group_by("project")
        .agg(pl.col("cost_logged_millicents").sum())
        .iter_rows()
        if cost
    }
    assert len(found) > 1


def test_the_same_build_again_changes_nothing_and_a_lost_file_is_put_back(fresh: World, tmp_path: Path) -> None:
    settings = to_folder(tmp_path)
    export_workspace(fresh.home, fresh.engine, settings)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert not export_workspace(fresh.home, fresh.engine, settings).is_new
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    lost = next((tmp_path / OURS / "data" / "requests").iterdir())
    lost.unlink()
    again = export_workspace(fresh.home, fresh.engine, settings)
    assert again.files_written == 1
    assert lost.is_file()
    checked(reading(tmp_path))


def test_earlier_exports_stay_readable_as_long_as_they_are_kept(fresh: World, tmp_path: Path) -> None:
    settings = to_folder(tmp_path, kept=2)
    export_workspace(fresh.home, fresh.engine, settings)
    newest = tmp_path / OURS / MANIFEST
    manifest = json.loads(newest.read_text())
    for number in (1, 2, 3):  # of earlier days
        old = tmp_path / OURS / "data" / "requests" / f"old-{number}.parquet"
        old.write_bytes(b"old")
        file = {
            "table": "requests",
            "path": f"data/requests/old-{number}.parquet",
            "rows": 1,
            "bytes": 3,
            "sha256": "0",
        }
        earlier = {**manifest, "export_id": f"b2000010{number}T000000-00000000_none", "files": [file]}
        (tmp_path / OURS / "manifests" / f"{earlier['export_id']}.json").write_text(json.dumps(earlier))
    newest.unlink()
    again = export_workspace(fresh.home, fresh.engine, settings)
    assert again.deleted == 4
    assert [path.name for path in (tmp_path / OURS / "data" / "requests").glob("old-*")] == ["old-3.parquet"]
    checked(reading(tmp_path))


def test_a_bucket_that_is_not_there_is_told_and_tried_again_in_an_hour(fresh: World, s3: str, tmp_path: Path) -> None:
    sealed = export_vault(fresh.home).seal(OURS, json.dumps(KEYS))
    wrong = ScheduledExport(
        workspace_id=OURS, url="s3://nowhere/halton", endpoint=s3, region="us-east-1", sealed_credential=sealed
    )
    save_settings(fresh.home, wrong)
    save_settings(fresh.home, to_folder(tmp_path, THEIRS))
    clock = FixedClock(NOW)
    outcomes = {one.settings.workspace_id: one for one in export_all(fresh.home, fresh.engine, clock, only_due=True)}
    assert outcomes[THEIRS].error is None
    told = outcomes[OURS].error
    assert told
    assert "never shown" not in told
    assert read_state(fresh.home, OURS).error == told
    assert export_all(fresh.home, fresh.engine, clock, only_due=True) == []
    clock.advance(timedelta(hours=1))
    assert [one.settings.workspace_id for one in export_all(fresh.home, fresh.engine, clock, only_due=True)] == [OURS]
    assert remove_settings(fresh.home, OURS)
    assert read_state(fresh.home, OURS) == ExportState()


@pytest.mark.parametrize("at", [1, 4, 7, 8])
def test_killed_anywhere_the_export_before_stays_whole_and_the_next_one_is_too(
    fresh: World, tmp_path: Path, at: int
) -> None:
    settings = to_folder(tmp_path)
    save_settings(fresh.home, settings)
    whole = export_workspace(fresh.home, fresh.engine, settings).manifest
    root = tmp_path / OURS
    # What is there is of an earlier build: half of its files are as they are now, half are not.
    requests = [one for one in whole.files if one.table == "requests"]
    earlier = json.loads((root / MANIFEST).read_text())
    earlier |= {"export_id": "b20000101T000000-00000000_none", "build_id": "b20000101T000000-00000000"}
    earlier |= {"files": earlier["files"][: len(requests)], "rows": {"requests": sum(one.rows for one in requests)}}
    for name in (MANIFEST, f"manifests/{earlier['export_id']}.json"):
        (root / name).write_text(json.dumps(earlier))
    (root / "manifests" / f"{whole.export_id}.json").unlink()
    for one in whole.files[len(requests) :]:
        (root / one.path).unlink()
    command = [sys.executable, "-m", "tests.pipelines.exports.killed_export", str(fresh.home.root), OURS, str(at)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    writes = len(whole.files) - len(requests) + 2
    assert killed.returncode == (-9 if at <= writes else 0), killed.stderr
    if at <= writes:
        assert checked(reading(tmp_path))["export_id"] == earlier["export_id"]
    again = export_workspace(fresh.home, fresh.engine, settings)
    assert checked(reading(tmp_path))["export_id"] == again.manifest.export_id == whole.export_id
    leftovers = [path for path in fresh.home.scheduled_exports.iterdir() if path.name.startswith(".tmp")]
    assert leftovers == []


def test_it_is_due_once_a_day_from_six_on() -> None:
    six = NOW.replace(hour=6, minute=0, second=0, microsecond=0)
    done = ExportState(last_attempt_at=six.isoformat(), last_success_at=six.isoformat())
    assert is_due(ExportState(), six)
    assert not is_due(done, six + timedelta(hours=23, minutes=59))
    assert is_due(done, six + timedelta(days=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://finops.example/x"},
        {"url": "s3://key:secret@finops/x"},
        {"url": "s3://finops/../other"},
        {"url": "file://host/folder"},
        {"url": "s3://finops", "endpoint": "ftp://finops.example"},
        {"url": "file:///folder", "sealed_credential": "x"},
        {"url": "s3://finops", "kept": 0},
    ],
)
def test_places_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ExportError):
        check_settings(ScheduledExport(workspace_id=OURS, **wrong))


def test_members_see_where_the_daily_export_goes_and_what_the_last_runs_left_there(
    fresh: World, tmp_path: Path
) -> None:
    member = People(fresh.app, fresh.engine, fresh.clock).member(OURS, "looks@exports.example")
    path = f"/v1/{SLUG}/scheduled-export"
    nothing = {"schedule": None, "last_attempt_at": None, "last_success_at": None, "runs": []}
    assert member.json("GET", path).json() == nothing
    assert fresh.client.get(path, headers={"Authorization": f"Bearer {fresh.keys[SLUG]}"}).status_code == 403
    sealed = export_vault(fresh.home).seal(OURS, json.dumps({"access_key_id": "A", "secret_access_key": "hidden"}))
    wrong = ScheduledExport(
        workspace_id=OURS, url="s3://nowhere/halton", endpoint="http://127.0.0.1:9", sealed_credential=sealed
    )
    save_settings(fresh.home, wrong)
    clock = FixedClock(NOW)
    assert export_all(fresh.home, fresh.engine, clock)[0].error
    failed = member.json("GET", path)
    assert "hidden" not in failed.text
    assert sealed not in failed.text
    assert failed.json()["schedule"]["keys"] == "sealed"
    assert [one["export_id"] for one in failed.json()["runs"]] == [None]
    save_settings(fresh.home, to_folder(tmp_path))
    for _ in range(2):
        clock.advance(timedelta(days=1))
        assert export_all(fresh.home, fresh.engine, clock)[0].error is None
    answer = member.json("GET", path).json()
    again, first = answer["runs"]
    assert (first["is_new"], again["is_new"], again["files_written"]) == (True, False, 0)
    assert answer["last_success_at"] == again["ended_at"]
    left = (tmp_path / OURS / first["manifest"]).read_bytes()
    assert hashlib.sha256(left).hexdigest() == first["manifest_sha256"] == again["manifest_sha256"]
    manifest = json.loads(left)
    assert (first["rows"], first["files"]) == (manifest["rows"], len(manifest["files"]))
    assert answer["schedule"] == {
        "url": to_folder(tmp_path).url, "endpoint": None, "region": None, "kept": to_folder(tmp_path).kept,
        "keys": "environment", "configured_at": "", "configured_by": "",
    }  # fmt: skip
