"""`halton-cloud serve` and `up`.

Belongs here: their options. Does not belong here: the server (`api.server`), keeping the processes beside `up` alive
(`api.child_process`), those processes themselves (`pipelines.refresher`, `pipelines.analysis`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from api.child_process import kept_running
from api.cli.console import home_option, print_answer
from api.cli.database import opened
from api.server import serve
from pipelines.lake.paths import Home

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


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
    r"""Serve the API, keep the marts fresh, read providers' bills and analyse, until SIGTERM or Ctrl-C.

    Prints {"listening": "http://..."} once calls are answered.

    \b
    Examples:
      halton-cloud up
      halton-cloud up --port 0 --home /tmp/halton
    """
    home = Home.locate(home_folder)
    with opened(home, create=True):
        pass  # the processes beside us expect the tables
    with kept_running(_beside(home, "pipelines.refresher")), kept_running(_beside(home, "pipelines.analysis")):
        _serve(home, host, port, workers)


def _beside(home: Home, module: str) -> list[str]:
    return [sys.executable, "-m", module, "--home", str(home.root)]


def _serve(home: Home, host: str, port: int, workers: int) -> None:
    with opened(home, create=True):
        pass  # upgraded once, before any worker looks
    serve(home, host=host, port=port, workers=workers, on_ready=lambda url: print_answer({"listening": url}))
