"""Who made a call: the process at the other end of a connection.

Belongs here: `Caller` and finding it from the two addresses of a socket on this machine. Does not belong here: how each
system tells it (`linux`, `portable`), which project that means (`chain`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from daemon.attribution.finding import Finding, Processes
from daemon.attribution.linux import LinuxProcesses
from daemon.attribution.surroundings import container_of, ide_of


@dataclass(frozen=True)
class Caller:
    """A process that calls a provider, as far as it is known.

    Attributes:
        pid: its number; None when it was not found.
        workdir: the directory it works in, as it sees it itself.
        environment: those of its variables that attribution reads, as they were when it started.
        executable: path of its program.
        container: name of the container it runs in, or its id when the name is not known; None outside of containers.
        ide: the editor it belongs to: `vscode`, `cursor`, `jetbrains` …
        found: whether the process was found.
        root: where its file system begins, seen from here, when that is not `/`.
        user: number of the user it belongs to; None where users have no numbers.
    """

    pid: int | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    executable: str | None = None
    container: str | None = None
    ide: str | None = None
    found: bool = False
    root: str | None = None
    user: int | None = None


NOBODY = Caller()
"""Nothing is known: a process that is gone, of another user, or on the other side of a container's network."""


def caller_of(client_address: tuple[str, int], server_address: tuple[str, int]) -> Caller:
    """Return the process that holds the client's end of a connection; `NOBODY` when it cannot be found.

    Never raises, never takes longer than about a quarter of a second. This process itself is nobody.

    Args:
        client_address: host and port of the end that connected, as its own system knows it.
        server_address: host and port of the end that accepted.
    """
    try:
        finding = _processes().find(client_address, server_address)
        return NOBODY if finding is None else _as_caller(finding)
    except Exception:  # noqa: BLE001 - a call must never fail because its caller could not be read
        return NOBODY


def _as_caller(finding: Finding) -> Caller:
    return Caller(
        pid=finding.pid,
        workdir=finding.workdir,
        environment=finding.environment,
        executable=finding.executable,
        container=container_of(finding),
        ide=ide_of(finding.environment, finding.executable),
        found=True,
        root=finding.root,
        user=finding.user,
    )


@cache
def _processes() -> Processes:
    if sys.platform == "linux":
        return LinuxProcesses()
    from daemon.attribution.portable import PortableProcesses  # noqa: PLC0415 - psutil is not needed on Linux

    return PortableProcesses()
