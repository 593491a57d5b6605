"""The demo's server: `halton-cloud serve` as a process of its own.

Belongs here: starting it, reading where it listens, stopping it. Does not belong here: the server (`api.server`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import click

from pipelines.lake.paths import Home

_STOP_WITHIN_SECONDS: Final = 20.0


@contextmanager
def running_server(home: Home, port: int) -> Generator[str]:
    """Run a server over a home and yield its URL once it answers.

    Raises:
        click.ClickException: it ended before it listened; its own log on stderr says why.
    """
    command = [sys.executable, "-m", "api.cli.main", "serve", "--port", str(port), "--home", str(home.root)]
    # Warnings only, unless asked for: the demo says what happens.
    environment = {"HALTON_LOG_LEVEL": "WARNING", **os.environ}
    # A group of its own: Ctrl-C is for the demo, which then stops the server.
    with subprocess.Popen(  # noqa: S603 - our own module
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            if not line:
                raise click.ClickException("the server did not start; its message stands above")
            yield str(json.loads(line)["listening"])
        finally:
            server.terminate()
            try:
                server.wait(_STOP_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
