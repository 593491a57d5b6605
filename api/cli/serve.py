"""`halton-cloud serve` and `up`.

Belongs here: their options, and keeping the refresher of `up` alive. Does not belong here: the server (`api.server`),
the refresher (`pipelines.refresher`, a process of its own).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from api.cli.console import home_option, print_answer
from api.cli.database import opened
from api.server import serve
from pipelines.lake.paths import Home

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_STOP_WITHIN_SECONDS: Final = 20.0
_RESTART_FIRST_SECONDS: Final = 1.0
_RESTART_MOST_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


def _serving_options(command: _Decorated) -> _Decorated:
    for option in (
        click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes."),
        click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one."),
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        home_option,
    ):
        command = option(command)
    return command


@click.command("serve")
@_serving_options
def serve_command(home_folder: str | None, host: str, port: int, workers: int) -> None:
    r"""Serve the API until SIGTERM or Ctrl-C.

    Prints {"listening": "http://..."} once calls are answered. The marts are refreshed by somebody else: `up`,
    `refresh`, or Dagster.

    \b
    Examples:
      halton-cloud serve
      halton-cloud serve --host 0.0.0.0 --port 80 --workers 4 --home /var/lib/halton
    """
    _serve(Home.locate(home_folder), host, port, workers)


@click.command("up")
@_serving_options
def up_command(home_folder: str | None, host: str, port: int, workers: int) -> None:
    r"""Serve the API and refresh the marts as soon as batches land, until SIGTERM or Ctrl-C.

    Prints {"listening": "http://..."} once calls are answered.

    \b
    Examples:
      halton-cloud up
      halton-cloud up --port 0 --home /tmp/halton
    """
    home = Home.locate(home_folder)
    with _refresher(home):
        _serve(home, host, port, workers)


def _serve(home: Home, host: str, port: int, workers: int) -> None:
    with opened(home):
        pass  # upgraded once, before any worker looks
    serve(home, host=host, port=port, workers=workers, on_ready=lambda url: print_answer({"listening": url}))


@contextmanager
def _refresher(home: Home) -> Generator[None]:
    """Keep a refresher process running beside the block."""
    with opened(home):
        pass  # the refresher expects the tables
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep_refreshing, args=(home, stopping), name="refresher", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()


def _keep_refreshing(home: Home, stopping: threading.Event) -> None:
    pause = _RESTART_FIRST_SECONDS
    command = [sys.executable, "-m", "pipelines.refresher", "--home", str(home.root)]
    while not stopping.is_set():
        # Its stdout goes to our stderr: ours carries answers only. Its stdin ends when this process ends, however.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr)  # noqa: S603 - our own module
        try:
            while child.poll() is None and not stopping.wait(0.2):
                pass
        finally:
            _stop(child)
        if not stopping.is_set():
            logger.error("the refresher ended with %s; it is started again in %.0f s", child.returncode, pause)
            stopping.wait(pause)
            pause = min(pause * 2, _RESTART_MOST_SECONDS)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
