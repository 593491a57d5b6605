"""Starting and stopping the daemon from outside.

Belongs here: a detached keeper and waiting for its word; signals, and waiting for the end; asking the loopback API.
Does not belong here: texts and exit codes (`daemon.cli.service`), the processes (`keeper`, `process`).
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from daemon.credentials import MeterHome
from daemon.service.keeper_process import Announcement
from daemon.service.running import Running, alive, daemon_runs, find_running, is_held
from daemon.service.snapshot import Snapshot
from daemon.service.surroundings import original_environment

START_SECONDS: Final = 20.0
END_SECONDS: Final = 15.0
_STEP: Final = 0.02
_ASK_SECONDS: Final = 2.0
_ANSWER_MAX: Final = 1_000_000


class LaunchError(Exception):
    """The daemon could not be started or stopped; the message says why and what to do."""


def start(home: MeterHome, *, hang_seconds: float | None = None) -> tuple[Running, bool]:
    """Start the daemon unless it runs; return what it says of itself, and whether it ran before.

    Args:
        home: whose.
        hang_seconds: how long the daemon may say nothing before it is started again; None for the usual.

    Raises:
        LaunchError: it cannot start.
    """
    found = find_running(home)
    if found is not None and found.state == "passing":
        stop(home, keep_passing=False)
    elif found is not None:
        return _wait_until_running(home), True
    said = _keeper_says(home, hang_seconds)
    if said.already:  # somebody else was quicker
        return _wait_until_running(home), True
    if said.failure is not None:
        raise LaunchError(said.failure)
    return _wait_until_running(home), False


def stop(home: MeterHome, *, keep_passing: bool) -> bool:
    """End the daemon; return whether there was one.

    Args:
        home: whose.
        keep_passing: leave the keeper on the port, so that programs that use it get through, unrecorded.

    Raises:
        LaunchError: it does not end.
    """
    found = find_running(home)
    if found is None:
        return False
    alone = not alive(found.keeper_pid)
    if keep_passing and not alone and found.capture_port is not None:
        if found.state == "passing":
            return False
        os.kill(found.keeper_pid, signal.SIGUSR1)
        _wait(lambda: _state(home) in {"passing", None})
        return True
    target = found.pid if alone else found.keeper_pid
    if target is not None and alive(target):
        os.kill(target, signal.SIGTERM)
    _wait(lambda: not is_held(home))
    home.running_path.unlink(missing_ok=True)
    return True


def ask(running: Running) -> Snapshot | None:
    """Return what the daemon answers about itself; None when it does not."""
    if running.api_port is None:
        return None
    connection = http.client.HTTPConnection("127.0.0.1", running.api_port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/v1/status")
        return msgspec.json.decode(connection.getresponse().read(_ANSWER_MAX), type=Snapshot)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()


def capture_port(home: MeterHome) -> int | None:
    """Return the port on which calls get through now, recorded or not; None when there is none."""
    found = find_running(home)
    return None if found is None or not alive(found.keeper_pid) else found.capture_port


def _keeper_says(home: MeterHome, hang_seconds: float | None) -> Announcement:
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    heard, said = os.pipe()
    command = [sys.executable, "-P", "-m", "daemon.service.keeper_process", "--home", str(home.root.resolve())]
    command += ["--ready", str(said)]
    if hang_seconds is not None:
        command += ["--hang-seconds", str(hang_seconds)]
    words = os.open(home.root / "daemon.stderr.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd=home.root,
            env=_environment(),
            pass_fds=(said,),
            start_new_session=True,
        )
    finally:
        os.close(words)
        os.close(said)
    try:
        return _announcement(home, heard)
    finally:
        os.close(heard)
        process.returncode = 0  # it outlives this process, which nobody needs to be told


def _announcement(home: MeterHome, heard: int) -> Announcement:
    readable, _, _ = select.select([heard], [], [], START_SECONDS)
    line = os.read(heard, 65_536) if readable else b""
    try:
        return msgspec.json.decode(line, type=Announcement)
    except msgspec.DecodeError:
        slow = f"did not start within {START_SECONDS:.0f} s" if not readable else "ended at once"
        raise LaunchError(f"The daemon {slow}; {home.log_path} and daemon.stderr.log beside it say why.") from None


def _environment() -> dict[str, str]:
    # A daemon that used the variables we export would call itself.
    environment = original_environment(os.environ)
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def _wait_until_running(home: MeterHome) -> Running:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        found = find_running(home)
        if found is not None and found.state == "running" and daemon_runs(home):
            return found
        time.sleep(_STEP)
    raise LaunchError(f"The daemon is not running yet; {home.log_path} says why.")


def _state(home: MeterHome) -> str | None:
    found = find_running(home)
    return None if found is None else found.state


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + END_SECONDS
    while not done():
        if time.monotonic() > until:
            raise LaunchError("The daemon does not end; `halton-meter status` names its processes.")
        time.sleep(_STEP)
