"""Real Chromium for tests: getting it, opening it, judging what it shows, and keeping pictures of it.

Chromium is the distribution's (`apt-get install chromium`); a run as root installs it where it is missing. Pictures go
to `$HALTON_TEST_ARTEFACTS/screenshots`, else to the test's own folder.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

ARTEFACTS_VARIABLE: Final = "HALTON_TEST_ARTEFACTS"
ARGUMENTS: Final = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
VARIANTS: Final[tuple[tuple[str, Literal["light", "dark"], ViewportSize], ...]] = (
    ("light", "light", DESKTOP),
    ("dark", "dark", DESKTOP),
    ("phone", "light", PHONE),
)
AXE_OPTIONS: Final[dict[str, Any]] = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
_QUICK: Final[dict[str, dict[str, Any]]] = {
    "dark": {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}},
    "phone": {**AXE_OPTIONS, "rules": {"color-contrast": {"enabled": False}}},
}
_STATES: Final = "[...document.querySelectorAll('figure[data-chart]')].map(one => one.dataset.state || 'waiting')"
_MAIL_SECONDS: Final = 30.0


def chromium() -> str:
    """Return the path of Chromium, installed first where it is missing and this run may install."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ("install", "update", "install"):  # without an update where the lists are fresh
            told = ["apt-get", command, "--yes", "--quiet", *(["chromium"] if command == "install" else [])]
            subprocess.run(told, capture_output=True, timeout=1_200, check=False)
            found = shutil.which("chromium")
            if found:
                break
    if found is None:
        pytest.fail("These tests need Chromium: install it with `apt-get install chromium`.", pytrace=False)
    return found


def screenshot_folder(own: Path) -> Path:
    """Return where pictures go."""
    chosen = os.environ.get(ARTEFACTS_VARIABLE)
    folder = Path(chosen) / "screenshots" if chosen else own / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drawn(page: Page) -> list[str]:
    """Wait for a page's charts and return how they ended."""
    states = list[str]()
    for _ in range(300):
        states = page.evaluate(_STATES)
        if "waiting" not in states:
            break
        page.wait_for_timeout(50)
    return states


@dataclass
class Looker:
    """Looks at pages as people do who see well, see badly, or hold a phone.

    Attributes:
        folder: where pictures go.
        faults: what axe found, one line each.
        seen: names of the pages looked at.
        is_quick: in the dark axe judges colours alone, and on a phone all else: nothing else differs from the light.
    """

    folder: Path
    faults: list[str] = field(default_factory=list[str])
    seen: list[str] = field(default_factory=list[str])
    is_quick: bool = False

    def look(self, page: Page, name: str) -> None:
        """Judge the page in light, dark and on a phone, and keep a picture of each."""
        self.seen.append(name)
        for variant, scheme, size in VARIANTS:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)
            where = f"{name} ({variant})"
            self._judge(page, where, _QUICK.get(variant, AXE_OPTIONS) if self.is_quick else AXE_OPTIONS)
            page.screenshot(path=self.folder / f"{name}-{variant}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESKTOP)

    def _judge(self, page: Page, where: str, options: dict[str, Any]) -> None:
        for violation in Axe().run(page, options=options).response["violations"]:
            places = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
            self.faults.append(f"{where}: {violation['id']}: {violation['help']}: {places}")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            self.faults.append(f"{where}: {wider} px wider than the window")
        if page.locator("h1").count() != 1:
            self.faults.append(f"{where}: {page.locator('h1').count()} main headings")


@dataclass
class Person:
    """Somebody at a browser of their own.

    Attributes:
        base_url: where the server is.
        mail: the server's folder of mails.
        complaints: what the browser said of pages: errors of scripts, and what their policy forbade.
    """

    context: BrowserContext
    page: Page
    base_url: str
    mail: Path
    address: str
    complaints: list[str] = field(default_factory=list[str])

    @classmethod
    def arrive(cls, browser: Browser, base_url: str, mail: Path, address: str) -> Person:
        context = browser.new_context(base_url=base_url, viewport=DESKTOP, locale="en-GB", timezone_id="UTC")
        context.set_default_timeout(20_000)
        person = cls(context, context.new_page(), base_url, mail, address)
        person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
        person.page.on("console", person._heard)
        return person

    def _heard(self, message: Any) -> None:
        # A refused page is also "heard"; the browser says so of every 4xx.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> int:
        """Open a page and return its status."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer.status

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def press(self, name: str) -> None:
        """Press a button by what it is called."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow a link by what it is called."""
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    def mails_so_far(self) -> int:
        """Return how many mails came to this person."""
        return len(self._mails())

    def newest_mail(self, subject: str, after: int = 0) -> str:
        """Wait for a mail to this person whose subject has these words, and return its text."""
        deadline = time.monotonic() + _MAIL_SECONDS
        while time.monotonic() < deadline:
            found = [one for one in self._mails() if re.search(subject, str(one["subject"]))]
            if len(found) > after:
                body = found[-1].get_body(("plain",))
                assert body is not None
                return body.get_content()
            time.sleep(0.05)
        subjects = [str(one["subject"]) for one in self._mails()]
        pytest.fail(f"no mail about {subject!r} came to {self.address}; there are {subjects}")

    def _mails(self) -> list[Any]:
        files = sorted(self.mail.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        read = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return [one for one in read if self.address in str(one["to"])]
