"""A developer at a shell: starts programs that use the SDKs, in a folder, with or without a meter in between."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.calls.call import Call
from daemon.clock import SystemClock
from daemon.store.store import Store
from tests.daemon.proof.expected_rows import CALLS
from tests.daemon.proof.fake_providers import FakeProviders
from tests.daemon.service.laptop import Laptop, eventually
from tests.daemon.upstreams import Received

PROGRAM = (sys.executable, str(Path(__file__).parent / "sdk_calls.py"), "anthropic", "openai", "gemini", "xai")
_NOT_THEIRS = (
    "ANTHROPIC_",
    "OPENAI_",
    "GOOGLE_",
    "GEMINI_",
    "XAI_",
    "SSL_CERT",
    "REQUESTS_CA",
    "HALTON_",
    "PYTHONPATH",
)
_SECONDS = 120


@dataclass(frozen=True)
class Run:
    """What came of one run of the program.

    Attributes:
        answers: all that the SDKs gave it, by provider.
        received: what the providers were sent, by provider.
        calls: rows it left in the store, as they were made.
    """

    answers: dict[str, list[Any]]
    received: dict[str, list[Received]]
    calls: list[Call]


def bare_environment() -> dict[str, str]:
    """This process' environment without anything that leads calls anywhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_THEIRS) and not name.lower().endswith("_proxy")
    }


def after_eval(laptop: Laptop, *options: str) -> list[str]:
    """The beginning of a command line that runs in a shell which has taken the exports over."""
    exports = shlex.join(laptop.command("--home", str(laptop.home.root), "env", "--shell", "bash", *options))
    # The meter's own interpreter needs this tree; the program must not get it with the exports.
    script = f'eval "$(PYTHONPATH={shlex.quote(laptop.environment["PYTHONPATH"])} {exports})" && exec "$@"'
    return ["bash", "-c", script, "bash"]


def at_work(
    command: Sequence[str], providers: FakeProviders, laptop: Laptop | None, *, folder: Path, **variables: str
) -> Run:
    """Run the program behind `command`, and wait for the rows that `laptop` makes of it."""
    known = {call.id for call in rows(laptop)}
    before = {name: len(requests) for name, requests in providers.received().items()}
    done = subprocess.run(
        [*command, *PROGRAM],
        cwd=folder,
        env=bare_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    log = laptop.log() if laptop else ""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + log
    if laptop is not None:
        eventually(lambda: len(rows(laptop)) >= len(known) + CALLS)
    calls = [call for call in rows(laptop) if call.id not in known]
    received = {name: requests[before[name] :] for name, requests in providers.received().items()}
    return Run(json.loads(done.stdout), received, sorted(calls, key=lambda call: call.requested_at_us))


def rows(laptop: Laptop | None) -> list[Call]:
    """All rows of its store, newest first."""
    if laptop is None:
        return []
    with Store(laptop.home.database_path, SystemClock()) as store:
        return store.newest(1000)
