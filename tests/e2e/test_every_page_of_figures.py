"""Every page of figures of one analysed, billed workspace, in real Chromium.

Its numbers are those of the JSON, the CSV and the PDFs; its filter can be shared; everybody can read and use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page

from tests.api.reports.tools import require_tools, text_of
from tests.e2e.browsing import PHONE, Looker, drawn, screenshot_folder
from tests.e2e.keyboard import focus_order, tab_to, type_day
from tests.e2e.page_figures import TABLES, Shown, csv_rows, differences, disagreements, dollars, shown_on
from tests.e2e.staging import Studio, opened_studio
from tests.pipelines.analysis.asking import Analysed

pytestmark = pytest.mark.timeout(1_800)  # a first run installs the browser, and may make the home

NARROWED = "provider=anthropic,openai&project=webshop&range=custom&from=2026-10-05&to=2026-10-25"
OCTOBER = "range=custom&from=2026-10-01&to=2026-10-31"
NARROWED_OTHERWISE = ("/studio/reconciliation", "/studio/budgets", "/studio/rates")
"""Views that do not show every filter, because not every one means something there."""
A_YEAR = "range=custom&from=2025-12-01&to=2026-11-20"
"""What the list of months shows while nothing is chosen."""
SHORTENED = """() => document.querySelectorAll(
  'tbody tr:nth-child(n+9), main.reference > section:nth-of-type(n+4), main.reference > nav details:nth-of-type(n+4)'
).forEach(one => one.remove())"""
"""The ninth row is like the eighth, and looking at ten thousand takes minutes."""


@pytest.fixture(scope="module")
def studio(analysed: Analysed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    require_tools()
    with opened_studio(analysed.root, tmp_path_factory.mktemp("every-page")) as made:
        yield made


@pytest.fixture(scope="module")
def page(studio: Studio) -> Iterator[Page]:
    """A page of Olga's, for all tests that need no other."""
    context = studio.context(studio.olga)
    yield context.new_page()
    context.close()


def opened(page: Page, path: str, query: str = "") -> Shown:
    answer = page.goto(path if path.startswith(("/", "http")) else f"/studio/{path}{'?' if query else ''}{query}")
    assert answer is not None
    assert answer.status == 200, path
    return shown_on(page)


def height_of(picture: Locator) -> float:
    """Return how high a picture is once it has been loaded."""
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    return 0 if box is None else box["height"]


def csv_of(studio: Studio, path: str) -> list[dict[str, str]]:
    answer = studio.olga.get(path)
    assert answer.status_code == 200, path
    return csv_rows(answer.text)


@pytest.mark.parametrize("query", ["", NARROWED])
def test_tables_have_the_same_numbers_on_the_page_in_the_csv_and_in_the_json(
    studio: Studio, page: Page, query: str
) -> None:
    faults, builds = list[str](), set[str]()
    for path, json_path, tables in TABLES.values():
        shown = opened(page, path, query)
        answer = studio.json(f"{json_path}?{query or (A_YEAR if json_path == 'reconciliation' else '')}")
        builds |= {shown.foot["Build"], answer["build_id"]}
        for name, rows_of in tables.items():
            if name in shown.tables or rows_of(answer):
                sent = csv_of(studio, shown.csv[name])
                faults += disagreements(name, shown.tables[name], sent) + differences(sent, rows_of(answer))
    assert faults == []
    assert len(builds) == 1


@pytest.mark.parametrize("query", ["", NARROWED])
def test_headline_numbers_are_those_of_the_json(studio: Studio, page: Page, query: str) -> None:
    answer, stats = studio.json(f"overview?{query}"), opened(page, "overview", query).stats
    for words, name in (("Today", "today"), ("This month", "this_month"), ("Last month", "last_month")):
        assert stats[words][0] == dollars(answer["headline"][name]["cost_usd"])
    total = page.locator(".chart-figure").inner_text().split()[0]
    assert total == dollars(answer["totals"]["cost_usd"])
    executive, shown = studio.json(f"executive?{query}"), opened(page, "executive", query)
    for words, name in (
        ("This month so far", "this_month"),
        ("Last month", "last_month"),
        ("Year to date", "year_to_date"),
    ):
        assert shown.stats[words][0] == dollars(executive[name]["cost_usd"])
    named = page.locator(".dearest a").all_inner_texts(), page.locator(".dearest-figure").all_inner_texts()
    top = executive["top_projects"]
    assert list(zip(*named, strict=True)) == [
        (one["display_name"] or one["project"], dollars(one["cost_usd"])) for one in top
    ]
    assert page.locator(".change-words strong").all_inner_texts() == [
        dollars(executive["change"][name]) for name in ("cost_usd", "previous_cost_usd")
    ]
    charged, stats = studio.json(f"chargeback?{query}"), opened(page, "cost-centers", query).stats
    named = {
        "Spend": charged["totals"]["cost_usd"],
        "Mark-up": charged["markup_usd"],
        "To charge on": charged["charge_usd"],
    }
    assert {name: stats[name][0] for name in named} == {name: dollars(value) for name, value in named.items()}
    month, stats = (
        studio.json(f"reconciliation/2026-10?{query}")["month"],
        opened(page, "reconciliation/2026-10", query).stats,
    )
    assert stats["What you logged"][0] == dollars(month["logged_usd"])
    assert stats["What the provider billed"][0] == dollars(month["billed_usd"])
    assert stats["Variance"][0].lstrip("+\u2212") == dollars(month["variance_usd"], signed=False)
    assert {one["build_id"] for one in (answer, executive, charged)} == {shown.foot["Build"]}


