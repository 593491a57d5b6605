"""Whether a daemon runs for a home, and what it says of itself.

Belongs here: the lock that only one may hold, `running.json`, signals to the processes named there. Does not belong
here: starting and stopping in order (`launch`), the processes themselves (`keeper`, `process`).

The lock is what counts: the file may be a dead daemon's. Keeper and daemon share the lock, so that it is held as long
as either lives.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from daemon.credentials import MeterHome

_PRIVATE: Final = 0o600

State = Literal["starting", "running", "restarting", "passing"]


class Running(msgspec.Struct, kw_only=True, frozen=True):
    """`running.json`.

    Attributes:
        state: `running`; `starting` and `restarting` without a daemon for now, calls pass unrecorded; `passing` after
            `stop`: for programs that still use the port.
        keeper_pid: process that keeps the port open and the daemon alive.
        pid: the daemon's; None while there is none.
        started_at: when the keeper started, ISO-8601 UTC.
        version: of this distribution.
        capture_port: of proxy and gateway; None where nothing is captured.
        api_port: of the loopback API; None while there is none.
        restarts: how often the daemon had to be started again.
        last_exit: how it ended the last time, in words.
    """

    state: State
    keeper_pid: int
    pid: int | None = None
    started_at: str = ""
    version: str = ""
    capture_port: int | None = None
    api_port: int | None = None
    restarts: int = 0
    last_exit: str | None = None


def lock_path(home: MeterHome) -> Path:
    """Return the lock's file; it holds the keeper's process id, for shells."""
    return home.root / "daemon.lock"


class HomeLock:
    """The right to be the daemon of a home.

    Attributes:
        descriptor: of the locked file; whoever inherits it holds the lock too.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, home: MeterHome) -> HomeLock | None:
        """Return the lock; None when somebody holds it."""
        import fcntl  # noqa: PLC0415 - not on Windows, where the rest of the package works

        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return cls(descriptor)

    def let_go(self) -> None:
        """Give the right up, as far as this process holds it."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def is_held(home: MeterHome) -> bool:
    """Return whether a daemon, or its keeper, lives for `home`."""
    import fcntl  # noqa: PLC0415

    try:
        descriptor = os.open(lock_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def find_running(home: MeterHome) -> Running | None:
    """Return what lives for `home`; None when nothing does. A file left by a killed one counts for nothing."""
    return read_running(home) if is_held(home) else None


def daemon_runs(home: MeterHome) -> bool:
    """Return whether the daemon itself runs: captures, records, and sends where it may."""
    found = find_running(home)
    return found is not None and found.state == "running" and found.pid is not None and alive(found.pid)


def read_running(home: MeterHome) -> Running | None:
    """Return what the file says, however old; None when there is none or it makes no sense."""
    try:
        return msgspec.json.decode(home.running_path.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def write_running(home: MeterHome, running: Running) -> None:
    """Write the file in one step."""
    home.write(home.running_path, msgspec.json.encode(running) + b"\n")


def alive(pid: int) -> bool:
    """Return whether a process of ours has this id."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
