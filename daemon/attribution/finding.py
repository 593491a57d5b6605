"""What a system tells of a process that holds a socket.

Belongs here: the shape that every system's look-up gives, and the variables that are read. Does not belong here: the
look-ups (`linux`, `portable`), what the facts mean (`surroundings`, `chain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

PROJECT_VARIABLE: Final = "HALTON_PROJECT"
VARIABLES: Final = frozenset(
    {
        PROJECT_VARIABLE,
        "CODESPACE_VSCODE_FOLDER",
        "COMPOSE_PROJECT_NAME",
        "CONTAINER_ID",
        "CURSOR_TRACE_ID",
        "DEVPOD_WORKSPACE_ID",
        "GITHUB_REPOSITORY",
        "GITPOD_REPO_ROOT",
        "HOSTNAME",
        "IDEA_INITIAL_DIRECTORY",
        "KUBERNETES_SERVICE_HOST",
        "PWD",
        "REMOTE_CONTAINERS",
        "TERMINAL_EMULATOR",
        "TERM_PROGRAM",
        "VSCODE_CWD",
        "VSCODE_PID",
        "ZED_TERM",
    }
)
"""The only variables of other processes that are ever kept; none of them holds a secret."""
_VALUE_MAX: Final = 4096


@dataclass(frozen=True)
class Finding:
    """A process; `daemon.attribution.caller.Caller` says what each field means.

    Attributes:
        control_groups: the text of its control groups on Linux, from which containers are known; empty elsewhere.
    """

    pid: int
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    executable: str | None = None
    control_groups: str = ""
    root: str | None = None
    user: int | None = None


class Processes(Protocol):
    """A system's processes."""

    def find(self, client: tuple[str, int], server: tuple[str, int]) -> Finding | None:
        """Return the process that holds the client's end of the connection between two addresses."""
        ...


def read_variables(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return those of `pairs` that attribution reads, each value cut to 4,096 characters."""
    return {name: value[:_VALUE_MAX] for name, value in pairs if name in VARIABLES}