@pytest.mark.parametrize("query", ["", NARROWED])
def test_the_list_of_requests_is_that_of_the_csv_and_adds_up_to_the_totals(
    studio: Studio, page: Page, query: str
) -> None:
    answer, shown = studio.json(f"requests?{query}"), opened(page, "requests", query)
    totals, rows = answer["totals"], shown.tables["requests"]
    sent = csv_of(studio, shown.csv["requests"])
    assert len(sent) == totals["requests"] == int(shown.stats["Requests"][0].replace(",", ""))
    assert sum(round(float(one["cost_usd"] or 0) * 100_000) for one in sent) == round(
        float(totals["cost_usd"]) * 100_000
    )
    assert shown.stats["Spend"][0] == dollars(totals["cost_usd"])
    for row, line, one in zip(rows, sent, answer["requests"], strict=False):
        amount = line["cost_usd"] or line["subscription_imputed_usd"]
        assert row["Made"].link == one["path"] == f"/studio/traces/{line['request_id']}"
        assert row["Cost"].exact == (f"{amount} USD" if amount else None)
        assert (row["In"].words.replace(",", ""), row["Out"].words.replace(",", "")) == (
            line["input_tokens"], line["output_tokens"],
        )  # fmt: skip
        assert (one["cost_usd"] or "", str(one["input_tokens"])) == (line["cost_usd"], line["input_tokens"])
    assert len(rows) == len(answer["requests"]) == min(100, len(sent))


def test_reports_say_in_their_text_what_the_pages_of_their_period_show(studio: Studio, page: Page) -> None:
    project, text = opened(page, "projects/webshop", OCTOBER), text_of(studio.reports["project"])
    spend, requests = project.stats["Spend"][0], project.stats["Requests"][0]
    assert re.search(r"Spend +Requests .*\n+ +(\S+) +(\S+)", text).groups() == (spend, requests)  # type: ignore[union-attr]
    for table, words in (("by-model", "Model"), ("by-developer", "Developer")):
        for row in project.tables[table]:
            line = re.search(rf"^{re.escape(row[words].words)} +([0-9,]+) .*?(\$\S+) +([0-9.]+)%$", text, re.MULTILINE)
            assert line is not None, row
            assert line.group(1, 2) == (row["Requests"].words, row["Spend"].words)
            assert abs(float(line[3]) - float(row["Share"].words[:-2])) <= 0.05
    assert set(re.findall(r"^Total +([0-9,]+) +(\$\S+)", text, re.MULTILINE)) == {(requests, spend)}

    executive, text = opened(page, "executive", OCTOBER), text_of(studio.reports["executive"])
    months = [executive.stats[name][0] for name in ("This month so far", "Last month", "Year to date")]
    assert re.search(r"^(\$\S+) +(\$\S+) +(\$\S+)$", text, re.MULTILINE).groups() == tuple(months)  # type: ignore[union-attr]
    names, spent = (page.locator(f".dearest {part}").all_inner_texts() for part in ("a", ".dearest-figure"))
    for name, amount in zip(names, spent, strict=True):
        assert re.search(rf"^{re.escape(name)} +{re.escape(amount)} +[0-9.]+%$", text, re.MULTILINE), name
    months_shown = page.locator(".trust tbody tr").all()
    assert len(months_shown) == 2
    for row in months_shown:
        month, logged, billed, variance = (
            cell.split("\n")[0].split(" ")[0] for cell in row.locator("th, td").all_inner_texts()
        )
        line = re.search(rf"^{month} 2026 +(\$\S+) +\$\S+ +(\$\S+) +([\u2212]?\$\S+)$", text, re.MULTILINE)
        assert line is not None, month
        assert line.groups() == (logged, billed, variance.lstrip("+"))

    charged, text = opened(page, "cost-centers", OCTOBER), text_of(studio.reports["statement"])
    (row,) = (one for one in charged.tables["chargeback"] if one["Project"].words == "Web shop")
    # Cost and mark-up stand exactly, so that whoever adds a line up gets its amount.
    of_page = (*(f"${row[name].usd:,.5f}" for name in ("Spend", "Mark-up")), row["Charge"].words)
    assert re.search(r"^Sum +[0-9]+ +(\$\S+) +(\$\S+) +(\$\S+)$", text, re.MULTILINE).groups() == of_page  # type: ignore[union-attr]
    assert re.search(r"^Total +(\$\S+)$", text, re.MULTILINE)[1] == of_page[-1]  # type: ignore[index]
    for kind in studio.reports:
        assert f"build {charged.foot['Build']}," in text_of(studio.reports[kind]).replace("\n", " "), kind


