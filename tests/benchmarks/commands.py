"""How long commands take to begin: help, imports, a server that answers, and the whole demo.

Belongs here: wall clock of whole processes, from their start. Does not belong here: what they do afterwards.

Bytecode is cached, as it is after the first start of any installation; the first run of each command is not counted.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tests.benchmarks.context import Context
from tests.benchmarks.measure import OURS, Comparison, alternate, compare, timed

HELP_SECONDS = 0.3
READY_SECONDS = 3.0
DEMO_SECONDS = 60.0
DEMO_RUNS = 3
BARE, BARE_CLICK = "python alone", "python with click"
_TIMEOUT = 300


def run(context: Context) -> list[Comparison]:
    """Measure every command; the demo with at most three runs, since it takes its minute."""
    return [*_helps(context), _imports(context), _ready(context), _demo(context)]


def _python(*arguments: str) -> None:
    # Without a time limit: with one, Python looks only every so often whether the process has ended.
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def _starting(*arguments: str) -> Callable[[], float]:
    return lambda: timed(lambda: _python(*arguments))


def _helps(context: Context) -> list[Comparison]:
    sides = {
        "halton-meter": _starting("-m", "daemon.cli.main", "--help"),
        "halton-cloud": _starting("-m", "api.cli.main", "--help"),
        BARE: _starting("-c", "pass"),
        BARE_CLICK: _starting("-c", "import click"),
    }
    samples = _alternated(context, sides)
    floors = {name: samples[name] for name in (BARE, BARE_CLICK)}
    return [
        compare(
            f"{name} --help",
            "seconds",
            {OURS: samples[name], **floors},
            target=f"<= {HELP_SECONDS * 1000:.0f} ms",
            met=lambda medians: medians[OURS] <= HELP_SECONDS,
        )
        for name in ("halton-meter", "halton-cloud")
    ]


def _imports(context: Context) -> Comparison:
    sides = {OURS: _starting("-c", "import daemon.cli.main"), BARE: _starting("-c", "pass")}
    return compare("import halton-meter", "seconds", _alternated(context, sides), note="process start included")


def _ready(context: Context) -> Comparison:
    home = context.subfolder("serve")
    samples = _alternated(context, {OURS: lambda: _seconds_until_ready(home), BARE: _starting("-c", "pass")})
    return compare(
        "halton-cloud serve, process start to first 200 of /health",
        "seconds",
        samples,
        target=f"<= {READY_SECONDS:.0f} s",
        met=lambda medians: medians[OURS] <= READY_SECONDS,
        note="a home that exists",
    )


def _seconds_until_ready(home: Path) -> float:
    started = perf_counter()
    command = [sys.executable, "-m", "api.cli.main", "serve", "--port", "0", "--home", str(home)]
    environment = {"HALTON_LOG_LEVEL": "WARNING", **os.environ}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line, "the server ended before it listened"
            port = int(json.loads(line)["listening"].rsplit(":", 1)[1])
            while not _is_healthy(port):
                assert server.poll() is None, "the server ended before it answered"
                assert perf_counter() - started < _TIMEOUT, "the server never answered"
                time.sleep(0.01)
            return perf_counter() - started
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _demo(context: Context) -> Comparison:
    runs, rows = min(DEMO_RUNS, context.runs), context.rows_or(50_000)
    seconds: list[float] = []
    for number in range(runs):
        context.progress(f"demo, run {number + 1} of {runs}")
        seconds.append(_demo_seconds(context.subfolder(f"demo-{number}"), rows))
    return compare(
        f"halton-cloud demo, {rows:,} rows",
        "seconds",
        {OURS: seconds},
        target=f"<= {DEMO_SECONDS:.0f} s",
        met=lambda medians: medians[OURS] <= DEMO_SECONDS,
        note="process start to end; server, three laptops, build, overview and proof",
    )


def _demo_seconds(home: Path, rows: int) -> float:
    command = [sys.executable, "-m", "api.cli.main", "demo", "--no-serve", "--rows", str(rows), "--home", str(home)]
    started = perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_TIMEOUT)
    seconds = perf_counter() - started
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["verified"], answer
    assert answer["rows_total"] == rows, answer
    return seconds


def _alternated(context: Context, sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    for side in sides.values():
        side()  # compiles what was not compiled yet
    return alternate(context.runs, sides, context.progress)
