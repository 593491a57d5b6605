"""`halton-cloud workspace retention` and `halton-cloud compact`, and the rule behind the former."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from api.audit import OPERATOR, verify_chain
from api.cli.main import cli
from api.db.models import AuditRecord, Workspace
from api.db.session import reading, transaction
from api.errors import Refused
from api.workspaces import set_retention
from pipelines.compaction import CompactionResult
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite


def asked(*arguments: str, home: Home, fails: bool = False) -> Any:
    done = CliRunner().invoke(cli, [*arguments, "--home", str(home.root)], catch_exceptions=True)
    assert (done.exit_code != 0) == fails, done.output
    return done if fails else json.loads(done.stdout)


def retained(engine: Engine, workspace_id: str) -> int | None:
    with reading(engine) as session:
        return session.get_one(Workspace, workspace_id).retention_days


def test_retention_is_set_with_its_audit_event_in_one_transaction(
    engine: Engine, tenants: Tenants, clock: FixedClock
) -> None:
    acme, beta = tenants.workspace("Acme"), tenants.workspace("Beta")
    for days in (30, None):
        with transaction(engine) as session:
            set_retention(session, acme, days, actor=OPERATOR, at=clock.now())
        assert (retained(engine, acme), retained(engine, beta)) == (days, None)
    with reading(engine) as session:
        events = select(AuditRecord.details).where(AuditRecord.event == "workspace.retention_set")
        told = [json.loads(details) for details in session.scalars(events.order_by(AuditRecord.position))]
        assert told == [{"before": None, "retention_days": 30}, {"before": 30, "retention_days": None}]
        assert verify_chain(session, acme).differences == []


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_a_retention_that_makes_no_sense_changes_nothing(
    engine: Engine, tenants: Tenants, clock: FixedClock, days: int
) -> None:
    acme = tenants.workspace("Acme")
    with pytest.raises(Refused, match="from 1 to 36500"), transaction(engine) as session:
        set_retention(session, acme, days, actor=OPERATOR, at=clock.now())
    assert retained(engine, acme) is None


@on_sqlite
def test_the_command_sets_and_clears_retention(engine: Engine, home: Home, tenants: Tenants) -> None:
    acme = tenants.workspace("Acme")
    assert asked("workspace", "retention", "acme", "--days", "400", home=home) == {
        "workspace_id": acme,
        "retention_days": 400,
    }
    assert asked("workspace", "retention", "acme", "--forever", home=home)["retention_days"] is None
    for wrong in ([], ["--days", "4", "--forever"]):
        assert (
            "either --days N or --forever"
            in asked("workspace", "retention", "acme", *wrong, home=home, fails=True).output
        )
    assert asked("workspace", "retention", "nobody", "--forever", home=home, fails=True).exit_code != 0


@on_sqlite
def test_compacting_a_home_without_a_build_changes_nothing(engine: Engine, home: Home) -> None:
    answer = asked("compact", home=home)
    assert (answer["merges"], answer["deleted"], answer["damaged"]) == (0, 0, [])


@on_sqlite
def test_a_damaged_file_makes_the_command_fail_and_is_named(
    engine: Engine, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = CompactionResult(merges=2, damaged=["landing file x is damaged"])
    monkeypatch.setattr("api.cli.compact.compact", lambda *_, **__: found)
    done = asked("compact", home=home, fails=True)
    assert json.loads(done.stdout)["damaged"] == ["landing file x is damaged"]
    assert "the first: landing file x is damaged" in done.stderr
