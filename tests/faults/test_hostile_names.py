"""Everything is called something hostile: no page, chart, file or answer takes a name for anything but a name."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import tinyhtml5
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Dialog, Page, sync_playwright

from api.access.text import visible
from api.bills import csv_text
from api.dashboards.filters import split_values
from api.dashboards.request_csv import safe_text
from pipelines.exports.focus import FOCUS_COLUMNS
from pipelines.exports.focus_file import write_focus
from tests.e2e.browsing import ARGUMENTS, DESKTOP, chromium
from tests.faults.hostile.named_world import ACME, NamedWorld, opened_named_world, served
from tests.faults.hostile.names import NAMES, is_run
from tests.faults.hostile.ways_out import exported, labels_measured, owed_to_webhooks, told_by_tools

FIGURES = (
    "overview", "executive", "projects", "projects/web", "projects/%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
    "projects/x%0A%3D1%2B1", "requests",
    "cost-centers", "budgets", "anomalies", "optimization", "optimization/catalog", "optimization/savings", "clusters",
    f"clusters/{25:064x}", "reconciliation", "reconciliation/{month}", "reconciliation/days/{day}",
    "reconciliation/coverage", "rates", "rates/what-if",
)  # fmt: skip
OTHERS = (
    "alerts", "reconciliation/bills", "reconciliation/bills/periods/{bill}", "reports", "audit", "members", "settings",
    "settings/devices", "settings/advanced", "settings/alerts", "settings/budgets", "settings/retention",
    "settings/plan",
)  # fmt: skip
LINKS = frozenset({"href", "src", "srcset", "action", "formaction", "data-chart", "poster", "data"})
NEVER = frozenset({"base", "iframe", "object", "embed", "style", "template", "math", "marquee", "video", "audio"})
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
STATES = "[...document.querySelectorAll('figure[data-chart]')].map(one => one.dataset.state || 'waiting')"
INTRUDERS = "document.querySelectorAll('base, iframe, object, embed, [onload], [onerror], [onfocus]').length"
DRAWN = frozenset({"svg", "g", "path", "text", "defs", "clipPath", "rect", "line"})
FILE_NAME = re.compile(r'attachment; filename="[A-Za-z0-9._-]+"')


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamedWorld]:
    with opened_named_world(tmp_path_factory.mktemp("hostile-names")) as made:
        yield made


@pytest.fixture(scope="module")
def pages(named: NamedWorld) -> dict[str, str]:
    """The HTML of every page, by its path."""
    paths = [f"/acme/{path.format(day=named.day, month=named.month, bill=named.bill)}" for path in (*FIGURES, *OTHERS)]
    answers = {path: named.owner.get(path) for path in paths}
    assert {path: one.status_code for path, one in answers.items() if one.status_code != 200} == {}
    return {path: one.text for path, one in answers.items()} | {"the invoice as it was uploaded": named.looked_at}


def links(pages: dict[str, str], pattern: str) -> list[str]:
    attributes = r'(?:href|src|srcset|data-chart)="([^"]*)"'
    found = {unescape(one) for html in pages.values() for one in re.findall(attributes, html)}
    return sorted(one for one in found if re.search(pattern, one))


def parsed(html: str) -> Any:
    """Return a page as browsers understand it."""
    return tinyhtml5.parse(html, namespace_html_elements=False)


def faults_of(element: Any) -> Iterator[str]:
    """Yield what is in an element that no template of ours puts there."""
    if element.tag in NEVER or (element.tag == "script" and not element.get("src", "").startswith("/assets/")):
        yield f"<{element.tag}>"
    for name, value in element.attrib.items():
        if name.startswith("on") or name == "style":
            yield f"{element.tag} {name}={value[:60]!r}"
        if name in LINKS and (not value.startswith(("/", "#", "?")) or value.startswith(("//", "/\\"))):
            yield f"{element.tag} {name}={value[:60]!r}"
        if name != "value" and is_unseen(value):
            yield f"{element.tag} {name}={value[:60]!r} hides or turns something"
    for text in (element.text, element.tail):
        if text and is_unseen(text):
            yield f"{element.tag} says {text[:60]!r}, which hides or turns something"


def letter_faults(html: str) -> Iterator[str]:
    """Yield what is in a letter that no template of ours puts there; letters link to the server and have styles."""
    for element in parsed(html).iter():
        if isinstance(element.tag, str):
            links = [element.get(name, "https://meter.example") for name in LINKS]
            yield from (one for one in links if not one.startswith("https://meter.example"))
            yield from (name for name in element.attrib if name.startswith("on"))
            yield from (element.tag for one in NEVER - {"style"} if element.tag in (one, "script", "img", "svg"))


def is_unseen(text: str) -> bool:
    seen = text.translate(dict.fromkeys(map(ord, "\t\n\r\u200c\u200d")))
    return any(unicodedata.category(one) in UNSEEN for one in seen)


def without_domains(part: Any) -> Any:
    """Return a specification without the names of its categories, which stand in it as plain lists of text."""
    if isinstance(part, dict):
        domain = part.get("domain")
        assert not isinstance(domain, list) or not any(isinstance(one, dict | list) for one in domain), part
        return {key: without_domains(inner) for key, inner in part.items() if key != "domain"}
    return [without_domains(inner) for inner in part] if isinstance(part, list) else part


def test_pages_show_names_as_text_that_turns_and_hides_nothing(pages: dict[str, str]):
    faults: list[str] = []
    for path, html in pages.items():
        root = parsed(html)
        elements = [one for one in root.iter() if isinstance(one.tag, str)]
        faults += [f"{path}: {fault}" for element in elements for fault in faults_of(element)]
    assert faults == []
    said = "".join(parsed(pages["/acme/anomalies"]).itertext())
    flat = " ".join(said.split())
    assert [name for name in NAMES if " ".join(visible(name).split()) not in flat] == []


def test_a_filter_sent_back_is_the_very_name(named: NamedWorld, pages: dict[str, str]):
    root = parsed(pages["/acme/overview"])
    boxes = [one for one in root.iter("input") if one.get("name") == "project"]
    values = {value for one in boxes for value in split_values(one.get("value") or "")}
    assert set(NAMES) <= values
    shown = {one["project"]: one for one in named.world.json("acme/projects")["projects"]}
    assert set(NAMES) <= set(shown), "JSON says names exactly"
    for name in NAMES:
        narrowed = named.world.json("acme/projects", project=name.replace("\\", "\\\\").replace(",", "\\,"))
        assert [one["project"] for one in narrowed["projects"]] == [name]


def test_no_cell_of_any_csv_is_run(named: NamedWorld, pages: dict[str, str]):
    paths = links(pages, r"\.csv(\?|$)")
    tables = {re.sub(r".*/tables/|\.csv.*", "", path) for path in paths if "/tables/" in path}
    assert len(tables) > 20, tables
    paths += ["/v1/acme/audit.csv", f"/v1/acme/focus.csv?month={named.month}", "/v1/acme/requests.csv?range=last_30d"]
    run, cells = list[tuple[str, str, str]](), 0
    for path in paths:
        answer = named.owner.get(path)
        assert answer.status_code == 200, path
        assert FILE_NAME.fullmatch(answer.headers["content-disposition"]), path
        head, *rows = csv.reader(io.StringIO(answer.text, newline=""))
        assert {len(row) for row in rows} <= {len(head)}, path
        cells += sum(map(len, rows))
        run += [(path, key, cell) for row in rows for key, cell in zip(head, row, strict=True) if is_run(cell)]
    assert run == []
    assert cells > 10_000


def test_the_commands_focus_file_is_as_safe_as_the_route_s(named: NamedWorld, tmp_path: Path):
    told = write_focus(named.world.home, ACME, str(tmp_path / "focus.csv"), None, safe_text)
    head, *rows = csv.reader(io.StringIO((tmp_path / "focus.csv").read_text(), newline=""))
    assert told.rows == len(rows) == len(NAMES)
    assert [cell for row in rows for cell in row if is_run(cell)] == []
    assert len(head) == len(FOCUS_COLUMNS)


def test_charts_hold_names_as_data_and_are_drawn_whatever_they_are(named: NamedWorld, pages: dict[str, str]):
    charts = {re.split(r"[/?]", path)[3]: path for path in links(pages, r"/charts/")}
    assert len(charts) > 8
    for path in charts.values():
        made = named.owner.get(path.replace(".svg", ".json")).json()
        texts = [text for row in made["datasets"]["rows"] for text in row.values() if isinstance(text, str)]
        assert [text for text in texts if is_unseen(text.replace("\u2060", ""))] == [], path
        del made["datasets"]
        written = str(without_domains(made))
        assert not any(words in written for words in ("'href'", "'url'", "evil.example", "alert(1)", "http:")), path
        answer = named.owner.get(path.replace(".json", ".svg"))
        assert answer.status_code == 200, path
        root = ET.fromstring(answer.content)  # noqa: S314 - our own drawing: whether it is well-formed is the question
        assert {one.tag.split("}")[1] for one in root.iter()} <= DRAWN, path
        assert not any("href" in name or name.startswith("on") for one in root.iter() for name in one.attrib), path


def test_every_answer_keeps_its_type_and_says_nothing_may_run_in_it(named: NamedWorld, pages: dict[str, str]):
    asked = [*links(pages, r"^/acme/(charts|tables)/")[:12], "/v1/acme/requests", "/v1/acme/focus", "/acme/projects"]
    for path in asked:
        headers = named.owner.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
    for path in ("/", "/acme/projects/%3Cscript%3E", "/acme/charts/<script>.svg", "/v1/acme/traces/<script>"):
        assert "<script>" not in named.owner.get(path).text.replace("<script ", ""), path


def test_closes_and_invoices_say_names_as_they_were_written(named: NamedWorld, pages: dict[str, str]):
    closes = named.owner.json("GET", "/v1/acme/closes").json()["closes"]
    assert {one["reopen_reason"] for one in closes if one["reopen_reason"]} == set(NAMES)
    assert [one["faults"] for one in closes if one["faults"]] == []
    on_bill = {name: csv_text.visible(name, 255) for name in NAMES}  # its door lets in what can be seen alone
    for path, shown in (("{month}", {name: visible(name) for name in NAMES}), ("bills/periods/{bill}", on_bill)):
        html = pages[f"/acme/reconciliation/{path.format(month=named.month, bill=named.bill)}"]
        flat = " ".join("".join(parsed(html).itertext()).split())
        assert [name for name in NAMES if " ".join(shown[name].split()) not in flat] == [], path


def test_tools_of_assistants_say_every_name_exactly_and_find_by_it(named: NamedWorld):
    told, spent = told_by_tools(named.world)
    assert {tool: json.loads(text) is None for tool, text in told.items()} == dict.fromkeys(told, False)
    assert set(NAMES) <= {one["project"] for one in json.loads(told["spend_by_project"])["projects"]}
    assert {name: one["project"]["project"] for name, one in spent.items()} == {name: name for name in NAMES}
    assert not any(one < " " for text in told.values() for one in text), "one line of JSON each"


def test_an_export_holds_names_exactly_in_files_whose_names_hold_none(named: NamedWorld, tmp_path: Path):
    files, tables = exported(named.world, ACME, tmp_path)
    assert [path for path in files if not re.fullmatch(r"([a-z0-9_]+/)*[A-Za-z0-9][A-Za-z0-9_.-]*", path)] == []
    requests = {row["request_id"]: row for row in named.world.rows if row["workspace_id"] == ACME}
    columns = ("project", "model", "source_machine", "source_workdir", "provider_error_code", "prompt_hash")
    for row in tables["requests"].iter_rows(named=True):
        assert {name: row[name] for name in columns} == {name: requests[row["request_id"]][name] for name in columns}
    assert set(NAMES) <= set(tables["requests"]["project"])


def test_labels_of_metrics_are_templates_whatever_is_called(named: NamedWorld):
    paths = [f"/v1/acme/{kind}/{quote(name, safe='')}" for name in NAMES for kind in ("projects", "traces")]
    labels = labels_measured(named.world, [*paths, *(f"/{quote(name, safe='')}" for name in NAMES)])
    templates = {str(one.path).replace(":path}", "}") for one in iter_route_contexts(named.world.app.routes)}
    routes = {f'route="{one}"' for one in (*templates, "(none)")}
    assert {one for one in labels if one.startswith("route=")} <= routes
    others = r'(status|method|state|le|worker)="[A-Za-z0-9_.+-]+"'
    assert [one for one in labels - routes if not re.fullmatch(others, one)] == []


def test_webhooks_and_letters_carry_names_as_data(named: NamedWorld):
    bodies, letters, waiting = owed_to_webhooks(named.world, ACME)
    assert set(NAMES) <= set(bodies)
    for name in NAMES:
        assert json.loads(bodies[name])["data"]["project"] == name
        subject, text, html = letters[name]
        assert not is_unseen(subject), name
        assert "\n" not in subject, name
        assert not is_unseen(text), name
        assert list(letter_faults(html)) == [], name
    assert waiting
    assert {json.loads(body)["data"].get("project") for body in waiting} <= {*NAMES, *bodies, None}


def drawn(page: Page) -> list[str]:
    """Wait for a page's charts and return how they ended."""
    for _ in range(300):
        if "waiting" not in page.evaluate(STATES):
            break
        page.wait_for_timeout(50)
    return page.evaluate(STATES)


def test_in_chromium_nothing_runs_nothing_is_fetched_and_every_chart_is_drawn(named: NamedWorld):
    complaints, elsewhere, undrawn = list[str](), list[str](), list[str]()

    def refuse(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    with served(named.world) as base_url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        context = browser.new_context(base_url=base_url, viewport=DESKTOP)
        jar = named.owner.client.cookies.jar
        context.add_cookies([{"name": one.name, "value": one.value or "", "url": base_url} for one in jar])
        page, ours = context.new_page(), (base_url, "data:")
        page.on("dialog", refuse)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("popup", lambda popup: complaints.append(popup.url))
        page.on("request", lambda one: None if one.url.startswith(ours) else elsewhere.append(one.url))
        for path in FIGURES:
            page.goto(f"/acme/{path.format(day=named.day, month=named.month)}")
            undrawn += [f"{path}: {state}" for state in drawn(page) if state not in ("drawn", "empty")]
            for plot in page.locator("figure.chart .plot svg").all():
                box = plot.bounding_box()
                assert box is not None, path
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=2)
            assert page.evaluate(INTRUDERS) == 0, path
        browser.close()
    assert (complaints, elsewhere, undrawn) == ([], [], [])
