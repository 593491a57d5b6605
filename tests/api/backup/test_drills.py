"""A drill proves a good backup and finds what was planted; a restored installation serves what the first one served."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

import pipelines.refresh
from api.cli.main import cli
from api.cli.verify import verify_audit_chains
from pipelines.compaction import compact
from pipelines.lake.paths import DATABASE_VARIABLE
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import run_history
from pipelines.verify import verify
from tests.api.backup.places import InUse, Place
from tests.api.backup.tampering import edit_rows, flip_bit
from tests.conftest import on_sqlite
from tests.pipelines.published import everything


def run_drill(in_use: InUse) -> tuple[Result, dict[str, Any]]:
    """Run a drill in a temporary folder of its own, which must be empty again at the end."""
    folder = in_use.folder.root.parent / "temporary"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as during:
        during.setattr(tempfile, "tempdir", str(folder))
        done = CliRunner().invoke(cli, ["restore", str(in_use.folder.root), "--drill"])
    assert list(folder.iterdir()) == []
    return done, json.loads(done.stdout)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_restored_installation_serves_the_same_totals_to_the_millicent(
    in_use: InUse, empty_place: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = in_use.place
    first.clock.advance(timedelta(days=2))
    in_use.upload(7)
    refresh(first.home, first.engine, first.clock)
    assert compact(first.home, first.engine, first.clock).files_after == 1
    taken = CliRunner().invoke(cli, ["backup", str(in_use.folder.root)])
    assert taken.exit_code == 0, taken.output
    place = empty_place("sqlite")
    monkeypatch.delenv(DATABASE_VARIABLE)
    printed = json.loads(taken.stdout)
    arguments = ["--home", str(place.home.root), "--database-url", place.url, "--sha256", printed["sha256"]]
    restored = CliRunner().invoke(cli, ["restore", str(in_use.folder.root), *arguments])
    assert restored.exit_code == 0, restored.output
    assert json.loads(restored.stdout)["landed_rows"] == printed["landed_rows"] == 32
    assert printed["files"] == 2  # a compacted one and a landed one
    in_use.place.clock.advance(timedelta(days=1))  # known prices stay known since then, not since now
    refresh(place.home, place.engine, place.clock)
    assert everything(place.home) == everything(first.home)
    books = [read_rate_book(one.home.exports / "rate_book.parquet") for one in (place, first)]
    assert books[0] == books[1]
    assert verify(place.home, place.engine).differences + verify_audit_chains(place.engine)[1] == []
    with place.served() as server:
        path = "/v1/acme-co/overview?range=custom&from=2026-10-01&to=2026-11-30"
        shown = [
            client.get(path, headers={"Authorization": f"Bearer {in_use.api_key}"}).json()
            for client in (server, in_use.client)
        ]
    assert shown[0]["totals"] == shown[1]["totals"]
    assert shown[0]["totals"]["cost_usd"] == "0.27540"
    for one in (place, first):
        run_history(one.home).dispose()


@on_sqlite
def test_a_drill_proves_a_good_backup(in_use: InUse) -> None:
    in_use.take()
    done, report = run_drill(in_use)
    assert (done.exit_code, report["ok"], report["differences"]) == (0, True, [])
    assert report["checked"]["fct_requests"] == 25
    assert report["compared"]["workspace acme-co: cost_logged_millicents"] == 20 * 1020
    assert "0 differences" in done.stderr


@on_sqlite
def test_a_drill_names_everything_that_is_missing_or_damaged(in_use: InUse) -> None:
    taken = in_use.take()
    first, second = (in_use.folder.store.path(one.sha256) for one in taken.manifest.files)
    first.unlink()
    flip_bit(second, 8_001)
    flip_bit(taken.folder / "tables" / "users.parquet", 777)
    done, report = run_drill(in_use)
    assert (done.exit_code, report["ok"], len(report["differences"])) == (1, False, 3)
    for path in (first, second, taken.folder / "tables" / "users.parquet"):
        assert sum(path.name in one for one in report["differences"]) == 1


@on_sqlite
def test_a_drill_finds_cut_and_rewritten_chains_even_when_no_marts_can_be_built(
    in_use: InUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_use.place.engine.begin() as connection:
        newest = "(select max(position) from audit_events)"
        connection.execute(text(f"delete from audit_events where position = {newest}"))
    taken = in_use.take()
    edit_rows(taken.folder, "landed_batches", lambda rows: [rows[0] | {"batch_id": "never-was-sent"}, *rows[1:]])

    def fail(*_: object, **__: object) -> None:
        raise RefreshFailed("model mart_spend_15min failed")

    monkeypatch.setattr(pipelines.refresh, "refresh", fail)
    done, report = run_drill(in_use)
    assert (done.exit_code, report["ok"]) == (1, False)
    for words in ("chain of batches", "audit chain should have", "cannot be rebuilt .* mart_spend_15min failed"):
        assert any(re.search(words, one) for one in report["differences"])
