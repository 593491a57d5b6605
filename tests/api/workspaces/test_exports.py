"""Exports of everything: asked for by an Owner, made in the background, downloaded with a digest, deleted in time."""

from __future__ import annotations

import base64
import csv
import fcntl
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, select

from api.background import Background
from api.db.models import AuditRecord, Role, Workspace, WorkspaceExport
from api.db.session import reading, transaction
from api.exporting import making
from api.exporting.making import make_exports
from api.tokens import secret_digest
from api.upkeep import BusyError, do_what_is_due, maintenance
from api.workspaces.exports import expire_exports, export_file
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.conftest import Browser, People, Tenants
from tests.conftest import on_sqlite

PATH = "/v1/acme-co/exports"


@pytest.fixture
def owner(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "vk@acme.co", Role.OWNER)


def test_an_export_is_made_downloaded_with_its_digest_and_deleted_after_seven_days(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, workspace_id: str
) -> None:
    asked = owner.json("POST", PATH)
    assert (asked.status_code, asked.json()["state"], asked.json()["path"]) == (202, "queued", None)
    assert owner.json("POST", PATH).json()["error"]["code"] == "export_running"
    early = owner.json("GET", f"{PATH}/{asked.json()['export_id']}/file")
    assert early.json()["error"]["code"] == "export_not_ready"
    assert make_exports(home, engine, clock) == 1
    (shown,) = owner.json("GET", PATH).json()["exports"]
    assert (shown["state"], shown["done_steps"], shown["expires_at"]) == (
        "ready", shown["total_steps"], "2026-07-08T12:00:00Z",
    )  # fmt: skip
    answer = owner.json("GET", shown["path"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert hashlib.sha256(answer.content).hexdigest() == shown["sha256"]
    digest = base64.b64encode(bytes.fromhex(shown["sha256"])).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    page = owner.get("/acme-co/settings/deletion").text
    assert shown["sha256"] in page
    assert owner.get(f"/acme-co/settings/deletion/exports/{shown['export_id']}").content == answer.content
    with reading(engine) as session:
        downloads = select(AuditRecord.id).where(AuditRecord.event == "workspace.export_downloaded")
        assert len(session.scalars(downloads).all()) == 2
    clock.advance(timedelta(days=7))
    with transaction(engine) as session:
        assert expire_exports(session, home, clock.now()) == 1
    assert not home.workspace_exports.exists() or not any(home.workspace_exports.iterdir())
    assert owner.json("GET", shown["path"]).json()["error"]["code"] == "export_expired"
    assert owner.json("GET", PATH).json()["exports"][0]["state"] == "expired"


def test_only_owners_of_the_workspace_see_and_download_exports(
    engine: Engine, home: Home, owner: Browser, people: People, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    export_id = owner.json("POST", PATH).json()["export_id"]
    make_exports(home, engine, clock)
    for role in (Role.ADMIN, Role.MEMBER):
        other = people.member(workspace_id, f"{role.value}@acme.co", role)
        for path in (PATH, f"{PATH}/{export_id}", f"{PATH}/{export_id}/file"):
            assert other.json("GET", path).status_code == 403
        assert other.json("POST", PATH).status_code == 403
        assert "Export everything" not in other.get("/acme-co/settings/deletion").text
    beta = tenants.workspace("Beta")
    stranger = people.member(beta, "eve@example.net", Role.OWNER)
    for path in (f"/v1/beta/exports/{export_id}", f"/v1/beta/exports/{export_id}/file", "/v1/beta/exports/x"):
        assert stranger.json("GET", path).json()["error"]["code"] == "export_not_found"


@on_sqlite
def test_it_goes_on_while_the_workspace_is_being_deleted(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock
) -> None:
    owner.json("POST", "/v1/acme-co/deletion", {"confirm": "acme-co"})
    assert owner.post_form("/acme-co/settings/deletion/export").status_code == 303
    assert "being made" in owner.get("/acme-co/settings/deletion").text
    assert make_exports(home, engine, clock) == 1
    assert owner.json("GET", owner.json("GET", PATH).json()["exports"][0]["path"]).status_code == 200


@on_sqlite
def test_without_a_build_it_holds_what_there_is_and_no_secret(
    engine: Engine, home: Home, owner: Browser, people: People, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    key = tenants.api_key(workspace_id)
    owner.json("PATCH", "/v1/acme-co/settings", {"name": "=cmd|' /C calc'!A0"})
    (home.reports / workspace_id / "2026").mkdir(parents=True)
    (home.reports / workspace_id / "2026" / "may.pdf").write_bytes(b"%PDF")
    owner.json("POST", PATH)
    make_exports(home, engine, clock)
    content = owner.json("GET", owner.json("GET", PATH).json()["exports"][0]["path"]).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert {one["name"]: one["sha256"] for one in manifest["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items()
    }
    assert set(files) == {
        "requests.parquet", "requests.csv", "audit.csv", "bills.csv", "set_aside.jsonl", "settings.json",
        "reports/2026/may.pdf",
    }  # fmt: skip
    assert pq.read_table(io.BytesIO(files["requests.parquet"])).num_rows == 0
    document = json.loads(files["settings.json"])
    assert document["memberships"][0]["email"] == "vk@acme.co"
    assert document["workspaces"][0]["name"].startswith("=cmd")
    audit = list(csv.DictReader(io.StringIO(files["audit.csv"].decode())))
    assert [row["event"] for row in audit][:2] == ["workspace.created", "member.added"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in audit for cell in row.values())
    everything = b"".join(files.values())
    assert key.encode() not in everything
    assert secret_digest(key).encode() not in everything


@on_sqlite
def test_killed_halfway_it_is_begun_again(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, workspace_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = owner.json("POST", PATH).json()["export_id"]
    unfinished = export_file(home, workspace_id, export_id).with_suffix(".part")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> int:
        assert unfinished.is_file()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(making, "write_audit_csv", killed)
        with pytest.raises(Killed):
            make_exports(home, engine, clock)
    assert unfinished.stat().st_size > 0
    assert not zipfile.is_zipfile(unfinished), "half an archive has no directory"
    (shown,) = owner.json("GET", PATH).json()["exports"]
    assert (shown["state"], shown["done_steps"] > 0) == ("running", True)
    with unfinished.open("rb") as held:  # somebody alive is at it
        fcntl.flock(held, fcntl.LOCK_EX)
        assert make_exports(home, engine, clock) == 0
    assert make_exports(home, engine, clock) == 1
    assert not unfinished.exists()
    assert owner.json("GET", PATH).json()["exports"][0]["state"] == "ready"


@on_sqlite
def test_one_that_fails_says_so_and_another_can_be_asked_for(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    owner.json("POST", PATH)
    with monkeypatch.context() as patch:
        patch.setattr(making, "write_audit_csv", full)
        assert make_exports(home, engine, clock) == 0
    (shown,) = owner.json("GET", PATH).json()["exports"]
    assert shown["state"] == "failed"
    assert "Ask for a new one" in shown["failure"]
    assert [path for path in home.workspace_exports.rglob("*") if path.is_file()] == []
    assert owner.json("POST", PATH).status_code == 202


@on_sqlite
def test_files_nobody_knows_are_deleted_and_those_under_way_are_not(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, workspace_id: str
) -> None:
    export_id = owner.json("POST", PATH).json()["export_id"]
    folder = home.workspace_exports / workspace_id
    folder.mkdir(parents=True)
    for name in (f"{export_id}.part", "unknown.zip"):
        (folder / name).touch()
    with transaction(engine) as session:
        expire_exports(session, home, clock.now())
    assert [path.name for path in folder.iterdir()] == [f"{export_id}.part"]


@pytest.fixture
def background(engine: Engine, home: Home, clock: FixedClock) -> Background:
    return Background(home, engine, clock)


def test_the_server_notices_what_is_due_unless_somebody_is_at_it(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, background: Background
) -> None:
    assert not background.is_due()
    owner.json("POST", PATH)
    assert background.is_due()
    with maintenance(home):
        assert not background.is_due()
        with pytest.raises(BusyError), maintenance(home):
            pass
        assert do_what_is_due(home, engine, clock) == (1, [])
    assert not background.is_due()
    clock.advance(timedelta(days=7))
    assert background.is_due(), "the file is to be deleted"
    with maintenance(home):
        do_what_is_due(home, engine, clock)
    assert not background.is_due()
    with transaction(engine) as session:
        session.scalars(select(Workspace)).one().deletion_requested_at_us = 1
    assert background.is_due(), "its thirty days are over"


@on_sqlite
def test_the_thread_starts_a_process_that_makes_it(
    engine: Engine, home: Home, owner: Browser, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.background.LOOK_EVERY_SECONDS", 0.05)
    owner.json("POST", PATH)
    background.start()
    try:
        for _ in range(600):
            with reading(engine) as session:
                if session.scalars(select(WorkspaceExport.state)).one() == "ready":
                    break
            background._stopping.wait(0.05)
        else:
            pytest.fail("the export was never made")
    finally:
        background.stop()


def test_the_zip_is_for_its_owner_only_on_disk(
    engine: Engine, home: Home, owner: Browser, clock: FixedClock, workspace_id: str
) -> None:
    export_id = owner.json("POST", PATH).json()["export_id"]
    make_exports(home, engine, clock)
    path: Path = export_file(home, workspace_id, export_id)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
