"""What letters say, and what they do not let others say."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import pytest

from api.outbox.letters import TEMPLATES, letter

LINK = "https://meter.example/x?a=1&b=2"
GIVEN: dict[str, dict[str, Any]] = {
    "sign_in": {"link": LINK, "code": "480117", "minutes": 10},
    "invitation": {
        "link": LINK, "inviter": "vk@acme.co", "email": "ada@example.org", "workspace": "Acme", "role": "Member",
        "expires": "8 July 2026, 12:00 UTC",
    },
    "ownership": {"link": LINK, "actor": "vk@acme.co", "workspace": "Acme"},
    "deletion": {"link": LINK, "actor": "vk@acme.co", "workspace": "Acme", "purge_on": "31 July 2026"},
    "deletion_undone": {"link": LINK, "actor": "vk@acme.co", "workspace": "Acme"},
    "budget_alert": {
        "link": LINK, "workspace": "Acme", "what": "The project acme-api", "percent": 80, "spent": "$80.00",
        "budget": "$100.00", "period": "July 2026",
    },
    "spend_anomaly": {
        "link": LINK, "workspace": "Acme", "project": "acme-api", "model": "openai gpt-5", "spent": "$80.00",
        "expected": "$1.00", "hour": "2026-07-01 12:00 UTC", "others": 2,
    },
    "saving_regressed": {
        "link": LINK, "workspace": "Acme", "project": "acme-api", "model": "openai gpt-5", "check": "model swap",
        "unit": "requests", "before": "$4.50", "after": "$9.00", "others": 1,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_every_letter_has_a_subject_a_text_and_the_same_link_twice(name: str) -> None:
    subject, text, html = letter(name, **GIVEN[name])
    assert subject
    assert "\n" not in subject
    assert re.search(rf"^{re.escape(LINK)}$", text, re.MULTILINE), "the link stands on a line of its own"
    assert 'href="https://meter.example/x?a=1&amp;b=2"' in html
    for secret in (LINK, str(GIVEN[name].get("code", LINK))):
        assert secret not in subject


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_given_is_markup_or_a_line_of_its_own(name: str) -> None:
    hostile = '<a href="https://evil.example">x</a>\r\n\r\nBcc: eve@example.net\u2028\u202e'
    given = {key: hostile if isinstance(value, str) and key != "link" else value for key, value in GIVEN[name].items()}
    subject, text, html = letter(name, **given)
    assert 'evil.example"' not in html
    assert "<a href=&#34;" not in html
    assert not re.search(r"^\s*Bcc:", text, re.MULTILINE)
    for written in (subject, text, html):
        assert "\u202e" not in written
        assert "\u2028" not in written
    assert "\r" not in subject + text


@pytest.mark.parametrize("name", ["budget_alert", "spend_anomaly", "saving_regressed"])
def test_an_alert_without_the_servers_address_names_the_path_and_links_nothing(name: str) -> None:
    path = "/acme/projects/acme-api"
    made = letter(name, **{**GIVEN[name], "link": path})
    assert f"\nOn your server: {path}\n" in made.text
    assert path in made.html
    assert "href" not in made.html


def test_a_letter_missing_something_is_not_written() -> None:
    with pytest.raises(jinja2.UndefinedError):
        letter("sign_in", link=LINK, minutes=10)


def test_every_template_is_tried_here() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.txt")} == set(GIVEN) | {"alert_link"}
    assert {path.stem for path in TEMPLATES.glob("*.html")} == set(GIVEN) | {"frame", "button"}
