"""The log as CSV and as a page."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from api.audit.audit_csv import entry_chunks
from api.audit.messages import ActorShown, AuditEntry, ResourceShown
from api.db.session import transaction
from api.people import find_or_create_person
from pipelines.lake.clock import to_micros
from tests.api.audit.test_log import pages
from tests.api.conftest import Browser, People
from tests.api.dashboards.facts import workspace_id
from tests.api.dashboards.world import World


def reader(world: World) -> Browser:
    from api.db.models import Membership, Role

    with transaction(world.engine) as session:
        person = find_or_create_person(session, "reader@acme.co", world.clock.now())
        joined = to_micros(world.clock.now())
        for slug in ("acme", "empty"):
            row = Membership(
                workspace_id=workspace_id(slug), user_id=person.id, role=Role.MEMBER.value, joined_at_us=joined
            )
            session.merge(row)
    return People(world.app, world.engine, world.clock).sign_in("reader@acme.co")


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def test_the_csv_is_the_whole_log_in_the_same_order(logged: World):
    for query in ({}, {"family": "requests"}, {"search": "gpt"}, {"actor": "zo", "from_": "2026-04-01"}):
        answer = logged.get("acme/audit.csv", **query)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="audit-acme.csv"'
        entries = pages(logged, "acme/audit", limit=500, **query)
        rows = rows_of(answer)
        assert [row["id"] for row in rows] == [entry["id"] for entry in entries]
        assert [json.loads(row["details"]) for row in rows] == [entry["details"] for entry in entries]
        assert [row["hash"] for row in rows] == [entry["hash"] or "" for entry in entries]


def test_no_cell_of_the_csv_is_a_formula(logged: World):
    rows = rows_of(logged.get("acme/audit.csv"))
    assert {"'=HYPERLINK(1)"} <= {row["resource_id"] for row in rows}
    assert {"'=Ada's laptop"} <= {row["actor_name"] for row in rows}
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_whatever_text_an_entry_holds_becomes_no_formula():
    text = "=1+1"
    who = ActorShown(type=text, id=text, name=text)
    what = ResourceShown(type=text, id=text, name=text)
    entry = AuditEntry(
        id="0", at="0", family=text, event=text, actor=who, resource=what, details={}, position=1, hash="0", path=None
    )
    (line,) = entry_chunks([entry])
    assert line.decode().count(text) == line.decode().count(f"'{text}") == 8


def test_the_csv_takes_no_page(logged: World):
    assert logged.get("acme/audit.csv", limit="5").status_code == 422


def test_the_page_shows_entries_escaped_with_their_traces(logged: World):
    html = reader(logged).get("/acme/audit").text
    assert html.count("<tr>") == 51
    assert "=Ada&#39;s laptop" in html
    assert "<b>B" not in html
    assert re.search(r'href="/acme/traces/[0-9a-f-]{36}"', html)


def test_the_pages_filter_is_kept_in_its_form_and_its_links(logged: World):
    browser = reader(logged)
    html = browser.get("/acme/audit", params={"family": "requests", "search": 'son"net', "from": "2026-03-01"}).text
    assert '<option value="requests" selected>' in html
    assert 'value="son&#34;net"' in html
    assert 'value="2026-03-01"' in html
    assert "Nothing matches" in html
    html = browser.get("/acme/audit", params={"family": "requests"}).text
    older = re.search(r'href="(/acme/audit\?family=requests&amp;cursor=[\w-]+)"', html)
    assert older
    assert "Newest entries" in browser.get(older[1].replace("&amp;", "&")).text


def test_the_page_says_what_is_wrong_with_a_filter(logged: World):
    answer = reader(logged).get("/acme/audit", params={"from": "2026-05-01", "to": "2026-04-01", "actor": "<x>"})
    assert answer.status_code == 422
    assert "from must not be after to." in answer.text
    assert 'value="&lt;x&gt;"' in answer.text


def test_following_the_page_back_shows_every_entry_once(logged: World):
    browser, path, shown = reader(logged), "/empty/audit", list[str]()
    while path:
        html = browser.get(path).text
        shown += re.findall(r"<code>([a-z_]+\.[a-z_]+)</code>", html)
        link = re.search(r'href="([^"]+)">Older entries', html)
        path = link[1].replace("&amp;", "&") if link else ""
    assert len(shown) == 150
