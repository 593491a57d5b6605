"""`halton-cloud demo`: the main job once, from pairing to a proven total.

Belongs here: the order of steps. Does not belong here: simulated machines (`api.cli.demo_laptops`), their providers'
bills (`api.cli.demo_bills`), the company around them (`api.cli.demo_company`), what is shown (`api.cli.demo_screen`),
or any of the jobs themselves: the demo uses the commands and routes everybody uses.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from api.audit import OPERATOR
from api.cli.analysis import analyse_once
from api.cli.console import home_option, print_answer
from api.cli.database import changing
from api.cli.demo_bills import invoice_files, take_invoices
from api.cli.demo_company import furnish
from api.cli.demo_laptops import DEVICES, LaptopFailedError, Laptops, Sent
from api.cli.demo_screen import OWNER, DemoScreen
from api.cli.demo_server import running_server
from api.db.models import Plan
from pipelines.lake.paths import Home


@dataclass(frozen=True)
class DemoWorkspace:
    """Where the demo's rows go, and the key that reads them."""

    slug: str
    api_key: str


@click.command("demo")
@click.option("--rows", type=click.IntRange(1), help="Calls to make up (default 50000), or to take from the trace.")
@click.option("--days", type=click.IntRange(1, 2_000), default=90, show_default=True, help="Length of the history.")
@click.option(
    "--trace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay real requests: CSV TIMESTAMP,ContextTokens,GeneratedTokens, or JSONL timestamp,input_length,….",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the server (default: a free one).")
@click.option("--no-serve", is_flag=True, help="Stop when the totals are proven.")
@home_option
def demo_command(
    *, rows: int | None, days: int, trace: Path | None, port: int, no_serve: bool, home_folder: str | None
) -> None:
    r"""Run the whole way once: server, three paired machines, a realistic history, marts, overview, proof, bills.

    Shows what it does on stderr, prints one JSON object on stdout, and goes on serving until Ctrl-C.

    \b
    Examples:
      halton-cloud demo
      halton-cloud demo --rows 5000 --days 30 --no-serve
      halton-cloud demo --trace AzureLLMInferenceTrace_code.csv --home /tmp/halton-demo
    """
    started = time.monotonic()
    home = Home.locate(home_folder)
    screen = DemoScreen()
    screen.begin(home.root)
    workspace = _workspace(home)
    # The build's libraries take seconds to load; that happens while the machines upload.
    warming = threading.Thread(target=_load_pipelines, name="warm-up", daemon=True)
    warming.start()
    history = _history(rows=rows, days=days, trace=trace)
    with running_server(home, port) as url, ThreadPoolExecutor(1) as beside:
        screen.listening(url)
        sent = _upload(screen, home, workspace, url, history)
        furnish(home, workspace.slug, spent_millicents=sent.totals["cost_metered_millicents"], days=days)
        warming.join()
        billing = beside.submit(_take_bills, home, workspace, history)
        build = screen.waiting("Building and testing the marts", lambda: _refresh(home))
        screen.built(build)
        screen.billed(*billing.result())
        # In a process of its own while the totals are shown and proven, for it takes as long.
        analysing = beside.submit(analyse_once, home)
        overview = _ask(url, workspace, "overview", range="custom", **{"from": sent.first_day, "to": sent.last_day})
        screen.overview(overview)
        report = screen.waiting("Recomputing every total from the landed files", lambda: _verify(home))
        agrees = screen.proof(report, sent.totals, overview)
        analysis = screen.waiting("Building the analysis of the marts", analysing.result)
        screen.analysed(analysis)
        screen.look_further(
            url, workspace.slug, workspace.api_key, time.monotonic() - started, home=home.root, serving=not no_serve
        )
        print_answer(
            {
                "url": url,
                "workspace": workspace.slug,
                "api_key": workspace.api_key,
                "build_id": build["build_id"],
                "analysis_id": analysis and analysis["analysis_id"],
                "rows_total": build["rows_total"],
                "totals": overview["totals"],
                "sent": sent.totals,
                "verified": report["ok"],
                "laptops_agree": agrees,
                "seconds": round(time.monotonic() - started, 3),
            }
        )
        if not (report["ok"] and agrees):
            raise click.ClickException("the published totals are not proven; see the differences above")
        if not no_serve:
            _go_on(home)


def _workspace(home: Home) -> DemoWorkspace:
    from api.api_keys import create_api_key  # noqa: PLC0415 - after the database has been opened once
    from api.workspaces import create_workspace  # noqa: PLC0415

    with changing(str(home.root), create=True) as (session, now):
        workspace = create_workspace(
            session, name="Demo", owner_email=OWNER, plan=Plan.TEAM, time_zone="UTC",
            actor=OPERATOR, at=now,
        )  # fmt: skip
        key = create_api_key(session, workspace.id, name="demo", actor=OPERATOR, at=now)
        return DemoWorkspace(workspace.slug, key)


def _history(*, rows: int | None, days: int, trace: Path | None) -> list[str]:
    """Return the options that machines and providers are simulated with: both must mean the same calls."""
    from pipelines.lake.clock import SystemClock, iso_utc  # noqa: PLC0415 - after the command has spoken

    options = ["--days", str(days), "--devices", str(DEVICES), "--until", iso_utc(SystemClock().now())]
    options += ["--rows", str(rows)] if rows is not None else []
    return [*options, "--trace", str(trace)] if trace is not None else options


def _take_bills(home: Home, workspace: DemoWorkspace, history: list[str]) -> tuple[int, int]:
    """Return how many invoices were taken, and how many lines they have."""
    files = invoice_files(home.root / "demo-invoices" / workspace.slug, history)
    return len(files), take_invoices(home, workspace.slug, files)


def _upload(screen: DemoScreen, home: Home, workspace: DemoWorkspace, url: str, history: list[str]) -> Sent:
    laptops = Laptops(url, home.root / "demo-laptops" / workspace.slug, history)
    try:
        with laptops, screen.progress() as bars:
            laptops.follow(bars, approve=lambda code: _approve(home, workspace, code))
    except LaptopFailedError as failed:
        raise click.ClickException(str(failed)) from None
    screen.uploaded(DEVICES, laptops.sent.totals)
    return laptops.sent


def _approve(home: Home, workspace: DemoWorkspace, code: str) -> None:
    from api.pairing.sessions import approve_pairing  # noqa: PLC0415
    from api.workspaces import find_workspace  # noqa: PLC0415

    with changing(str(home.root)) as (session, now):
        found = find_workspace(session, workspace.slug)
        approve_pairing(session, code, found.id, approver=OPERATOR, at=now)


def _load_pipelines() -> None:
    for module in ("pipelines.refresh", "pipelines.verify"):
        importlib.import_module(module)


def _refresh(home: Home) -> dict[str, Any]:
    from api.cli.database import opened  # noqa: PLC0415
    from pipelines.lake.clock import SystemClock  # noqa: PLC0415
    from pipelines.refresh import refresh  # noqa: PLC0415

    with opened(home) as engine:
        outcome = refresh(home, engine, SystemClock())
    return {
        "build_id": outcome.build_id,
        "rows_new": outcome.rows_new,
        "rows_total": outcome.rows_total,
        "seconds": outcome.seconds,
    }


def _verify(home: Home) -> dict[str, Any]:
    from api.cli.database import opened  # noqa: PLC0415
    from pipelines.verify import verify  # noqa: PLC0415

    with opened(home) as engine:
        return verify(home, engine).as_dict()


def _ask(url: str, workspace: DemoWorkspace, view: str, **query: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{url}/v1/{workspace.slug}/{view}",
        params=query,
        headers={"Authorization": f"Bearer {workspace.api_key}"},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json()


def _go_on(home: Home) -> None:
    """Keep the marts fresh and analysed and serve until Ctrl-C."""
    commands = [
        [sys.executable, "-m", module, "--home", str(home.root)]
        for module in ("pipelines.refresher", "pipelines.analysis")
    ]
    with ExitStack() as stack:
        beside = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr))  # noqa: S603 - our own
            for command in commands
        ]
        try:
            for process in beside:
                process.wait()
        except KeyboardInterrupt:
            click.echo("", err=True)
        finally:
            for process in beside:
                process.terminate()
