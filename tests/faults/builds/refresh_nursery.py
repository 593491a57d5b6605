"""A process in which refreshes are warm, and which forks one child per order to be killed or left to end.

Belongs here: ways to refresh, and killing at an instant. Does not belong here: judging what is left (the tests do).

`python -m tests.faults.builds.refresh_nursery HOME` reads one order per line of its input (JSON of `Order`) and answers
each with a line (JSON list of `Ended`). Imports, parsing and a first run happen before any fork: they take most of a
young process' time, and a child that is killed should die in a build, not in an import.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from pipelines import build as build_module
from pipelines import refresher
from pipelines.assets.graph import QUIET, REFRESH_JOB, build_graph
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.faults.builds.nursery import DONE, PUBLISHING, Ended, Order, Step, steps_at

_STEP: Final = struct.Struct("16pd")


def main(home: Home) -> None:
    warm_dbt(home).manifest()
    engine = open_database(home.database_url)
    refresh(home, engine, SystemClock(), full=True)
    engine.dispose()
    run_history(home).dispose()
    run_history.cache_clear()
    print("warm", flush=True)  # noqa: T201 - our answer to who started us
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        started = [_start(home, order) for _ in range(order.children)]
        ended = [_end(order, *one) for one in started]
        print(msgspec.json.encode(ended).decode(), flush=True)  # noqa: T201


def _start(home: Home, order: Order) -> tuple[int, int, float]:
    """Fork a child; return its id, the end of a pipe that tells of its steps, and when it began."""
    listen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(listen)
            _tell_of_steps(tell)
            _WAYS[order.way](home, order)
            code = 0
        finally:
            os._exit(code)
    os.close(tell)
    return child, listen, time.monotonic()


def _end(order: Order, child: int, listen: int, began: float) -> Ended:
    """Kill the child when it is time, wait for its end and return how it was."""
    steps: list[Step] = []
    while True:
        counted_from = began if not order.from_publish else steps_at(steps, PUBLISHING)
        patience = None
        if order.kill_after is not None and counted_from is not None:
            patience = max(0.0, counted_from + order.kill_after - time.monotonic())
        readable, _, _ = select.select([listen], [], [], patience)
        if not readable:
            os.kill(child, signal.SIGKILL)
            break
        told = os.read(listen, _STEP.size)
        if not told:
            break
        name, at = _STEP.unpack(told)
        steps.append((name.decode(), at))
    os.close(listen)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, time.monotonic() - began, steps)


def _tell_of_steps(tell: int) -> None:
    """Make this process write the beginning and end of its steps into a pipe; each write is whole."""
    tell_of = {
        "export": (build_module.Build, "export"),
        PUBLISHING: (build_module, "publish"),
        "clean": (build_module, "clean_marts"),
    }
    for name, (owner, attribute) in tell_of.items():
        setattr(owner, attribute, _told(tell, name, getattr(owner, attribute)))


def _told(tell: int, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    def telling(*arguments: Any, **options: Any) -> Any:
        os.write(tell, _STEP.pack(name.encode(), time.monotonic()))
        try:
            return step(*arguments, **options)
        finally:
            os.write(tell, _STEP.pack(DONE.encode(), time.monotonic()))

    return telling


def _refresh(home: Home, order: Order) -> None:
    refresh(home, open_database(home.database_url), SystemClock(), full=order.full)


def _refresher(home: Home, _: Order) -> None:
    """The process `halton-cloud up` starts, stopped once it has published something new."""
    before = home.current_pointer.read_bytes()

    def stop() -> None:
        while home.current_pointer.read_bytes() == before:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    refresher.main(["--home", str(home.root)])


def _dagster(home: Home, _: Order) -> None:
    job = build_graph(home).resolve_job_def(REFRESH_JOB)
    job.execute_in_process(instance=run_history(home), run_config=QUIET)


_WAYS: dict[str, Callable[[Home, Order], None]] = {"refresh": _refresh, "refresher": _refresher, "dagster": _dagster}

if __name__ == "__main__":
    main(Home.locate(sys.argv[1]))
