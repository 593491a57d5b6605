"""The process that draws charts: whatever it dies of, the server lives and draws the next one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from api.drawing.drawer import MEMORY_BYTES
from api.drawing.worker import WALL_SECONDS, ChartWorker, NotDrawnError
from pipelines.charts import Theme, drawing, svg
from tests.api.conftest import Browser
from tests.api.pages.conftest import Stage

PATH = "/acme/charts/requests-and-cost.svg?project=web"


@pytest.fixture
def worker(stage: Stage) -> ChartWorker:
    """The server's own, running."""
    assert stage.reader.get(PATH).status_code == 200
    return stage.world.app.state.chart_worker


def is_gone(pid: int | None) -> bool:
    """Tell whether a process ended and somebody waited for it."""
    return pid is not None and not Path(f"/proc/{pid}").exists()


def seen(name: str, theme: Theme = Theme.LIGHT) -> tuple[str, list[dict[str, Any]], Theme]:
    columns = drawing.columns_of(name)
    row = {one: f"some {one}" if one in ("name", "series") else 1 for one in columns}
    return name, [row], theme


@contextmanager
def stopped(pid: int | None) -> Iterator[int]:
    """Let a process stand still: it is in the middle of whatever it is given."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    yield pid


def asked_while_drawing(reader: Browser, worker: ChartWorker, path: str, number: int) -> int:
    """Return the status of a chart whose process gets a signal once it was given the chart."""
    with stopped(worker.pid) as pid, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(reader.get, path)
        while not worker.is_drawing:
            assert not answer.done(), answer.result().text
            threading.Event().wait(0.005)
        os.kill(pid, number)
        return answer.result().status_code


def test_a_chart_whose_process_is_killed_says_so_and_the_next_one_is_drawn(stage: Stage, worker: ChartWorker):
    before = worker.pid
    assert asked_while_drawing(stage.reader, worker, PATH, signal.SIGKILL) == 503
    assert stage.reader.get(PATH).status_code == 200
    assert is_gone(before)


def test_a_process_killed_between_two_charts_is_nobodys_fault(stage: Stage, worker: ChartWorker):
    before = worker.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert stage.reader.get(PATH).status_code == 200
    assert is_gone(before)


def test_a_chart_that_ends_the_engine_is_a_picture_that_says_so_and_the_page_lives(
    stage: Stage, worker: ChartWorker, monkeypatch: pytest.MonkeyPatch
):
    before = worker.pid
    with monkeypatch.context() as patched:
        patched.setattr(drawing, "_visible", lambda text: f"{text}\x01")
        answer = stage.reader.get("/acme/charts/shares.svg?project=web")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"
    said = "".join(ET.fromstring(answer.content).itertext())  # noqa: S314 - our own drawing
    assert said.startswith("This chart could not be drawn.")
    assert stage.reader.get("/acme/charts/shares.svg?project=web").status_code == 200
    assert stage.reader.get("/acme/projects/web").status_code == 200
    assert is_gone(before)


def test_a_process_draws_as_this_one_does_within_limits_and_ends_with_its_server():
    worker = ChartWorker()
    assert worker.pid is None, "nothing is started before the first chart"
    given = seen("shares")
    assert worker.svg(*given, width=300) == svg(*given, width=300).encode()
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    assert any(line.split()[:4] == ["Max", "data", "size", str(MEMORY_BYTES)] for line in limits.splitlines())
    status = Path(f"/proc/{worker.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    pid = worker.pid
    worker.close()
    assert is_gone(pid)
    with pytest.raises(NotDrawnError):
        worker.svg(*given, width=300)


def test_a_chart_that_takes_too_long_is_given_up_and_no_process_outlives_its_keeper():
    worker, given = ChartWorker(), seen("shares")
    worker.svg(*given, width=300)
    worker.wall_seconds = 0.3
    with stopped(worker.pid) as pid, pytest.raises(NotDrawnError):
        worker.svg(*given, width=300)
    assert is_gone(pid)
    worker.wall_seconds = WALL_SECONDS
    worker.svg(*given, width=300)
    pid = worker.pid
    del worker
    assert is_gone(pid)
