"""What `start`, `stop` and `status` show.

Belongs here: lines with a coloured dot, and the JSON of `status`. Does not belong here: options (`service`), gathering
what the daemon says (`daemon.service.launch`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import click
import msgspec

from daemon.cli.plain_text import printable
from daemon.clock import SystemClock
from daemon.cloud.status import link_status, status_json
from daemon.credentials import MeterHome
from daemon.service.launch import ask
from daemon.service.running import Running, daemon_runs, find_running
from daemon.service.snapshot import Snapshot
from daemon.store.errors import StoreError
from daemon.store.store import Store

GREEN: Final = "green"
AMBER: Final = "yellow"
RED: Final = "red"
_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60


@dataclass(frozen=True)
class Now:
    """Everything `status` knows.

    Attributes:
        runs: whether the daemon runs.
        running: what its keeper wrote down; None when nothing lives.
        snapshot: what the daemon answered; None when it did not.
        cloud: as `cloud status --json` has it; None when the store cannot be read.
        store_problem: why it cannot be read.
    """

    runs: bool
    running: Running | None
    snapshot: Snapshot | None
    cloud: dict[str, Any] | None = field(default=None)
    store_problem: str | None = None


def gather(home: MeterHome) -> Now:
    """Ask everybody who knows."""
    running = find_running(home)
    snapshot = ask(running) if running is not None else None
    cloud, problem = None, None
    if home.database_path.exists():
        try:
            with Store(home.database_path, SystemClock()) as store:
                cloud = status_json(link_status(home, store, SystemClock()))
        except StoreError as error:
            problem = str(error)
    return Now(daemon_runs(home), running, snapshot, cloud, problem)


def show_started(now: Now, *, already: bool) -> None:
    """Say that the daemon runs, and what to do next."""
    pid = now.running.pid if now.running else None
    _dot(GREEN, "Daemon", f"already running (pid {pid})" if already else f"started (pid {pid})")
    _show_parts(now)
    if now.snapshot is not None and now.snapshot.capture_port is not None:
        click.echo('Meter one program: halton-meter run -- CMD      this shell: eval "$(halton-meter env)"')


def show_stopped(*, was_there: bool, port: int | None) -> None:
    """Say that the daemon no longer runs, and who still answers on its port."""
    _dot(AMBER if was_there else RED, "Daemon", "stopped" if was_there else "is not running")
    if port is not None:
        _dot(AMBER, "Port", f"{port} passes calls on, unrecorded. `halton-meter stop --all` frees it")


def show(now: Now) -> None:
    """Show a line for each thing that matters, with a remedy where one is needed."""
    if now.runs and now.running is not None:
        version = f", version {printable(now.running.version)}" if now.running.version else ""
        age = f", for {_duration(now.snapshot.uptime_seconds)}" if now.snapshot else ""
        _dot(GREEN, "Daemon", f"running (pid {now.running.pid}{version}{age})")
    elif now.running is not None and now.running.state == "passing":
        _dot(RED, "Daemon", "stopped. Run `halton-meter start`")
        _dot(AMBER, "Capture", f"port {now.running.capture_port} passes calls on, unrecorded")
    elif now.running is not None:
        _dot(AMBER, "Daemon", f"{now.running.state}. `halton-meter logs` says why")
    else:
        _dot(RED, "Daemon", "not running. Run `halton-meter start`")
    _show_parts(now)
    _show_recording(now)
    _show_cloud(now)


def show_json(now: Now) -> None:
    """Print the same as one JSON object."""
    click.echo(
        json.dumps(
            {
                "running": now.runs,
                "process": None if now.running is None else msgspec.to_builtins(now.running),
                "daemon": None if now.snapshot is None else msgspec.to_builtins(now.snapshot),
                "cloud": now.cloud,
                "store_problem": now.store_problem,
            }
        )
    )


def _show_parts(now: Now) -> None:
    snapshot = now.snapshot
    if snapshot is None:
        if now.runs:
            _dot(AMBER, "Loopback API", "gives no answer. `halton-meter logs` says why")
        return
    for part in snapshot.parts:
        if part.condition != "running":
            why = f": {printable(part.failure, longest=300)}" if part.failure else ""
            _dot(AMBER, part.name.capitalize(), f"{part.condition}{why}")
    if snapshot.capture_port is not None:
        _dot(GREEN, "Capture", f"mitm bound on 127.0.0.1:{snapshot.capture_port}")
    elif snapshot.why_not_captured is not None:
        _dot(AMBER, "Capture", f"no calls are captured; {snapshot.why_not_captured}")
    if now.running is not None and now.running.api_port is not None:
        _dot(GREEN, "Loopback API", f"http://127.0.0.1:{now.running.api_port}")
    if not snapshot.guarded:
        _dot(AMBER, "Keeper", "was killed: nobody takes over the port. Run `halton-meter restart`")
    if now.running is not None and now.running.restarts:
        last = f" ({printable(now.running.last_exit)})" if now.running.last_exit else ""
        _dot(AMBER, "Restarts", f"{now.running.restarts}{last}; `halton-meter logs` says why")


def _show_recording(now: Now) -> None:
    if now.store_problem is not None:
        _dot(RED, "Store", printable(now.store_problem, longest=300))
    if now.snapshot is None:
        return
    counts = now.snapshot.recording
    if counts.failure is not None:
        _dot(RED, "Store", f"{counts.waiting} calls wait in memory: {printable(counts.failure, longest=300)}")
    odd = [f"{number} {what}" for number, what in ((counts.unattributed, "without a project of their own"),
           (counts.unpriced, "without a known price")) if number]  # fmt: skip
    _dot(GREEN, "Recorded", f"{counts.recorded} calls since the start" + (f"; {', '.join(odd)}" if odd else ""))
    if counts.lost or counts.metering_failures:
        _dot(AMBER, "Lost", f"{counts.lost} rows, {counts.metering_failures} failures of metering; no call was harmed")
    if counts.distrusting:
        _dot(AMBER, "Unopened", f"{counts.distrusting} connections of programs that do not trust the authority")
    if now.snapshot.prices_problem is not None:
        _dot(AMBER, "Prices", printable(now.snapshot.prices_problem, longest=300))


def _show_cloud(now: Now) -> None:
    if now.cloud is None:
        return
    state = now.cloud["state"]
    colour = {"ACTIVE": GREEN, "NOT-CONFIGURED": None}.get(state, AMBER)
    parts = [state, f"{now.cloud['unsynced_record_count']} rows to send"] if colour else [state]
    reasons = [*now.cloud.get("reasons", []), now.cloud.get("paused_reason")]
    _dot(colour, "Cloud", "; ".join([*parts, *(printable(reason, longest=200) for reason in reasons if reason)]))


def _dot(colour: str | None, name: str, text: str) -> None:
    click.echo(f"{click.style('●', fg=colour)} {name}: {text}")


def _duration(seconds: int) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
