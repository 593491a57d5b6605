"""A company's people in real Chromium: sign up, invite, accept, pair, revoke, remove; and how every page looks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import ARGUMENTS, Looker, Person, chromium, screenshot_folder
from tests.installation import Installation

pytestmark = pytest.mark.timeout(1_800)  # a first run installs the browser

OLGA, BEN = "olga@acme.example", "ben@acme.example"
CONNECT = (sys.executable, "-m", "daemon.cli.main", "cloud", "connect", "--without-daemon")


class Laptop:
    """A machine whose owner runs `halton-meter cloud connect` and reads what it says."""

    def __init__(self, home: Path, base_url: str) -> None:
        self.environment = {**os.environ, "HALTON_METER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*CONNECT, "--base-url", base_url, "--no-browser", "--poll-interval-seconds", "0.2"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, pattern: str) -> str:
        """Return what a line of the terminal says after a pattern."""
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line)
            found = re.search(pattern, line)
            if found:
                return found[1]
        pytest.fail(f"the machine said {said}")

    def agree(self) -> None:
        """Agree to send to the workspace that was shown."""
        assert self.process.stdin is not None
        self.process.stdin.write("y\n")
        self.process.stdin.close()

    def end(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def whoami(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon.cli.main", "cloud", "whoami"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server and an open browser."""
    folder = tmp_path_factory.mktemp("browser")
    installation = Installation(folder / "home")
    (folder / "home").mkdir()
    path = chromium()
    try:
        installation.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield installation, browser, folder
            browser.close()
    finally:
        installation.stop()


def sign_in_by_code(person: Person) -> None:
    before = person.mails_so_far()
    person.fill("E-mail address", person.address)
    person.press("Mail me a link")
    mail = person.newest_mail(".", after=before)  # the code of an earlier mail is worth nothing any more
    code = re.search(r"\b(\d{6}|\d{3} \d{3})\b", mail)
    assert code, mail
    person.fill("Six-digit code", code[1])
    person.press("Sign in")


def link_in(mail: str, base_url: str) -> str:
    found = re.search(rf"{re.escape(base_url)}(/\S+)", mail)
    assert found, mail
    return found[1]


