"""What leaves an installation by other ways than pages: to assistants, files of exports, metrics, webhooks, letters.

Belongs here: asking for it. Does not belong here: judging it (the tests).
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
from fastapi.testclient import TestClient
from mcp import Client as Session

from api.alerts.addresses import own_networks
from api.alerts.crossings import AnomalyCrossing
from api.alerts.figures import crossings_of, watched_workspaces
from api.alerts.raising import Telling, raise_alerts
from api.alerts.webhooks import WebhookVault, set_webhook
from api.alerts.words import anomaly_letter, webhook_message
from api.audit import OPERATOR
from api.client import Client
from api.dashboards.queries.marts import Marts
from api.dashboards.with_analysis import analysis_rows
from api.db.models import AlertDelivery
from api.db.session import reading, transaction
from api.mcp_server.server import make_server
from pipelines.exports.run import export_workspace
from tests.api.dashboards.world import World
from tests.faults.hostile.named_world import served
from tests.faults.hostile.names import NAMES
from tests.pipelines.exports.checking import checked, to_folder
from tests.pipelines.exports.checking import reading as reading_of

Letter = tuple[str, ...]
"""Subject, text and HTML."""


def told_by_tools(world: World) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what each tool tells an assistant that needs no name, and what a project's spend is, by its name."""
    given = {"trace", "project_spend"}

    async def run() -> tuple[dict[str, str], dict[str, Any]]:
        with Client(base_url, "acme", api_key=world.keys["acme"]) as client:
            async with Session(make_server(client)) as session:
                return await asked(session)

    async def asked(session: Session) -> tuple[dict[str, str], dict[str, Any]]:
        async def told(tool: str, **arguments: Any) -> str:
            (content,) = (await session.call_tool(tool, arguments)).content
            return content.text  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

        tools = [one.name for one in (await session.list_tools()).tools if one.name not in given]
        spent = {name: json.loads(await told("project_spend", project=name)) for name in NAMES}
        return {tool: await told(tool) for tool in tools}, spent

    # By a socket: test clients read what is escaped in a path twice.
    with served(world) as base_url:
        return asyncio.run(run())


def exported(world: World, whose: str, folder: Path) -> tuple[list[str], dict[str, pl.DataFrame]]:
    """Return the paths of everything an export wrote, below its folder, and its tables; every file is as it says."""
    export_workspace(world.home, world.engine, to_folder(folder, whose))
    manifest = checked(reading_of(folder, whose))
    tables: dict[str, list[pl.DataFrame]] = {}
    for one in manifest["files"]:
        tables.setdefault(one["table"], []).append(pl.read_parquet(folder / whose / one["path"]))
    files = [str(path.relative_to(folder / whose)) for path in folder.rglob("*") if path.is_file()]
    return files, {table: pl.concat(frames) for table, frames in tables.items()}


def labels_measured(world: World, paths: list[str]) -> set[str]:
    """Return all labels of the metrics, as they are written, after calls to some paths."""
    client = TestClient(world.app, base_url="https://testserver", client=("127.0.0.1", 50_000))
    for path in paths:
        client.get(path)
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z_]+(\{[ -~]*\})? [-+.0-9e]+|", line) for line in lines), lines
    return {found for line in lines for found in re.findall(r'([a-z_]+="[^"]*")', line)}


def owed_to_webhooks(world: World, whose: str) -> tuple[dict[str, bytes], dict[str, Letter], list[str]]:
    """Let alerts be raised; return what a call and a letter say of each anomaly, by project, and calls that wait."""
    now = world.clock.now()
    vault, telling = WebhookVault(world.home), Telling(world.engine, world.app.state.mail_seal, "https://meter.example")
    with transaction(world.engine) as session:
        networks = own_networks({"HALTON_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"})
        set_webhook(session, vault, whose, "http://127.0.0.1:9/h", networks=networks, actor=OPERATOR, at=now)
    (workspace,) = (one for one in watched_workspaces(world.engine) if one.id == whose)
    snapshot = world.app.state.snapshots.current()
    with snapshot, analysis_rows(world.app.state.analyses) as analysed:
        crossings = crossings_of(world.engine, Marts(snapshot), analysed, workspace, now)
    unusual = [one for one in crossings if isinstance(one, AnomalyCrossing)]
    bodies = {one.project: webhook_message(one, workspace, "a", "b", now) for one in unusual}
    letters = {one.project: tuple(anomaly_letter(one, workspace, telling.base_url, others=1)) for one in unusual}
    raise_alerts(telling, workspace, crossings, build_id="b", at=now)
    with reading(world.engine) as session:
        waiting = [one.body for one in session.query(AlertDelivery).filter_by(workspace_id=whose)]
    return bodies, letters, waiting
