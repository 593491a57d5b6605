"""Connecting providers' billing: rules, audit, commands, and what exports, backups and purges make of bills."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select

from api.audit import OPERATOR
from api.bills.connections import NewConnection, add_connection, list_connections, remove_connection
from api.cli.main import cli
from api.db.models import AuditRecord
from api.db.session import reading, transaction
from api.errors import Refused
from api.exporting.documents import settings_document, write_bills_csv
from api.purge.rows import delete_rows
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.billing.connections import ConnectionSettings
from pipelines.billing.credentials import CredentialVault
from pipelines.billing.recording import record_periods
from pipelines.lake.bills import ConnectionKind, LineCategory, bill_connections, bill_lines, bill_periods
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.api.conftest import Tenants
from tests.billing_fakes.ledger import ADMIN_KEY, Fake, seeded
from tests.billing_fakes.openai import KINDS, openai_app
from tests.billing_fakes.serving import served
from tests.conftest import on_sqlite

START = date(2026, 6, 1)
OPENAI = ConnectionKind.OPENAI_COSTS


def new(kind: ConnectionKind = OPENAI, **changes: Any) -> NewConnection:
    settings = ConnectionSettings(start_day=changes.pop("start_day", START), **changes.pop("settings", {}))
    return NewConnection(**{"kind": kind, "name": "OpenAI", "settings": settings, "credential": ADMIN_KEY, **changes})


def connect(engine: Engine, home: Home, workspace_id: str, clock: FixedClock, wanted: NewConnection) -> str:
    with transaction(engine) as session:
        vault = CredentialVault(home)
        return add_connection(session, vault, workspace_id, wanted, actor=OPERATOR, at=clock.now())


def test_a_connection_is_sealed_audited_listed_and_ended(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock
) -> None:
    connection_id = connect(engine, home, workspace_id, clock, new())
    with reading(engine) as session:
        (one,) = list_connections(session, workspace_id)
        assert (one.row.provider, one.row.kind, one.periods, one.first_day) == ("openai", "openai_costs", 0, None)
        assert CredentialVault(home).open(connection_id, one.row.sealed_credential) == ADMIN_KEY
    with transaction(engine) as session:
        remove_connection(session, workspace_id, connection_id, actor=OPERATOR, at=clock.now())
    with reading(engine) as session:
        assert list_connections(session, workspace_id)[0].row.sealed_credential is None
        query = select(AuditRecord.event, AuditRecord.details).where(AuditRecord.workspace_id == workspace_id)
        events = [tuple(row) for row in session.execute(query.order_by(AuditRecord.position))]
    assert [event for event, _ in events][-2:] == ["bill_connection.added", "bill_connection.removed"]
    assert ADMIN_KEY not in str(events)
    with pytest.raises(Refused, match="ended before"), transaction(engine) as session:
        remove_connection(session, workspace_id, connection_id, actor=OPERATOR, at=clock.now())


@on_sqlite
def test_a_connection_of_another_workspace_is_an_absent_one(
    engine: Engine, home: Home, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    connection_id = connect(engine, home, workspace_id, clock, new())
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        remove_connection(session, tenants.workspace("Beta"), connection_id, actor=OPERATOR, at=clock.now())
    assert refusal.value.code == "bill_connection_not_found"


@on_sqlite
@pytest.mark.parametrize(
    "wanted",
    [
        new(name=""),
        new(name=" x"),
        new(name="x" * 101),
        new(credential=None),
        new(credential="with blanks in it"),
        new(credential="line\nbreak-key"),
        new(credential="short"),
        new(provider="openai"),
        new(start_day=date(2019, 1, 1)),
        new(settings={"team": "t"}),
        new(settings={"folder": "/srv"}),
        new(settings={"lookback_days": 0}),
        new(settings={"lookback_days": 63}),
        new(settings={"base_url": "http://api.openai.example"}),
        new(ConnectionKind.XAI_USAGE),
        new(ConnectionKind.XAI_USAGE, settings={"team": "../prepaid"}),
        new(ConnectionKind.GEMINI_EXPORT, settings={"folder": "/srv"}),
        new(ConnectionKind.GEMINI_EXPORT, credential=None),
        new(ConnectionKind.GEMINI_EXPORT, credential=None, settings={"folder": "relative"}),
        new(ConnectionKind.MANUAL, credential=None),
        new(ConnectionKind.MANUAL, credential=None, provider="acme"),
    ],
)
def test_what_cannot_be_read_is_not_connected(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock, wanted: NewConnection
) -> None:
    with pytest.raises(Refused) as refusal:
        connect(engine, home, workspace_id, clock, wanted)
    assert refusal.value.status == 422
    assert not wanted.credential or wanted.credential not in str(refusal.value)


@on_sqlite
def test_kinds_without_a_key_are_connected_without_one(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock
) -> None:
    connect(engine, home, workspace_id, clock, new(ConnectionKind.MANUAL, credential=None, provider="groq"))
    export = new(ConnectionKind.GEMINI_EXPORT, credential=None, settings={"folder": "/srv/export"})
    connect(engine, home, workspace_id, clock, export)
    with reading(engine) as session:
        rows = [one.row for one in list_connections(session, workspace_id)]
    assert {(row.provider, row.sealed_credential) for row in rows} == {("groq", None), ("gemini", None)}


def test_a_second_connection_to_one_account_is_refused_until_the_first_is_ended(
    engine: Engine, home: Home, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    xai, team = ConnectionKind.XAI_USAGE, {"team": "team-one"}
    ones = {
        OPENAI: new(),
        ConnectionKind.ANTHROPIC_ANALYTICS: new(ConnectionKind.ANTHROPIC_ANALYTICS),
        ConnectionKind.ANTHROPIC_COST_REPORT: new(ConnectionKind.ANTHROPIC_COST_REPORT),  # the marts know which holds
        xai: new(xai, settings=team),
        ConnectionKind.GEMINI_EXPORT: new(
            ConnectionKind.GEMINI_EXPORT, credential=None, settings={"folder": "/srv/export"}
        ),
        ConnectionKind.MANUAL: new(ConnectionKind.MANUAL, credential=None, provider="groq"),
    }
    made = {kind: connect(engine, home, workspace_id, clock, wanted) for kind, wanted in ones.items()}
    ones[ConnectionKind.GEMINI_EXPORT] = new(
        ConnectionKind.GEMINI_EXPORT, credential=None, settings={"folder": "/srv/another"}
    )
    for kind, wanted in ones.items():
        with pytest.raises(Refused) as refusal:
            connect(engine, home, workspace_id, clock, replace(wanted, name="Again"))
        assert (refusal.value.status, refusal.value.code) == (409, "bills_connected")
        assert f'"{wanted.name}" ({made[kind]})' in str(refusal.value)
    connect(engine, home, workspace_id, clock, new(xai, settings={"team": "team-two"}))
    connect(engine, home, workspace_id, clock, new(ConnectionKind.MANUAL, credential=None, provider="xai"))
    connect(engine, home, tenants.workspace("Beta"), clock, new())
    with transaction(engine) as session:
        remove_connection(session, workspace_id, made[OPENAI], actor=OPERATOR, at=clock.now())
    connect(engine, home, workspace_id, clock, new())


def with_bills(engine: Engine, home: Home, workspace_id: str, clock: FixedClock) -> str:
    """Connect a provider and record a day twice, the second time restated."""
    connection_id = connect(engine, home, workspace_id, clock, new())
    for amount in ("1.5", "-2"):
        line = BilledLine(amount=Decimal(amount), model="=cmd()", category=LineCategory.ADJUSTMENT, requests=7)
        period = BilledPeriod(first_day=START, last_day=START, lines=(line,), request_count=7)
        with engine.begin() as connection:
            record_periods(connection, connection_id, [period], read_by="server", at=clock.now())
    return connection_id


def test_an_export_holds_every_statement_and_no_key(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock
) -> None:
    connection_id = with_bills(engine, home, workspace_id, clock)
    stream = io.BytesIO()
    with engine.connect() as connection:
        sealed = connection.execute(select(bill_connections.c.sealed_credential)).scalar_one()
        document = settings_document(connection, workspace_id)
        assert write_bills_csv(connection, workspace_id, stream) == 2
    settings = json.loads(document)
    assert [one["id"] for one in settings["bill_connections"]] == [connection_id]
    assert sorted(one["revision"] for one in settings["bill_periods"]) == [1, 2]
    assert sealed.encode() not in document + stream.getvalue()
    rows = sorted(csv.DictReader(io.StringIO(stream.getvalue().decode())), key=lambda row: row["revision"])
    assert [(row["amount_usd"], row["superseded_at"]) for row in rows] == [("1.5", "2026-07-01T12:00:00Z"), ("-2", "")]
    assert {(row["model"], row["requests"], row["first_day"]) for row in rows} == {("'=cmd()", "7", "2026-06-01")}


@on_sqlite
def test_a_backup_brings_bills_back_and_no_key_that_opens_them(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock, tmp_path: Path
) -> None:
    with_bills(engine, home, workspace_id, clock)
    tables = (bill_connections, bill_periods, bill_lines)
    before = [_rows(engine, table) for table in tables]
    folder = tmp_path / "backups"
    assert CliRunner().invoke(cli, ["backup", str(folder), "--home", str(home.root)]).exit_code == 0
    restored = Home(tmp_path / "restored")
    done = CliRunner().invoke(cli, ["restore", str(folder), "--home", str(restored.root)])
    assert done.exit_code == 0, done.output
    copy = open_database(f"sqlite:///{restored.root / 'app.sqlite'}")
    assert [_rows(copy, table) for table in tables] == before
    copy.dispose()
    keys = (home.secrets / "bill-credentials.keys").read_bytes().strip()
    assert not any(keys in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _rows(engine: Engine, table: Any) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def test_a_purge_leaves_the_others_bills(
    engine: Engine, home: Home, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    beta = tenants.workspace("Beta")
    with_bills(engine, home, workspace_id, clock)
    kept = with_bills(engine, home, beta, clock)
    with engine.begin() as connection:
        delete_rows(connection, workspace_id)
        assert connection.execute(select(bill_connections.c.id)).scalars().all() == [kept]
        assert set(connection.execute(select(bill_periods.c.workspace_id)).scalars()) == {beta}
        periods = set(connection.execute(select(bill_periods.c.id)).scalars())
        assert set(connection.execute(select(bill_lines.c.period_id)).scalars()) == periods
        assert len(periods) == 2


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["bills", *arguments], input=stdin)


def answer(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


@on_sqlite
def test_an_operator_connects_reads_lists_rotates_and_disconnects(
    database_url: str, tenants: Tenants, workspace_id: str, tmp_path: Path
) -> None:
    fake = Fake(seeded(START, 10, kinds=KINDS))
    (tmp_path / "admin.key").write_text(f"{ADMIN_KEY}\n")
    with served(openai_app(fake)) as url:
        at = ("--base-url", url, "--start-day", "2026-06-01", "--workspace", "acme-co")
        connected = answer("connect", *at, "--kind", "openai_costs", "--key-file", str(tmp_path / "admin.key"))
        assert (connected["provider"], connected["kind"]) == ("openai", "openai_costs")
        days = ("--from", "2026-06-01", "--until", "2026-06-10")
        (told,) = answer("read", "--workspace", "acme-co", *days)["readings"]
        assert (told["new"], told["restated"], told["error"]) == (10, 0, None)
        replaced = answer(
            "replace-key", connected["connection_id"], "--workspace", "acme-co", "--key-file", "-", stdin=ADMIN_KEY
        )
        assert replaced == {"connection_id": connected["connection_id"], "replaced": True}
        assert answer("rotate-keys") == {"sealed_again": 1, "unreadable": 0}
        (told,) = answer("read", *days)["readings"]
        assert (told["new"], told["unchanged"]) == (0, 10)
        fake.knobs.refuse = 401
        failed = run("read", *days)
        assert failed.exit_code == 1
        assert "wrong or was revoked" in json.loads(failed.stdout)["readings"][0]["error"]
        listed = answer("list", "--workspace", "acme-co")
    (one,) = listed["connections"]
    assert (one["bills"], one["first_day"], one["last_day"]) == (10, "2026-06-01", "2026-06-10")
    assert "revoked" in one["last_error"]
    assert ADMIN_KEY not in json.dumps(listed) + failed.output
    ended = answer("disconnect", one["id"], "--workspace", "acme-co")
    assert ended == {"connection_id": one["id"], "disconnected": True}
    assert answer("list", "--workspace", "acme-co")["connections"][0]["disconnected_at"]
    assert answer("read") == {"readings": []}
    gone = run("read", "--connection", one["id"])
    assert isinstance(gone.exception, Refused)
    assert gone.exception.code == "bill_connection_not_found"


@on_sqlite
def test_a_key_comes_from_stdin_or_a_question_never_from_an_argument(
    database_url: str, tenants: Tenants, workspace_id: str
) -> None:
    for provider, kind, more in (
        ("openai", "openai_costs", ()),
        ("anthropic", "anthropic_analytics", ("--key-file", "-")),
    ):
        done = run("connect", "--workspace", "acme-co", "--kind", kind, *more, stdin=f"{ADMIN_KEY}\n")
        assert done.exit_code == 0, done.output
        assert ADMIN_KEY not in done.output
        assert json.loads(done.stdout.splitlines()[-1])["provider"] == provider
    listed = answer("list", "--workspace", "acme-co")["connections"]
    assert {one["settings"]["start_day"][-2:] for one in listed} == {"01"}
    assert {one["created_by"] for one in listed} == {OPERATOR.id}
