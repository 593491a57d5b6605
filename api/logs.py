"""Logging of the server and of commands, as of every process (`pipelines.logs`).

Belongs here: telling a command's user of a level that there is not. Does not belong here: the settings.
"""

from __future__ import annotations

from typing import Any

import click

from pipelines import logs


class UnknownLogLevel(click.ClickException):
    """`$HALTON_LOG_LEVEL` names no level; a command that meets it says so and exits with 2, as for a wrong option."""

    exit_code = 2


def log_settings() -> dict[str, Any]:
    """Return a `logging.config` dictionary; `$HALTON_LOG_LEVEL` decides the level (default: info).

    Raises:
        UnknownLogLevel: it is set to something else than a level.
    """
    try:
        return logs.log_settings()
    except ValueError as fault:
        raise UnknownLogLevel(str(fault)) from fault
