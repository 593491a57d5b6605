"""Start at login: the systemd user unit and the launchd agent.

Belongs here: their text and where they belong. Does not belong here: writing and removing them (`daemon.cli.init`).
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LABEL: Final = "com.haltonmeter.daemon"


@dataclass(frozen=True)
class Unit:
    """A file that a system's own supervisor reads.

    Attributes:
        path: where it belongs.
        content: what it says.
        enable: commands that make the system start it, now and at login.
        disable: commands that undo it.
    """

    path: Path
    content: bytes
    enable: tuple[str, ...]
    disable: tuple[str, ...]


def systemd_unit(configuration: Path, command: Sequence[str]) -> Unit:
    """Return the user unit.

    Args:
        configuration: `$XDG_CONFIG_HOME`.
        command: that runs `halton-meter start --foreground`.
    """
    content = f"""\
[Unit]
Description=Halton Meter: meters this machine's LLM calls

[Service]
Type=exec
ExecStart={" ".join(map(_systemd_word, command))}
Restart=always
RestartSec=1
# The daemon ends in order when its keeper is told to; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=20
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
    return Unit(
        configuration / "systemd" / "user" / "halton-meter.service",
        content.encode(),
        ("systemctl --user daemon-reload", "systemctl --user enable --now halton-meter"),
        ("systemctl --user disable --now halton-meter", "systemctl --user daemon-reload"),
    )


def launchd_agent(user_home: Path, command: Sequence[str], log: Path) -> Unit:
    """Return the launchd agent.

    Args:
        user_home: of the person.
        command: that runs `halton-meter start --foreground`.
        log: where what the process itself prints goes.
    """
    path = user_home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    settings = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 1,
        "ExitTimeOut": 20,
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return Unit(
        path,
        plistlib.dumps(settings),
        (f"launchctl bootstrap gui/$(id -u) '{path}'",),
        (f"launchctl bootout gui/$(id -u)/{LABEL}",),
    )


def _systemd_word(word: str) -> str:
    """Return one word of `ExecStart`, quoted as systemd reads it."""
    escaped = _specifier(word).replace("$", "$$")
    if escaped and all(character.isalnum() or character in "/._-+=:@%$" for character in escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _specifier(text: str) -> str:
    return text.replace("%", "%%")
