"""Logging of every process: plain lines on stderr, so that stdout carries answers only.

Belongs here: the logging configuration. Does not belong here: what is logged.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final

LOG_LEVEL_VARIABLE: Final = "HALTON_LOG_LEVEL"


def log_settings(default_level: str = "INFO") -> dict[str, Any]:
    """Return a `logging.config` dictionary; `$HALTON_LOG_LEVEL` decides the level when it names one."""
    level = os.environ.get(LOG_LEVEL_VARIABLE, "").upper()
    known = level in logging.getLevelNamesMapping()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level if known else default_level},
        # Alembic tells at every start that it knows its dialect, httpx every call.
        "loggers": {"alembic": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
    }
