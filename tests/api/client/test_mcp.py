"""The assistant's tools through the SDK's own client: they say what the JSON says, and only read."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from mcp import Client as Session
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from api.client import Client
from api.mcp_server.server import make_server
from tests.api.client.through import Through
from tests.api.dashboards.facts import ZONES
from tests.api.dashboards.world import World, build_world
from tests.served import serving

SLUG = next(iter(ZONES))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = build_world(tmp_path_factory.mktemp("mcp"))
    yield built
    built.close()


def within(world: World, talk: Callable[[Session], Awaitable[Any]], *, slug: str = SLUG, **given: Any) -> Any:
    """Talk to the tools of a workspace as an assistant does."""
    settings: dict[str, Any] = {"api_key": world.keys[SLUG], "transport": Through(world.client), **given}

    async def run() -> Any:
        client = Client("http://testserver", slug, **settings)
        async with Session(make_server(client)) as session:
            return await talk(session)

    return asyncio.run(run())


def said(result: Any) -> Any:
    return json.loads(result.content[0].text)


def test_what_a_project_cost_last_month_is_what_the_json_says(world: World) -> None:
    project = world.get(f"{SLUG}/projects", range="last_month").json()["projects"][0]["project"]

    async def ask(session: Session) -> Any:
        return await session.call_tool("project_spend", {"project": project, "period": "last_month"})

    answer = said(within(world, ask))
    expected = world.get(f"{SLUG}/projects/{project}", range="last_month").json()
    del expected["recent_requests"]
    assert answer == expected
    assert float(answer["totals"]["cost_usd"]) > 0


def test_every_tool_answers_and_says_that_it_only_reads(world: World) -> None:
    request = world.get(f"{SLUG}/requests", range="last_30d").json()["requests"][0]
    needed: dict[str, dict[str, Any]] = {
        "project_spend": {"project": request["project"]},
        "trace": {"request_id": request["request_id"]},
    }

    async def ask(session: Session) -> Any:
        tools = (await session.list_tools()).tools
        return [(tool, await session.call_tool(tool.name, needed.get(tool.name, {}))) for tool in tools]

    answers = within(world, ask)
    assert len(answers) == 11
    for tool, result in answers:
        assert tool.annotations.read_only_hint, tool.name
        assert not tool.annotations.destructive_hint, tool.name
        assert not result.is_error, (tool.name, result.content)
        assert "workspace" in said(result), tool.name


def test_refusals_reach_the_assistant_in_the_servers_words(world: World) -> None:
    async def ask(session: Session) -> Any:
        return await session.call_tool("project_spend", {"project": "no-such-project"})

    refused = within(world, ask)
    assert refused.is_error
    assert "project_not_found" in refused.content[0].text
    other = next(slug for slug in world.keys if slug != SLUG)
    stranger = within(world, ask, slug=other)
    assert stranger.is_error
    assert "workspace_not_found" in stranger.content[0].text
    nobody = within(world, ask, api_key="hm_api_" + "x" * 36)
    assert nobody.is_error
    assert "HALTON_API_KEY" in nobody.content[0].text


def test_half_a_period_is_refused_in_the_words_of_the_tool(world: World) -> None:
    async def ask(session: Session) -> Any:
        return await session.call_tool("overview", {"start": "2026-10-01"})

    refused = within(world, ask)
    assert refused.is_error
    assert "both start and end" in refused.content[0].text


@pytest.mark.parametrize(
    ("tool", "given", "said_plainly"),
    [
        (
            "project_spend",
            {"project": "web", "range": "last_month"},
            "project_spend has no argument 'range'; it takes project, period, start and end.",
        ),
        ("budgets", {"month": "2026-10"}, "budgets has no argument 'month'; it takes none."),
        (
            "project_spend",
            {"project": "web", "period": "yesterday"},
            "project_spend: period must be 'last_24h', 'last_7d', 'last_30d', 'this_month' or 'last_month'.",
        ),
        ("trace", {}, "trace: request_id must be given."),
        ("requests", {"limit": 1000}, "requests: limit must be less than or equal to 100."),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_in_plain_words(
    world: World, tool: str, given: dict[str, Any], said_plainly: str
) -> None:
    async def ask(session: Session) -> Any:
        tools = (await session.list_tools()).tools
        assert all(one.input_schema["additionalProperties"] is False for one in tools)
        return await session.call_tool(tool, given)

    refused = within(world, ask)
    assert refused.is_error
    assert refused.content[0].text == said_plainly


def test_a_server_that_is_down_is_said_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("Connection refused", request=request)

    async def ask(session: Session) -> Any:
        return await session.call_tool("budgets", {})

    monkeypatch.setattr("api.client.transport._wait", lambda *_: 0.0)
    told = within(world, ask, transport=Down())
    assert told.is_error
    assert "cannot be reached; is it running" in told.content[0].text


def test_the_command_answers_over_stdio_and_sends_nothing_but_gets(world: World) -> None:
    methods: list[str] = []
    answered = world.client.app

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        methods.append(scope["method"])
        await answered(scope, receive, send)

    project = world.get(f"{SLUG}/projects", range="last_month").json()["projects"][0]["project"]
    expected = world.get(f"{SLUG}/projects/{project}", range="last_month").json()["totals"]["cost_usd"]

    async def ask(url: str) -> Any:
        command = StdioServerParameters(
            command=sys.executable,
            args=["-m", "api.cli.main", "mcp", "--workspace", SLUG, "--url", url],
            env={**os.environ, "HALTON_API_KEY": world.keys[SLUG]},
        )
        async with stdio_client(command) as (reads, writes), ClientSession(reads, writes) as session:
            await session.initialize()
            named = {tool.name for tool in (await session.list_tools()).tools}
            spend = await session.call_tool("project_spend", {"project": project, "period": "last_month"})
            absent = await session.call_tool("delete_project", {"project": project})
            return named, spend, absent

    with serving(watched) as url:
        named, spend, absent = asyncio.run(ask(url))
    assert "project_spend" in named
    assert said(spend)["totals"]["cost_usd"] == expected != "0.00000"
    assert absent.is_error
    assert set(methods) == {"GET"}
