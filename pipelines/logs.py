"""Logging of every process: plain lines on stderr, so that stdout carries answers only.

Belongs here: the logging configuration, for the server and for what runs beside it. Does not belong here: what is
logged, and how a command tells its user of a level that there is not (`api.logs`).
"""

from __future__ import annotations

import os
from typing import Any, Final

LOG_LEVEL_VARIABLE: Final = "HALTON_LOG_LEVEL"
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


def log_settings() -> dict[str, Any]:
    """Return a `logging.config` dictionary; `$HALTON_LOG_LEVEL` decides the level (default: info).

    Raises:
        ValueError: it is set to something else than a level; the message is for people.
    """
    level = os.environ.get(LOG_LEVEL_VARIABLE) or "info"
    if level.lower() not in LOG_LEVELS:
        raise ValueError(f"{LOG_LEVEL_VARIABLE} is {level[:40]!r}; it must be one of {', '.join(LOG_LEVELS)}.")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        # Alembic tells at every start that it knows its dialect, httpx every call.
        "loggers": {"alembic": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
    }
