"""Reports attacked: bytes changed, other workspaces' asked for, many at a time, figures and names without end."""

from __future__ import annotations

import copy
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine

from api.audit import OPERATOR
from api.cli.report import report_group
from api.db.models import IssuedReport
from api.db.session import transaction
from api.members.acting import Acting
from api.reports import making, verifying
from api.reports.asked import ReportAsked
from api.reports.composing import ROWS_MAX, page_of
from api.reports.figure_checks import figure_faults
from api.reports.issuing import request_report
from api.reports.prover import ToProve, prove
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.conftest import Browser, Tenants
from tests.api.reports.conftest import Issued
from tests.conftest import on_sqlite


def test_no_byte_can_be_changed_added_or_left_out_without_being_noticed(issued: Issued) -> None:
    content = issued.pdf("project").read_bytes()
    ours = [issued.signer.certificate.public_bytes(Encoding.DER)]
    whole = prove(ToProve(content, ours))
    assert (whole.intact, whole.trusted, whole.faults) == (True, True, [])
    places = range(7, len(content), len(content) // 24)
    changed = [content[:at] + bytes([content[at] ^ 0x01]) + content[at + 1 :] for at in places]
    # After the signature, and in the room that is kept for it.
    changed += [content + b" ", content[:-1], content.replace(b"0" * 64 + b">", b"0" * 63 + b"1>")]
    assert [at for at, one in enumerate(changed) if (found := prove(ToProve(one, ours))).intact and found.trusted] == []


def test_no_other_workspace_gets_a_report_by_its_id(issued: Issued) -> None:
    for kind in issued.ids:
        report_id = issued.ids[kind]
        for path in ("", "/figures", "/file"):
            assert issued.world.get(f"acme/reports/{report_id}{path}").status_code == 200
            answer = issued.world.get(f"hills/reports/{report_id}{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "report_not_found")
            assert issued.world.get(f"acme/reports/{report_id}{path}", key="hills").status_code in (403, 404)
    assert issued.world.json("hills/reports") == {"reports": []}


@pytest.mark.parametrize("report_id", ["..", "%2e%2e%2fx", "*", "x" * 5_000, "a%00b"])
def test_what_is_no_id_names_no_file(issued: Issued, report_id: str) -> None:
    assert issued.world.get(f"acme/reports/{report_id}/file").status_code in (400, 404, 422)


def test_a_terminal_is_told_names_in_plain_ascii(issued: Issued) -> None:
    told = CliRunner().invoke(report_group, ["list", "--workspace", "acme", "--home", str(issued.world.home.root)])
    assert told.exit_code == 0, told.output
    assert "<img src=http" in told.stdout
    assert told.stdout.strip().isascii()
    assert told.stdout.strip().isprintable()


def test_only_so_many_files_are_taken_apart_at_a_time(issued: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "WAIT_SECONDS", 0.01)
    issued.world.client.base_url = "https://testserver"
    nobody = Browser(issued.world.client)
    nobody.get("/verify")
    turns = [verifying._turns.acquire(blocking=False) for _ in range(verifying.AT_ONCE)]
    try:
        assert all(turns)
        refused = nobody.post_form("/verify", files={"file": ("r.pdf", b"%PDF-1.7", "application/pdf")})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    finally:
        for _ in turns:
            verifying._turns.release()
    taken = nobody.post_form("/verify", files={"file": ("r.pdf", b"%PDF-1.7", "application/pdf")})
    assert (taken.status_code, "This is not a report as it was issued" in taken.text) == (200, True)


@on_sqlite
def test_a_workspace_that_asks_for_many_keeps_nobody_waiting_behind_them(
    tenants: Tenants, engine: Engine, home: Home, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    many, one = tenants.workspace("many"), tenants.workspace("one")
    with transaction(engine) as session:
        for whose in (*[many] * 6, one):
            asked, by = ReportAsked(kind="executive"), Acting(OPERATOR)
            request_report(session, whose, asked, by=by, server_url="", at=clock.now())
    made: list[str] = []

    def make(_home: Home, engine: Engine, _clock: FixedClock, report_id: str) -> bool:
        with transaction(engine) as session:
            report = session.get_one(IssuedReport, report_id)
            report.state = "failed"
            made.append(report.workspace_id)
        return False

    monkeypatch.setattr(making, "make_report", make)
    assert making.make_reports(home, engine, clock) == 0
    assert Counter(made) == {many: 6, one: 1}
    assert made.index(one) <= 1


def test_a_list_that_machines_make_long_is_printed_in_part_and_whole_in_the_figures(issued: Issued) -> None:
    document = copy.deepcopy(issued.document("project"))
    row = document["figures"]["by_model"][0]
    document["figures"]["by_model"] = [
        {**row, "model": f"m-{number:05}", "display_name": None} for number in range(9_000)
    ]
    html = page_of(document, frozenset())
    assert html.count("<bdi>m-0") == ROWS_MAX
    assert f"and {9_000 - ROWS_MAX:,} more models" in html


@pytest.mark.parametrize("wrong", ["1e999999", "-1e-999999", "sNaN", "Infinity", "\u0661", "", " ", [], {}, None, True])
def test_figures_that_no_sum_can_hold_are_no_figures(issued: Issued, wrong: Any) -> None:
    for kind in ("project", "executive", "statement"):
        document = issued.document(kind)
        holder = document["figures"]["change"] if kind == "executive" else document["figures"]["totals"]
        holder["cost_usd"] = wrong
        if kind == "statement":
            document["figures"]["lines"][0].update(cost_usd=wrong, markup_percent=wrong)
        assert figure_faults(document, b"cost_usd\r\n1e999999\r\n") != []
        assert msgspec.json.encode(figure_faults(document, b"\xff"))
    assert Decimal("1e999999") > 0
