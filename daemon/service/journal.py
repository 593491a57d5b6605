"""The daemon's log file: rotating, private, free of secrets.

Belongs here: where lines go and what is struck out of them. Does not belong here: what is worth a line.
"""

from __future__ import annotations

import logging
import os
import re
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from typing import Final

from daemon.credentials import MeterHome

LARGEST_BYTES: Final = 5 * 1024 * 1024
OLD_FILES: Final = 3
_SECRETS: Final = re.compile(
    r"(hm_sync_|sk-(?:ant-)?|xai-|AIza|AKIA|ghp_)[A-Za-z0-9_-]{6,}|(?i:(bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"
    r"|(?i:((?:authorization|key)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?))[^\s\"'&]{6,}"
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class _Plain(logging.Formatter):
    """One instant in UTC, the level, the place, the sentence; traces indented below."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets and without what would steer a terminal."""
        return _UNPRINTABLE.sub("�", without_secrets(super().format(record)).replace("\n", "\n    "))


class _Rotating(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        return _private(self.baseFilename)


class _Following(WatchedFileHandler):
    def _open(self) -> TextIOWrapper:
        return _private(self.baseFilename)


def without_secrets(text: str) -> str:
    """Return `text` with everything struck out that looks like a key or a token."""
    return _SECRETS.sub(lambda found: f"{next(filter(None, found.groups()), '')}[struck out]", text)


def open_journal(home: MeterHome, *, rotates: bool, also_stderr: bool = False) -> None:
    """Send this process' log lines to the home's log.

    Args:
        home: whose log.
        rotates: True in exactly one process, the daemon; others follow the file when it is moved.
        also_stderr: show them there too.
    """
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    file: logging.Handler
    if rotates:
        file = _Rotating(home.log_path, maxBytes=LARGEST_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    else:
        file = _Following(home.log_path, encoding="utf-8")
    handlers = [file, *([logging.StreamHandler()] if also_stderr else [])]
    for handler in handlers:
        handler.setFormatter(_Plain())
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    # What is called and what is answered is nobody's to log.
    for talkative in ("httpx", "httpcore", "mitmproxy", "hpack", "asyncio"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def _private(path: str) -> TextIOWrapper:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC, 0o600)

    # Path.open takes no opener, and the file must never be readable by others, not even for a moment.
    return open(path, "a", encoding="utf-8", opener=opener)
