"""The PDFs: signed, the same every time, never changed, and proved."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import update

from api.cli.report import report_group
from api.db.models import Project
from api.db.session import reading, transaction
from api.reports.asked import ReportAsked
from api.reports.composing import compose
from api.reports.figures.gathering import Gathered, gather
from api.reports.making import make_reports
from api.reports.signing import KEY_FILE_VARIABLE, ReportSigner, SigningKeyError
from api.reports.verifying import Verdict, take_apart, verdict_on
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.dashboards.facts import NOW
from tests.api.reports.conftest import Issued, ask
from tests.api.reports.tools import fonts_of, signature_of, text_of


def verdict(issued: Issued, content: bytes) -> Verdict:
    proved = take_apart(content, issued.signer)
    with reading(issued.world.engine) as session:
        return verdict_on(session, content, proved)


def gathered(issued: Issued, kind: str) -> Gathered:
    world = issued.world
    return gather(world.home, world.engine, issued.row(kind), world.clock.now(), lambda _done, _of: None)


def test_each_is_signed_as_a_whole_and_readers_find_the_signature_valid(issued: Issued) -> None:
    for kind in issued.ids:
        said = signature_of(issued.pdf(kind))
        for words in ("Signature is Valid", "Total document signed", "ETSI.CAdES.detached", "SHA-256"):
            assert words in said, (kind, said)
        assert b"/DocMDP" in issued.pdf(kind).read_bytes()


def test_each_is_an_archivable_document_with_its_own_fonts(issued: Issued) -> None:
    for kind in issued.ids:
        catalogue = PdfFileReader(io.BytesIO(issued.pdf(kind).read_bytes())).root
        assert catalogue["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
        assert catalogue["/MarkInfo"]["/Marked"]
        described = catalogue["/Metadata"].data.decode()
        assert 'pdfaid:part="3"' in described
        assert 'pdfaid:conformance="A"' in described
        files = [one.get_object() for one in catalogue["/AF"]]
        related = {str(one["/F"]): one["/AFRelationship"] for one in files}
        listed = {"requests.csv": "/Source"} if kind == "statement" else {}
        assert related == {"figures.json": "/Data", **listed}
        for line in fonts_of(issued.pdf(kind)).splitlines()[2:]:
            assert " yes yes yes" in line, line  # embedded, a subset, with its text
        assert "+Source-Sans-Pro" in fonts_of(issued.pdf(kind))


def test_the_same_build_and_inputs_give_the_same_bytes(issued: Issued) -> None:
    again = gathered(issued, "statement")
    assert compose(again, issued.signer).pdf == issued.pdf("statement").read_bytes()
    other = replace(again, document={**again.document, "number": 99})
    assert compose(other, issued.signer).pdf != issued.pdf("statement").read_bytes()


def test_every_page_is_numbered_and_leads_to_how_it_was_priced(issued: Issued) -> None:
    pages = text_of(issued.pdf("project")).split("\f")[:-1]
    assert issued.row("project").page_count == len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "how requests are priced" in page
    assert "https://meter.acme.example/docs/concepts/pricing" in " ".join(pages[-1].split())


def test_an_issued_report_stays_as_it_is_whatever_comes_later(issued: Issued) -> None:
    before, row = issued.pdf("project").read_bytes(), issued.row("project")
    published = issued.world.home.current_pointer.read_text()
    with transaction(issued.world.engine) as session:
        session.execute(update(Project).where(Project.slug == "web").values(client_name="Initech"))
    issued.world.publish("b20260407T031000-00000002")
    try:
        later = ask(issued.world, json_asked(row.parameters))
        assert make_reports(issued.world.home, issued.world.engine, issued.world.clock) == 1
        assert issued.pdf("project").read_bytes() == before
        assert hashlib.sha256(before).hexdigest() == issued.row("project").sha256
        with_new = Issued(issued.world, {"later": later})
        assert with_new.document("later")["figures"]["project"]["client_name"] == "Initech"
        assert with_new.document("later")["build_id"] != issued.document("project")["build_id"]
    finally:
        with transaction(issued.world.engine) as session:
            session.execute(update(Project).where(Project.slug == "web").values(client_name="Globex"))
        issued.world.home.current_pointer.write_text(published)


def json_asked(parameters: str) -> ReportAsked:
    return msgspec.convert(json.loads(parameters)["asked"], ReportAsked)


def test_what_was_issued_is_proved_and_what_was_changed_is_not(issued: Issued) -> None:
    content = issued.pdf("statement").read_bytes()
    good = verdict(issued, content)
    assert (good.ok, good.faults, good.issued and good.issued.number) == (True, [], 3)
    middle = len(content) // 3
    for changed in (content + b"\n%more", content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]):
        found = verdict(issued, changed)
        assert not found.ok
        assert found.issued is None
        assert not (found.signature_holds and found.figures_hold)
    nonsense = verdict(issued, b"%PDF-1.7\nnonsense")
    assert (nonsense.ok, nonsense.signature_holds, nonsense.issued) == (False, False, None)


def test_a_damaged_file_is_told_from_one_that_is_no_pdf(issued: Issued) -> None:
    damaged = verdict(issued, issued.pdf("executive").read_bytes().replace(b"/Root ", b"/Roof "))
    assert any("structure is damaged" in fault for fault in damaged.faults), damaged.faults
    assert "the file is no PDF at all" in verdict(issued, b"PK\x03\x04 a spreadsheet").faults
    for found in (damaged, verdict(issued, b"")):
        assert not found.ok
        assert not found.figures_hold


def test_another_key_or_other_figures_are_no_report_of_ours(issued: Issued, tmp_path: Path) -> None:
    stranger = ReportSigner.of(Home(tmp_path), FixedClock(NOW))
    again = gathered(issued, "executive")
    forged = verdict(issued, compose(again, stranger).pdf)
    assert (forged.ok, forged.signature_holds, forged.signed_by_this_server) == (False, True, False)
    figures = again.document["figures"]
    wrong = {**figures, "change": {**figures["change"], "cost_usd": "0.01000"}}
    own = verdict(issued, compose(replace(again, document={**again.document, "figures": wrong}), issued.signer).pdf)
    assert (own.ok, own.signature_holds, own.figures_hold, own.issued) == (False, True, False, None)
    assert "the spend compared is not the spend of the period" in own.faults


def test_the_command_proves_a_file_and_fails_for_a_changed_one(issued: Issued, tmp_path: Path) -> None:
    home = ["--home", str(issued.world.home.root)]
    good = CliRunner().invoke(report_group, ["verify", str(issued.pdf("executive")), *home])
    assert (good.exit_code, json.loads(good.stdout)["ok"]) == (0, True), good.output
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(issued.pdf("executive").read_bytes()[:-40])
    found = CliRunner().invoke(report_group, ["verify", str(bad), *home])
    assert (found.exit_code, json.loads(found.stdout)["ok"]) == (1, False)


def test_a_key_of_ones_own_is_used_and_an_unusable_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ReportSigner.of(Home(tmp_path / "one"), FixedClock(NOW))
    path = tmp_path / "one" / "secrets" / "report-signing.pem"
    assert (path.stat().st_mode & 0o777, ReportSigner.of(Home(tmp_path / "one"), FixedClock(NOW)).sha256) == (
        0o600, made.sha256,
    )  # fmt: skip
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    assert ReportSigner.of(Home(tmp_path / "two"), FixedClock(NOW)).sha256 == made.sha256
    path.write_text(path.read_text().split("-----BEGIN CERTIFICATE-----")[0])
    with pytest.raises(SigningKeyError, match="certificate"):
        ReportSigner.of(Home(tmp_path / "two"), FixedClock(NOW))
