"""Exports to buckets of S3 and Google: whole, sealed keys unread, and resumed after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from obstore.exceptions import GenericError

from pipelines.exports import targets
from pipelines.exports.loop import export_all
from pipelines.exports.run import MANIFEST, export_workspace
from pipelines.exports.settings import ScheduledExport, all_settings, export_vault, read_state, save_settings
from pipelines.lake.clock import FixedClock
from tests.api.dashboards.facts import NOW
from tests.api.dashboards.world import World
from tests.pipelines.exports.checking import KEYS, OURS, checked, reading, to_folder
from tests.pipelines.exports.gcs_server import gcs_server


def test_a_bucket_gets_the_same_and_its_sealed_keys_stay_unread(
    fresh: World, tmp_path: Path, s3: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    sealed = export_vault(fresh.home).seal(OURS, json.dumps(KEYS))
    settings = ScheduledExport(
        workspace_id=OURS, url="s3://finops/halton", endpoint=s3, region="us-east-1", sealed_credential=sealed
    )
    save_settings(fresh.home, settings)
    assert "never shown" not in (fresh.home.scheduled_exports / OURS / "settings.json").read_text()
    assert all_settings(fresh.home) == [settings]
    (outcome,) = export_all(fresh.home, fresh.engine, FixedClock(NOW))
    assert outcome.error is None

    def read(name: str) -> bytes:
        return bucket.get_object(Bucket="finops", Key=f"halton/{OURS}/{name}")["Body"].read()

    manifest = checked(read)
    export_workspace(fresh.home, fresh.engine, to_folder(tmp_path))
    assert checked(reading(tmp_path)) == manifest
    assert not export_workspace(fresh.home, fresh.engine, settings).is_new
    assert read_state(fresh.home, OURS).export_id == manifest["export_id"]


def test_keys_may_come_from_the_environment(
    fresh: World, s3: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ScheduledExport(workspace_id=OURS, url="s3://finops/halton", endpoint=s3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert export_workspace(fresh.home, fresh.engine, settings).is_new


def test_where_no_keys_are_given_the_reason_says_so_and_where_they_go() -> None:
    asked = GenericError("Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 1.2s")
    assert targets.reason_of(asked).startswith("no keys of the bucket were given")
    assert "--keys-file FILE" in targets.reason_of(asked)
    assert targets.reason_of(GenericError("no such bucket\nbody")) == "GenericError: no such bucket"


def test_killed_while_it_writes_to_a_bucket_the_next_one_writes_the_rest(fresh: World, s3: str, bucket: Any) -> None:
    sealed = export_vault(fresh.home).seal(OURS, json.dumps(KEYS))
    settings = ScheduledExport(
        workspace_id=OURS, url="s3://finops", endpoint=s3, region="us-east-1", sealed_credential=sealed
    )
    save_settings(fresh.home, settings)
    command = [sys.executable, "-m", "tests.pipelines.exports.killed_export", str(fresh.home.root), OURS, "4"]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr
    there = {one["Key"] for one in bucket.list_objects_v2(Bucket="finops")["Contents"]}
    assert len(there) == 3
    assert f"{OURS}/{MANIFEST}" not in there
    again = export_workspace(fresh.home, fresh.engine, settings)
    assert again.files_written == len(again.manifest.files) - 3 > 0
    checked(lambda name: bucket.get_object(Bucket="finops", Key=f"{OURS}/{name}")["Body"].read())


def test_a_bucket_of_google_gets_the_same_by_the_accounts_signature(
    fresh: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(targets._PATIENCE, "allow_http", True)
    with gcs_server() as gcs:
        sealed = export_vault(fresh.home).seal(OURS, json.dumps({"service_account_key": gcs.service_account_key()}))
        settings = ScheduledExport(workspace_id=OURS, url="gs://finops/halton", sealed_credential=sealed)
        exported = export_workspace(fresh.home, fresh.engine, settings)
        manifest = checked(lambda name: gcs.objects[f"halton/{OURS}/{name}"])
        export_workspace(fresh.home, fresh.engine, to_folder(tmp_path))
        assert checked(reading(tmp_path)) == manifest
        assert len(gcs.objects) == exported.files_written + 2
        assert gcs.listings > 1  # data is listed a page at a time
        assert not export_workspace(fresh.home, fresh.engine, settings).is_new
        large = tmp_path / "large"
        large.write_bytes(b"0123456789abcdef" * 2**20)
        targets.opened_target(settings, {"service_account_key": gcs.service_account_key()}).put_file("large", large)
        assert gcs.objects[f"halton/{OURS}/large"] == large.read_bytes()
        assert gcs.parts > 1
