"""Building the analysis for a command, in a process of its own.

Belongs here: starting it once and understanding its answer. Does not belong here: options of commands
(`api.cli.refresh`, `api.cli.demo`), and the build (`pipelines.analysis`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import click

from pipelines.lake.paths import Home


def analyse_once(home: Home) -> dict[str, Any] | None:
    """Build the analysis of the published marts if anything changed. dbt runs one build at a time per process.

    Args:
        home: the installation; its app database is upgraded.

    Returns:
        `analysis_id`, `build_id`, `is_new` and `seconds`; None when there are no marts.

    Raises:
        click.ClickException: it failed; what was published before stays.
    """
    command = [sys.executable, "-m", "pipelines.analysis", "--home", str(home.root), "--once"]
    outcome = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if outcome.returncode != 0:
        reason = next(reversed(outcome.stderr.strip().splitlines()), f"it ended with {outcome.returncode}")
        raise click.ClickException(f"The marts are published; {reason}")
    answer: dict[str, Any] | None = json.loads(outcome.stdout)
    return answer