def test_a_filter_set_by_keyboard_is_the_same_for_whoever_gets_its_address(studio: Studio, page: Page) -> None:
    opened(page, "overview")
    tab_to(page, ".filters details:nth-of-type(1) summary")
    page.keyboard.press("Enter")
    tab_to(page, "input[name=range]")
    for _ in range(5):
        if page.evaluate("document.activeElement.value") != "custom":
            page.keyboard.press("ArrowDown")
    for name, day in (("from", "2026-10-05"), ("to", "2026-10-25")):
        tab_to(page, f"input[name={name}]")
        type_day(page, day)
    page.keyboard.press("Enter")
    page.wait_for_url("**range=custom*")
    for place, values in ((2, ("anthropic", "openai")), (4, ("webshop",))):
        tab_to(page, f".filters details:nth-of-type({place}) summary")
        page.keyboard.press("Enter")
        for value in values:
            tab_to(page, f".filters input[value={value}]")
            page.keyboard.press("Space")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    mine = shown_on(page)
    assert mine.chips == ["Provider Anthropic", "Provider OpenAI", "Project Web shop"]
    assert (
        dollars(studio.json(f"overview?{NARROWED}")["totals"]["cost_usd"]) in page.locator(".chart-figure").inner_text()
    )

    for has_scripts in (True, False):
        context = studio.context(studio.ben, java_script_enabled=has_scripts)
        theirs = context.new_page()
        assert opened(theirs, page.url) == mine
        views = [one.get_attribute("href") or "" for one in theirs.locator("nav.side a[href*='project=webshop']").all()]
        assert len(views) >= 8
        for view in views if has_scripts else ():
            assert "range=custom" in view
            chips = opened(theirs, view).chips
            assert chips == mine.chips or view.startswith(NARROWED_OTHERWISE), view
        for name in () if has_scripts else ("projects/webshop", "cost-centers", "months", "overview"):
            opened(theirs, TABLES.get(name, (name,))[0], NARROWED)
            heights = [height_of(picture) for picture in theirs.locator("figure.chart img").all()]
            assert heights, name
            assert min(heights) > 40, name
            assert theirs.locator("figure.chart .plot:visible").count() == 0
        context.close()

    tab_to(page, ".chips li:nth-child(2) a")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert shown_on(page).chips == ["Provider Anthropic", "Project Web shop"]


def test_every_page_keeps_to_this_server_complains_of_nothing_and_can_be_read_by_everybody(
    studio: Studio, page: Page
) -> None:
    looker = Looker(screenshot_folder(studio.folder), is_quick=True)
    said, elsewhere = list[str](), list[str]()
    page.on("console", lambda message: said.append(f"{page.url}: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on(
        "request", lambda one: None if one.url.startswith((studio.base_url, "data:")) else elsewhere.append(one.url)
    )
    for name, path in studio.pages().items():
        opened(page, path)
        assert set(drawn(page)) <= {"drawn"}, name
        page.set_viewport_size(PHONE)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            looker.faults.append(f"{name}: wider than a phone")
        page.evaluate(SHORTENED)
        looker.look(page, f"figures-{name}")
    assert (looker.faults, said, elsewhere) == ([], [], [])


def test_everything_on_every_page_is_reached_by_tab_in_the_order_it_stands_and_shows_it(
    studio: Studio, page: Page
) -> None:
    faults: list[str] = []
    for name, path in studio.pages().items():
        opened(page, path)
        faults += [f"{name}: {fault}" for fault in focus_order(page)]
    assert faults == []


def test_forms_are_sent_by_keyboard_alone(studio: Studio, page: Page) -> None:
    opened(page, "optimization")
    cards = page.locator("article.finding").count()
    tab_to(page, "article.finding button[value=dismiss]")
    title = page.evaluate("document.activeElement.closest('article').querySelector('h3').textContent")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Dismissed:" in page.locator("[role=status]").first.inner_text()
    assert page.locator("article.finding").count() == cards - 1
    assert title not in page.locator("article.finding h3").all_inner_texts()
    opened(page, "reconciliation/2026-10")
    tab_to(page, "#close input[type=checkbox]")
    page.keyboard.press("Space")
    tab_to(page, "#close button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "signature holds" in page.locator("#close").inner_text()
