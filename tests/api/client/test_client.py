"""The client against the real application: every GET route, pages, refusals, patience; and that it is a leaf."""

from __future__ import annotations

import ast
import inspect
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import api.client
from api.client import ApiError, Client, Unreachable
from api.client.frames import to_polars
from api.client_types import FOLDER, answer_schema, client_modules, get_operations, python_name
from tests.api.client.through import Through
from tests.api.dashboards.facts import ZONES
from tests.api.dashboards.world import World, build_world

ROOM = Path(api.client.__file__).parent
SLUG = next(iter(ZONES))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = build_world(tmp_path_factory.mktemp("client"))
    yield built
    built.close()


def client_of(world: World, slug: str = SLUG, key: str | None = None) -> Client:
    return Client("http://testserver", slug, api_key=key or world.keys[slug], transport=Through(world.client))


def test_answers_are_what_the_json_says(world: World) -> None:
    with client_of(world) as client:
        assert client.overview(range="last_30d") == world.get(f"{SLUG}/overview", range="last_30d").json()
        project = client.projects()["projects"][0]["project"]
        assert client.project(project) == world.get(f"{SLUG}/projects/{project}").json()
        assert client.requests(limit=3, project=[project]) == world.get(
            f"{SLUG}/requests", limit=3, project=project
        ).json()  # fmt: skip


def test_pages_follow_one_another_to_the_last_and_sum_to_the_total(world: World) -> None:
    with client_of(world) as client:
        rail: Any = {"range": "last_30d"}
        all_of_them = list(client.all_requests(limit=50, **rail))
        totals = client.projects(**rail)["totals"]
    assert len(all_of_them) == totals["requests"] > 100
    assert len({one["request_id"] for one in all_of_them}) == len(all_of_them)
    frame = to_polars(all_of_them)
    assert frame["cost_usd"].sum() == Decimal(totals["cost_usd"])


def test_a_custom_range_needs_no_name_and_files_are_saved_as_they_are(world: World, tmp_path: Path) -> None:
    day = world.clock.now().date().isoformat()
    with client_of(world) as client:
        assert client.overview(start=day, end=day)["period"]["first_day"] == day
        path = tmp_path / "requests.csv"
        assert client.save_requests_csv(path, range="last_30d") == path.stat().st_size
    assert path.read_bytes() == world.get(f"{SLUG}/requests.csv", range="last_30d").content


def test_refusals_are_the_servers_words(world: World) -> None:
    with client_of(world) as client, pytest.raises(ApiError) as refused:
        client.overview(range="yesterday")
    assert refused.value.status == 422
    said = world.get(f"{SLUG}/overview", range="yesterday").json()["error"]
    assert (refused.value.code, refused.value.message) == (said["code"], said["message"])
    other = next(slug for slug in world.keys if slug != SLUG)
    with client_of(world, key=world.keys[other]) as stranger, pytest.raises(ApiError, match="workspace_not_found"):
        stranger.overview()


def test_every_get_route_has_a_method_that_returns_its_type(world: World) -> None:
    document = world.app.openapi()
    calls: dict[str, str] = {}

    def note(request: httpx.Request) -> httpx.Response:
        calls["path"] = request.url.path
        return httpx.Response(418, json={"error": {"code": "teapot", "message": "Only the path matters."}})

    client = Client("http://testserver", "acme", api_key="k", transport=httpx.MockTransport(note))
    reached: dict[str, str] = {}
    for name, method in inspect.getmembers(client, inspect.ismethod):
        if name == "close" or name.startswith(("_", "all_")):
            continue
        needed = [
            parameter.name
            for parameter in inspect.signature(method).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        ]
        with pytest.raises(ApiError, match="teapot"):
            method(*(f"<{one}>" if one != "path" else "/dev/null" for one in needed))
        returned = inspect.signature(method).return_annotation
        reached[calls["path"]] = "" if name.startswith("save_") else returned
    for path, operation in get_operations(document):
        filled = path.replace("{workspace}", "acme").replace("{", "<").replace("}", ">").replace(":path", "")
        assert filled in reached, path
        schema = answer_schema(operation)
        assert reached[filled] == (python_name(schema) if schema else ""), path


def test_a_busy_server_is_asked_again_and_a_dead_one_is_said_to_be_dead() -> None:
    waits: list[float] = []
    answers = [httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(429), httpx.Response(200, json={})]
    client = Client("http://testserver", "acme", api_key="k", transport=httpx.MockTransport(lambda _: answers.pop(0)))
    client._transport._sleep = waits.append
    with pytest.raises(ApiError, match="unexpected_answer"):
        client.budgets()
    assert waits[0] == 7
    assert 0 < waits[1] < 2
    assert not answers

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = Client("http://testserver", "acme", api_key="k", transport=httpx.MockTransport(refuse))
    client._transport._sleep = waits.append
    with pytest.raises(Unreachable, match="refused"):
        client.budgets()
    assert len(waits) == 5
    moved = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": "http://elsewhere/"}))
    with pytest.raises(ApiError, match="302"):
        Client("http://testserver", "acme", api_key="k", transport=moved).budgets()


def test_its_types_are_those_the_server_describes(world: World) -> None:
    written = {path.name: path.read_text() for path in FOLDER.glob("*.py")}
    assert written == client_modules(world.app.openapi()), "run python -m api.client_types"
    for text in written.values():
        assert len(text.splitlines()) <= 300


def test_it_is_a_leaf_on_httpx_and_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"httpx", "msgspec"}
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            for name in names:
                fits = name.split(".")[0] in allowed or name == "api.client" or name.startswith("api.client.")
                assert fits or (path.name == "frames.py" and name == "polars"), f"{path.name}: {name}"