class Company:
    """Olga, who begins, and Ben, whom she invites; every page they come by is looked at."""

    def __init__(self, installation: Installation, browser: Browser, folder: Path) -> None:
        self.installation, self.folder = installation, folder
        self.base_url = installation.base_url
        mail = folder / "home" / "mail"
        self.looker = Looker(screenshot_folder(folder))
        self.olga = Person.arrive(browser, self.base_url, mail, OLGA)
        self.ben = Person.arrive(browser, self.base_url, mail, BEN)
        self.slug = ""

    def begins(self) -> None:
        """Sign up by code: the first workspace is made of the address's domain."""
        olga = self.olga
        olga.go("/")
        assert olga.page.url.startswith(f"{self.base_url}/signin")
        self.looker.look(olga.page, "sign-in")
        olga.fill("E-mail address", OLGA)
        olga.press("Mail me a link")
        self.looker.look(olga.page, "sign-in-code")
        olga.go("/")
        sign_in_by_code(olga)
        olga.page.wait_for_url("**/overview")
        self.slug = olga.page.url.removeprefix(self.base_url).split("/")[1]
        assert self.slug.startswith("acme")
        assert f"halton-meter cloud connect --base-url {self.base_url}" in olga.page.inner_text("main")
        self.looker.look(olga.page, "overview-new")

    def grows(self) -> None:
        """Choose a plan with more seats, invite, and accept in another browser that signs in by link."""
        olga, ben, slug = self.olga, self.ben, self.slug
        olga.go(f"/{slug}/settings/plan")
        self.looker.look(olga.page, "plan")
        olga.follow("Choose Team")
        self.looker.look(olga.page, "plan-confirm")
        olga.page.locator("main form button.primary").click()
        olga.go(f"/{slug}/members")
        invite = olga.page.locator("form[action$='/members/invite']")
        invite.locator("[name=email]").fill(BEN)
        invite.locator("button").click()
        assert BEN in olga.page.inner_text("main")
        self.looker.look(olga.page, "members")
        ben.go(link_in(ben.newest_mail("."), self.base_url))
        self.looker.look(ben.page, "invitation-stranger")
        ben.follow("Sign in to accept")
        ben.fill("E-mail address", BEN)
        ben.press("Mail me a link")
        ben.go(link_in(ben.newest_mail(".", after=1), self.base_url))
        self.looker.look(ben.page, "sign-in-link")
        ben.page.locator("main form button.primary").click()
        self.looker.look(ben.page, "invitation")
        ben.page.get_by_role("button", name=re.compile("^Join")).click()
        ben.page.wait_for_url(f"**/{slug}/overview*")
        assert ben.go(f"/{slug}/members") == 200
        assert OLGA in ben.page.inner_text("main")

    def pairs_a_machine(self) -> Laptop:
        """Ben approves the code that his terminal shows."""
        ben, laptop = self.ben, Laptop(self.folder / "laptop", self.base_url)
        code = laptop.read_until(r"Pairing code: ([A-Z0-9]{4}-[A-Z0-9]{4})")
        ben.go("/connect")
        self.looker.look(ben.page, "connect")
        ben.fill("Code it shows", code.lower().replace("-", " "))
        ben.press("Continue")
        self.looker.look(ben.page, "connect-approve")
        ben.press("Approve")
        assert laptop.read_until(r"Approved by: (\S+)") == BEN
        laptop.agree()
        assert laptop.end() == 0
        assert laptop.whoami().returncode == 0
        ben.go("/connect?code=ZZZZ-ZZZZ")
        self.looker.look(ben.page, "connect-not-found")
        return laptop

    def revokes(self, laptop: Laptop) -> None:
        """Revoke the machine: its next call is refused, with the reason."""
        olga = self.olga
        olga.go(f"/{self.slug}/settings/devices")
        self.looker.look(olga.page, "devices")
        olga.page.locator(f"a[href^='/{self.slug}/settings/devices/']").first.click()
        device = re.sub(r"/revoke$", "", olga.page.url.removeprefix(self.base_url))
        olga.go(device)
        self.looker.look(olga.page, "device")
        olga.go(f"{device}/revoke")
        self.looker.look(olga.page, "device-revoke")
        olga.press("Revoke access")
        refused = laptop.whoami()
        assert refused.returncode == 2
        assert "revoked" in refused.stdout + refused.stderr

    def looks_round(self) -> None:
        """Look at every other page."""
        olga, slug = self.olga, self.slug
        settings = ("settings", "settings/advanced", "settings/budgets", "settings/deletion", "settings/retention")
        for path in ("overview", "projects", "cost-centers", "audit", "members/leave", *settings):
            assert olga.go(f"/{slug}/{path}") == 200, path
            self.looker.look(olga.page, path.replace("/", "-"))
        for path in ("me", "new"):
            assert olga.go(f"/{path}") == 200, path
            self.looker.look(olga.page, path)
        olga.go(f"/{slug}/audit?search=device.revoked")
        assert "device.revoked" in olga.page.inner_text("tbody")
        assert OLGA in olga.page.inner_text("tbody")

    def parts(self) -> None:
        """Remove Ben: his very next page is a 403 that says why, and the log has it."""
        olga, ben = self.olga, self.ben
        olga.go(f"/{self.slug}/members")
        olga.page.get_by_role("link", name=re.compile(f"(Manage|Remove) {re.escape(BEN)}")).click()
        self.looker.look(olga.page, "member")
        olga.go(f"{olga.page.url.removeprefix(self.base_url)}/remove")
        self.looker.look(olga.page, "member-remove")
        olga.press("Remove member")
        assert BEN not in olga.page.inner_text("main table")
        assert ben.go(f"/{self.slug}/overview") == 403
        assert "removed from this workspace" in ben.page.inner_text("main")
        self.looker.look(ben.page, "removed")
        assert ben.go("/nobody-here/overview") == 404
        self.looker.look(ben.page, "not-found")
        ben.go("/")
        self.looker.look(ben.page, "no-workspace")
        olga.go(f"/{self.slug}/audit?event=member.removed")
        assert BEN in olga.page.inner_text("tbody")


def test_a_company_begins_grows_and_parts_and_everybody_can_read_every_page(stage: Any):
    company = Company(*stage)
    company.begins()
    company.grows()
    laptop = company.pairs_a_machine()
    company.revokes(laptop)
    company.looks_round()
    company.parts()
    assert company.looker.faults == []
    assert company.olga.complaints == company.ben.complaints == []
    pictures = {path.stem for path in company.looker.folder.glob("*.png")}
    assert {f"{name}-{variant}" for name in company.looker.seen for variant in ("light", "dark", "phone")} <= pictures
    assert json.loads(company.installation.run("audit", "verify").stdout)["ok"]


def test_the_menu_and_the_skip_link_work_from_the_keyboard(stage: Any):
    installation, browser, folder = stage
    person = Person.arrive(browser, installation.base_url, folder / "home" / "mail", "kim@keys.example")
    person.go("/")
    sign_in_by_code(person)
    person.page.wait_for_url("**/overview")
    page = person.page
    page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.textContent") == "Skip to content"
    assert page.evaluate(f"{focused}.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.reload()
    menu = page.locator("details.menu")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate(f"{focused}.tagName") == "SUMMARY":
            break
    outline = page.evaluate(f"getComputedStyle({focused}).outlineStyle + getComputedStyle({focused}).outlineWidth")
    assert outline == "solid3px"
    page.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert "Create workspace" in menu.inner_text()
    assert page.evaluate(f"{focused}.closest('.menu-body') !== null")
