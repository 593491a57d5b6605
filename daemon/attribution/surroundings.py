"""Containers and editors around a process.

Belongs here: recognising them by what the process was started with. Does not belong here: reading processes (`linux`,
`portable`), choosing a project (`chain`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from daemon.attribution.finding import Finding

_CONTAINER_ID: Final = re.compile(r"[/-]([0-9a-f]{64})(?:\.scope)?$", re.MULTILINE)
_NAMED_CONTAINER: Final = re.compile(r"/(?:lxc(?:\.payload)?[./]|machine\.slice/machine-)([\w.-]{1,64})", re.MULTILINE)
_SHORT_ID: Final = re.compile(r"[0-9a-f]{12,64}")
_POD_SUFFIX: Final = re.compile(r"-[a-z0-9]{6,10}-[a-z0-9]{5}$")
_EDITORS: Final = {
    "code": "vscode",
    "code-insiders": "vscode",
    "code-server": "vscode",
    "codium": "vscode",
    "cursor": "cursor",
    "windsurf": "windsurf",
    "zed": "zed",
    "zed-editor": "zed",
    "idea": "jetbrains",
    "pycharm": "jetbrains",
    "webstorm": "jetbrains",
    "goland": "jetbrains",
    "clion": "jetbrains",
    "rider": "jetbrains",
    "phpstorm": "jetbrains",
    "rubymine": "jetbrains",
}
_TERMINALS: Final = {"vscode": "vscode", "zed": "zed", "cursor": "cursor", "windsurf": "windsurf"}


def is_container_id(name: str) -> bool:
    """Return whether `name` is an engine's own id, which changes with every container and names no project."""
    return _SHORT_ID.fullmatch(name) is not None


def container_of(finding: Finding) -> str | None:
    """Return the name of the container the process runs in, its short id when it has no name; None outside."""
    environment = finding.environment
    found = _CONTAINER_ID.search(finding.control_groups)
    named = _NAMED_CONTAINER.search(finding.control_groups)
    in_container = found or named or _DEVELOPMENT.intersection(environment)
    if not in_container:
        return None
    return _name_by_variables(environment) or (named and named[1]) or (found and found[1][:12]) or None


_DEVELOPMENT: Final = frozenset(
    {
        "CODESPACE_VSCODE_FOLDER",
        "DEVPOD_WORKSPACE_ID",
        "GITPOD_REPO_ROOT",
        "KUBERNETES_SERVICE_HOST",
        "REMOTE_CONTAINERS",
    }
)


def _name_by_variables(environment: Mapping[str, str]) -> str | None:
    for variable in ("COMPOSE_PROJECT_NAME", "DEVPOD_WORKSPACE_ID", "CONTAINER_ID"):
        if environment.get(variable):
            return environment[variable]
    for variable in ("GITHUB_REPOSITORY", "CODESPACE_VSCODE_FOLDER", "GITPOD_REPO_ROOT"):
        if name := PurePosixPath(environment.get(variable, "")).name:
            return name
    host = environment.get("HOSTNAME", "")
    if "KUBERNETES_SERVICE_HOST" in environment:
        host = _POD_SUFFIX.sub("", host)
    return host or None


def ide_of(environment: Mapping[str, str], executable: str | None) -> str | None:
    """Return the editor that the process is, or in whose terminal it was started; None when there is none."""
    if environment.get("CURSOR_TRACE_ID"):
        return "cursor"
    if "jetbrains" in environment.get("TERMINAL_EMULATOR", "").lower() or environment.get("IDEA_INITIAL_DIRECTORY"):
        return "jetbrains"
    terminal = _TERMINALS.get(environment.get("TERM_PROGRAM", "").lower())
    if terminal:
        return terminal
    if environment.get("ZED_TERM"):
        return "zed"
    if environment.get("VSCODE_PID") or environment.get("VSCODE_CWD"):
        return "vscode"
    program = PureWindowsPath(executable or "").name.lower().removesuffix(".exe")
    return _EDITORS.get(program)
