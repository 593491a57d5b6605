"""Caching, entity tags, swaps, staleness, and the time before the first build."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from api.dashboards import overview as overview_module
from api.dashboards import routes
from api.db.models import Project, Workspace
from api.db.session import transaction
from pipelines.lake.clock import to_micros
from pipelines.lake.ledger import landed_files
from tests.api.dashboards.facts import NOW, one_request, totals_of, workspace_id
from tests.api.dashboards.world import World

VIEWS = ("overview", "projects", "projects/web", "requests", "requests.csv", "devices", "filters")


@pytest.mark.parametrize("view", VIEWS)
def test_an_unchanged_answer_is_not_sent_again(world: World, view: str):
    first = world.get(f"acme/{view}")
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = world.get(f"acme/{view}", headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert world.get(f"acme/{view}", headers={"If-None-Match": '"other"'}).content == first.content


def test_the_same_filter_written_otherwise_is_the_same_answer(world: World):
    one = world.get("acme/overview?provider=openai&provider=xai")
    other = world.get("acme/overview?provider=xai,openai&range=last_30d")
    assert one.content == other.content
    assert one.headers["etag"] == other.headers["etag"]


def test_callers_at_once_wait_for_one_computation(fresh_world, monkeypatch: pytest.MonkeyPatch):
    world: World = fresh_world(rows_each=30)
    built: list[int] = []
    together = threading.Barrier(8)

    def slow(*arguments: Any) -> Any:
        built.append(1)
        return overview_module.overview(*arguments)

    def call(_: int) -> bytes:
        together.wait(10)
        return world.get("acme/overview").content

    monkeypatch.setattr(routes, "overview", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(call, range(8)))
    assert len(answers) == 1
    assert len(built) == 1


def test_before_the_first_build_everything_is_an_honest_nothing(fresh_world):
    world: World = fresh_world(rows_each=20, published=False)
    for view in VIEWS:
        answer = world.get(f"acme/{view}")
        assert answer.status_code == 200, answer.text
        if view != "requests.csv":
            body = answer.json()
            assert (body["build_id"], body["data_as_of"], body["time_zone"]) == (None, None, "America/New_York")
            assert body["totals"] == totals_of([])
    assert world.get("acme/projects/unknown").status_code == 404
    assert world.get(f"acme/traces/{world.rows[0]['request_id']}").status_code == 404


def test_a_new_build_is_served_at_once_and_whole(fresh_world):
    world: World = fresh_world(rows_each=40)
    before = world.get("acme/overview")
    world.rows += [one_request("acme", 1000 + number, random.Random(number)) for number in range(10)]
    world.publish("b20260407T031000-00000002")
    after = world.get("acme/overview", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["build_id"] == "b20260407T031000-00000002"
    assert after.json()["totals"] == totals_of(world.visible("acme", world.last_days("acme", 30)))


def test_readers_during_swaps_see_one_build_or_the_other(fresh_world):
    world: World = fresh_world(rows_each=40)
    builds = {f"b20260407T0310{number:02d}-00000000": 0 for number in range(3)}
    counts: dict[str, int] = {"b20260407T030900-00000001": len(world.visible("acme"))}
    done = threading.Event()
    seen: list[tuple[str, int, int]] = []

    def read() -> None:
        while not done.is_set():
            body = world.json("acme/projects", range="custom", from_="2026-01-01", to="2026-04-30")
            listed = sum(item["requests"] for item in body["projects"])
            seen.append((body["build_id"], body["totals"]["requests"], listed))

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for number, build in enumerate(builds):
                world.rows = [*world.rows, one_request("acme", 2000 + number, random.Random(number + 3))]
                counts[build] = len(world.visible("acme"))
                world.publish(build)
        finally:
            done.set()
        for reader in readers:
            reader.result(30)
    assert seen
    assert all(counts[build] == total == listed for build, total, listed in seen)


def test_a_rename_shows_without_a_new_build(fresh_world):
    world: World = fresh_world(rows_each=30)
    tag = world.get("acme/projects/web").headers["etag"]
    with transaction(world.engine) as session:
        mine = Project.workspace_id == workspace_id("acme")
        session.execute(update(Project).where(mine, Project.slug == "web").values(display_name="Renamed"))
        # Every audited change raises the position; the change itself is another module's.
        session.execute(update(Workspace).where(Workspace.id == workspace_id("acme")).values(audit_position=1))
    answer = world.get("acme/projects/web", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["project"]["display_name"] == "Renamed"


def test_a_new_day_gives_a_new_answer_from_the_same_build(fresh_world):
    world: World = fresh_world(rows_each=60)
    before = world.json("acme/overview")
    world.clock.advance(timedelta(hours=24))
    after = world.json("acme/overview")
    assert after["headline"]["today"]["from"] > before["headline"]["today"]["from"]
    assert after["totals"] == totals_of(world.visible("acme", world.last_days("acme", 30)))


def test_answers_say_when_landed_rows_have_waited_too_long(fresh_world):
    world: World = fresh_world(rows_each=20)
    assert world.json("acme/overview")["stale"] is False
    zeros = {column.name: 0 for column in landed_files.columns}
    with world.engine.begin() as connection:
        connection.execute(
            insert(landed_files).values(
                **zeros
                | {
                    "file_seq": 4,
                    "file_id": "later",
                    "workspace_id": workspace_id("acme"),
                    "relative_path": "later.parquet",
                    "received_day": "2026-04-07",
                    "sha256": "0" * 64,
                    "committed_at_us": to_micros(NOW),
                }
            )
        )
    assert world.json("acme/overview")["stale"] is False
    world.clock.advance(timedelta(minutes=11))
    assert world.json("acme/overview")["stale"] is True
    assert world.json("island/overview")["stale"] is False


def test_answers_do_not_depend_on_other_workspaces(fresh_world):
    with_others: World = fresh_world(rows_each=40, published=False)
    newest = max(with_others.visible("island"), key=lambda row: row["received_at"])
    newest["received_at"] += timedelta(hours=1)  # what others do must not show
    with_others.publish("b20260407T030900-00000001")
    alone: World = fresh_world(rows_each=40, published=False)
    alone.rows = [row for row in alone.rows if row["workspace_id"] == workspace_id("acme")]
    alone.publish("b20260407T030900-00000001")
    for view in VIEWS:
        mine, other = alone.get(f"acme/{view}"), with_others.get(f"acme/{view}")
        if view != "requests.csv":
            assert mine.json()["data_as_of"] is not None, view
        assert mine.content == other.content, view


def test_keys_leave_no_trace_in_what_is_cached(world: World):
    assert world.get("acme/overview", key="island").status_code == 404
    assert world.get("acme/overview").status_code == 200
    assert world.get("acme/overview", key="island").status_code == 404
