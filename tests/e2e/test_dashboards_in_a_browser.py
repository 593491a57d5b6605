"""Pages of figures in real Chromium: drawn under the pages' own policy, legible to all, usable without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.api.pages.conftest import Stage as Made
from tests.api.pages.conftest import opened_stage
from tests.e2e.browsing import ARGUMENTS, Looker, chromium, drawn, screenshot_folder
from tests.e2e.staging import Served

pytestmark = pytest.mark.timeout(1_800)  # a first run installs the browser
PAGES = {
    "overview": "/acme/overview",
    "projects": "/acme/projects?cost_center=client-work",
    "project-weekly": "/acme/projects/web?by=week&sort=-by-model.requests",
    "requests": "/acme/requests?provider=openai,anthropic&model=gpt-5",
}


class Stage(Served):
    """A server of the tests' world, and a browser of its reader's."""

    def __init__(self, made: Made, browser: Browser, folder: Path) -> None:
        super().__init__(made.world.app, browser, folder)
        self.reader = made.reader

    def opened(self, **options: Any) -> BrowserContext:
        return self.context(self.reader, **options)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("dashboards-in-a-browser")
    path = chromium()
    with opened_stage(folder / "home") as made, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        running = Stage(made, browser, folder)
        yield running
        browser.close()
        running.stop()


def test_every_page_of_figures_is_drawn_without_complaint_and_is_accessible(stage: Stage):
    looker, complaints, elsewhere = Looker(screenshot_folder(stage.folder)), list[str](), list[str]()
    context = stage.opened()
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((stage.base_url, "data:")) else elsewhere.append(one.url))
    for name, path in PAGES.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200
        assert set(drawn(page)) <= {"drawn"}, name
        looker.look(page, name)
    context.close()
    assert (looker.faults, complaints, elsewhere) == ([], [], [])


def test_a_chart_follows_the_readers_theme_and_says_what_is_under_the_pointer(stage: Stage):
    context = stage.opened()
    page = context.new_page()
    page.goto("/acme/overview")
    drawn(page)
    words = page.locator("figure.chart svg text").first
    light = words.get_attribute("fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(600)
    assert drawn(page) == ["drawn"]
    assert page.locator("figure.chart .plot-drawn").count() == 1
    assert words.get_attribute("fill") != light
    box = page.locator("figure.chart .plot svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 40, steps=4)
    page.wait_for_timeout(200)
    assert "Provider" in page.locator("#vg-tooltip-element").inner_text()
    context.close()


def test_without_scripts_a_page_shows_pictures_and_its_filter_works(stage: Stage):
    context = stage.opened(java_script_enabled=False)
    page = context.new_page()
    page.goto("/acme/projects/web")
    pictures = page.locator("figure.chart img")
    assert pictures.count() == 4
    for place in range(4):
        pictures.nth(place).scroll_into_view_if_needed()
        box = pictures.nth(place).bounding_box()
        assert box is not None
        assert box["width"] > 300
    assert not page.locator("figure.chart .plot").first.is_visible()
    page.goto("/acme/overview")
    page.get_by_text("Provider", exact=True).first.click()
    page.get_by_role("checkbox", name="OpenAI").check()
    page.locator("details.pick[open]").get_by_role("button", name="Apply").click()
    assert "provider=openai" in page.url
    assert page.locator(".chips li").count() == 1
    context.close()


def test_a_keyboard_alone_narrows_sorts_and_follows(stage: Stage):
    context = stage.opened()
    page = context.new_page()
    page.goto("/acme/overview")
    page.locator("details.pick summary").nth(1).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**provider=*")
    page.locator("#top-projects a.sort").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=top-projects.project*")
    assert "provider=" in page.url
    page.locator("#top-projects tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/**")
    assert "provider=" in page.url
    context.close()
