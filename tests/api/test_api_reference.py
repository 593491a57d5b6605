"""The reference page shows everything the OpenAPI document says, and loads nothing."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.conftest import on_sqlite

pytestmark = on_sqlite


@pytest.fixture
def reference(client: TestClient) -> tuple[str, dict[str, Any]]:
    answer = client.get("/docs/api")
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    return answer.text, client.get("/openapi.json").json()


def test_every_route_parameter_answer_and_example_is_shown(reference: tuple[str, dict[str, Any]]):
    page, document = reference
    text = html.unescape(page)
    articles = dict(re.findall(r'<h3 id="[^"]+"><code>([A-Z]+ /[^<]+)</code></h3>(.*?)</article>', text, re.DOTALL))
    described = {f"{m.upper()} {p}": op for p, ops in document["paths"].items() for m, op in ops.items()}
    assert articles.keys() == described.keys()
    for name, operation in described.items():
        for parameter in operation.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in articles[name], (name, parameter["name"])
        for status, answer in operation["responses"].items():
            assert f">{status}</th>" in articles[name], (name, status)
            for content in answer.get("content", {}).values():
                assert "example" not in content or f"Example of a {status}" in articles[name], (name, status)
        if "requestBody" in operation:
            assert "Send " in articles[name], name


def test_every_schema_is_shown_and_every_link_leads_somewhere(reference: tuple[str, dict[str, Any]]):
    page, document = reference
    places = set(re.findall(r' id="([^"]+)"', page))
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= places
    assert set(re.findall(r'href="#([^"]+)"', page)) <= places
    assert len(re.findall(r' id="([^"]+)"', page)) == len(places)


def test_it_runs_no_script_and_asks_no_other_server(reference: tuple[str, dict[str, Any]]):
    page, _ = reference
    assert "<script" not in page
    assert "style=" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
