"""What `doctor` looks at, and what to do about what it finds.

Belongs here: the shape of a check and those of this machine's installation. Does not belong here: showing them
(`daemon.cli.doctor`), the checks of files and of the cloud (`file_checks`, `cloud_checks`).
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from daemon.config import Config, load_config
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.service.capture_ability import why_not_captured
from daemon.service.launch import ask
from daemon.service.port_owner import who_listens
from daemon.service.probe import answers
from daemon.service.running import Running, daemon_runs, find_running
from daemon.service.surroundings import EXPORTED_FOR

Level = Literal["good", "note", "bad"]
OLDEST_PYTHON: Final = (3, 11)


class Check(msgspec.Struct, kw_only=True, frozen=True):
    """What was found.

    Attributes:
        name: what was looked at.
        level: `bad`: something does not work; `note`: worth knowing.
        found: one sentence.
        remedy: what to do; None where nothing is to be done.
    """

    name: str
    level: Level
    found: str
    remedy: str | None = None


def installation_checks(home: MeterHome) -> Iterator[Check]:
    """Yield what is found of Python, settings, daemon, ports and this shell."""
    yield _python()
    try:
        config = load_config(home)
        yield Check(name="config", level="good", found=f"{home.config_path} is understood")
    except UnreadableStateError as error:
        yield Check(name="config", level="bad", found=str(error), remedy="correct the place it names")
        config = Config()
    why = why_not_captured(config)
    if why is None:
        yield Check(name="capture", level="good", found="mitmproxy is installed")
    else:
        yield Check(name="capture", level="note", found="no calls are captured", remedy=why)
    running = find_running(home)
    yield from _daemon(home, running)
    if why is None:
        yield _port("capture", config.capture.port, running.capture_port if running else None)
    yield _port("api", config.api.port, running.api_port if running else None)
    yield _shell(running)
    yield _started_at_login()


def guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield the checks of `look`; what breaks a check is a finding, too."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 - a doctor who falls ill helps nobody
        yield Check(name=name, level="bad", found=f"could not be checked: {error}", remedy="see `halton-meter logs`")


def _python() -> Check:
    found = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check(name="python", level="bad", found=found, remedy="install Python 3.11 or newer")
    if sys.platform == "win32":
        remedy = "import, report and cloud work; the daemon needs Linux or macOS"
        return Check(name="python", level="note", found=found, remedy=remedy)
    return Check(name="python", level="good", found=found)


def _daemon(home: MeterHome, running: Running | None) -> Iterator[Check]:
    if running is None or not daemon_runs(home):
        state = "does not run" if running is None else f"is {running.state}"
        yield Check(name="daemon", level="bad", found=f"it {state}", remedy="halton-meter start")
        return
    snapshot = ask(running)
    if snapshot is None:
        remedy = "halton-meter logs; then halton-meter restart"
        yield Check(name="daemon", level="bad", found="it runs, but its API gives no answer", remedy=remedy)
        return
    yield Check(name="daemon", level="good", found=f"it runs (pid {snapshot.pid})")
    for part in snapshot.parts:
        if part.condition != "running":
            found = part.failure or part.condition
            yield Check(name=part.name, level="bad", found=found, remedy="halton-meter logs")
    if not snapshot.guarded:
        found = "the keeper was killed: nobody would take over the port"
        yield Check(name="keeper", level="note", found=found, remedy="halton-meter restart")
    if snapshot.recording.distrusting:
        found = f"{snapshot.recording.distrusting} connections of programs that do not trust the authority"
        remedy = 'start them with `halton-meter run -- CMD` or after `eval "$(halton-meter env)"`, or use the gateway'
        yield Check(name="trust", level="note", found=found, remedy=remedy)


def _port(setting: str, wanted: int, ours: int | None) -> Check:
    name = f"port {wanted or 'of ' + setting}"
    if ours is not None:
        return Check(name=name, level="good", found=f"127.0.0.1:{ours} is ours")
    if wanted and answers(wanted):
        who = who_listens(wanted) or "another program"
        remedy = f"end it, or set another `port` under [{setting}] in config.toml"
        return Check(name=name, level="bad", found=f"{who} listens there", remedy=remedy)
    return Check(name=name, level="good", found="free")


def _shell(running: Running | None) -> Check:
    exported = os.environ.get(EXPORTED_FOR)
    port = running.capture_port if running else None
    if not exported:
        remedy = 'eval "$(halton-meter env)", or start programs with `halton-meter run -- CMD`'
        return Check(name="shell", level="note", found="calls of this shell are not metered", remedy=remedy)
    named = os.environ.get("HTTPS_PROXY") or os.environ.get("ANTHROPIC_BASE_URL") or ""
    if port is None or f"127.0.0.1:{port}" not in named:
        remedy = 'eval "$(halton-meter env --unset)", then eval "$(halton-meter env)"'
        found = "the variables of this shell lead to a port that is not the daemon's"
        return Check(name="shell", level="bad", found=found, remedy=remedy)
    return Check(name="shell", level="good", found=f"its calls go to 127.0.0.1:{port}")


def _started_at_login() -> Check:
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = {
        "linux": configuration / "systemd/user/halton-meter.service",
        "darwin": Path.home() / "Library/LaunchAgents/com.haltonmeter.daemon.plist",
    }
    place = places.get(sys.platform)
    if place is not None and place.exists():
        return Check(name="login", level="good", found=str(place))
    kind = "--launchd" if sys.platform == "darwin" else "--systemd"
    return Check(
        name="login", level="note", found="the daemon does not start at login", remedy=f"halton-meter init {kind}"
    )
