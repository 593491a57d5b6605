"""What calls pass through while they are measured: a provider, mitmproxy alone, and our daemon as it is installed.

Belongs here: starting them as processes of their own, the ways to the provider, what the daemon has on record, ending
them. Does not belong here: calling (`capture_client`), figures (`capture`).

HALTON_CAPTURE_PYTHON names the interpreter of daemon and mitmproxy, where that is not `.venv-capture`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import psutil

from daemon.capture.proxy.authority import authority_files
from daemon.clock import SystemClock
from daemon.credentials import MeterHome
from daemon.store.store import Store
from tests.benchmarks.capture_client import Job, Outcome, Way, asked_apart
from tests.benchmarks.capture_upstream import AUTHORITY_FILE, HOST, Listening
from tests.benchmarks.measure import OURS
from tests.benchmarks.processor_time import processor_seconds
from tests.daemon.capture_environment import ROOT, VARIABLE, environment
from tests.daemon.service.laptop import Laptop, eventually

DIRECT: Final = "direct"
BARE: Final = "bare mitmproxy"
KEEPING: Final = "ours, bodies kept"
GATEWAY: Final = "gateway"
PROXY: Final = "HTTPS proxy"
MODES: Final = (GATEWAY, PROXY)
_PROJECT: Final = "benchmark"
_PATH: Final = "/v1/messages"
_SETTINGS: Final = """[capture]
port = 0
[api]
port = 0
[capture.upstreams]
anthropic = "http://{host}:{port}"
[capture.hosts]
"{host}" = "anthropic"
"""
_BODIES: Final = '[bodies]\nprojects = ["{project}"]\n'
_ON_RECORD: Final = (
    "SELECT count(*), count(*) FILTER (WHERE status = 'success' AND output_tokens > 0 AND cost_millicents > 0"
    " AND project = ?), (SELECT count(*) FROM bodies) FROM calls"
)


@dataclass(frozen=True)
class Measured:
    """One job: what the client saw, and what it cost whoever was in between, in processor milliseconds a call."""

    outcome: Outcome
    processor_ms: float


@dataclass
class Stage:
    """Everything that runs.

    Attributes:
        ways: by mode and side.
        processes: of each side that stands between client and provider: the root of its tree.
    """

    ways: dict[str, dict[str, Way]] = field(default_factory=dict[str, dict[str, Way]])
    processes: dict[str, int] = field(default_factory=dict[str, int])
    _laptops: dict[str, Laptop] = field(default_factory=dict[str, Laptop])
    _asked: dict[str, int] = field(default_factory=dict[str, int])

    def ask(self, side: str, job: Job) -> Measured:
        """Do a job; returns once a meter in between has all its calls on record, exactly once.

        Raises:
            AssertionError: a call is missing, doubled, or not metered in full.
        """
        processes = [self.processes[side]] if side in self.processes else []
        before = processor_seconds(*processes)
        with asked_apart(job, _PROJECT) as outcome:
            self._asked[side] = self._asked.get(side, 0) + job.total
            if side in self._laptops:
                self._confirm(side)
        return Measured(outcome, (processor_seconds(*processes) - before) * 1000 / job.total)

    def memory_mib(self, side: str) -> float:
        """Return the resident memory of all processes of a side, what they share counted for each."""
        root = psutil.Process(self.processes[side])
        return sum(one.memory_info().rss for one in (root, *root.children(recursive=True))) / 2**20

    def add_laptop(self, side: str, laptop: Laptop, listening: Listening) -> None:
        """Start a daemon and open its two ways."""
        laptop.says("start")
        running = laptop.running()
        assert running.capture_port is not None
        authority = authority_files(laptop.home.authority_folder).certificate
        self._laptops[side], self.processes[side] = laptop, running.keeper_pid
        self.add_ways(side, listening, running.capture_port, running.capture_port, authority, prefix="/anthropic")

    def add_ways(
        self, side: str, listening: Listening, gateway: int, proxy: int, authority: Path, *, prefix: str = ""
    ) -> None:
        """Open the ways through a gateway and a proxy that listen on these ports."""
        behind = f"{HOST}:{listening.tls_port}"
        self.ways.setdefault(GATEWAY, {})[side] = Way(port=gateway, path=prefix + _PATH)
        self.ways.setdefault(PROXY, {})[side] = Way(port=proxy, path=_PATH, tunnel=behind, authority=str(authority))

    def _confirm(self, side: str) -> None:
        asked = self._asked[side]
        with Store(self._laptops[side].home.database_path, SystemClock()) as store:
            kept = 2 * asked if side == KEEPING else 0

            def on_record() -> tuple[int, int, int] | None:
                with closing(store.connection_for_reading()) as connection:
                    found = connection.execute(_ON_RECORD, [_PROJECT]).fetchone()
                return found if found[0] >= asked and found[2] >= kept else None

            found = eventually(on_record)
        assert found == (asked, asked, kept), f"calls, whole ones, bodies: {found}, not {(asked, asked, kept)}"


@contextmanager
def staged(folder: Path, *, keeping: bool) -> Iterator[Stage]:
    """Start everything, and end it.

    Args:
        folder: empty; takes homes and certificates.
        keeping: with a second daemon that keeps bodies.
    """
    python = Path(os.environ.get(VARIABLE, ROOT / ".venv-capture" / "bin" / "python"))
    assert python.exists(), f"set {VARIABLE} to the Python of an environment with the extra `capture`"
    with ExitStack() as stack:
        started = stack.enter_context(_process([sys.executable, "-m", "tests.benchmarks.capture_upstream", folder]))
        listening = msgspec.json.decode(started.line, type=Listening)
        authority = folder / AUTHORITY_FILE
        stage = Stage()
        stage.ways[GATEWAY] = {DIRECT: Way(port=listening.plain_port, path=_PATH)}
        stage.ways[PROXY] = {DIRECT: Way(port=listening.tls_port, path=_PATH, authority=str(authority))}
        rival, own = Path(__file__).parent / "rivals" / "bare_mitmproxy.py", folder / "mitmproxy"
        bare = stack.enter_context(_process([python, rival, own, f"http://{HOST}:{listening.plain_port}", authority]))
        stage.processes[BARE] = bare.pid
        gateway, proxy = json.loads(bare.line)
        stage.add_ways(BARE, listening, gateway, proxy, own / "mitmproxy-ca-cert.pem")
        for side in (OURS, KEEPING) if keeping else (OURS,):
            home = MeterHome(folder / f"home-{side[-4:]}")
            settings = _SETTINGS.format(host=HOST, port=listening.plain_port)
            settings += _BODIES.format(project=_PROJECT) if side == KEEPING else ""
            home.write(home.config_path, settings.encode())
            laptop = Laptop(home, python, {"SSL_CERT_FILE": str(authority)})
            stack.callback(laptop.stop)
            stage.add_laptop(side, laptop, listening)
        yield stage


@dataclass(frozen=True)
class _Started:
    pid: int
    line: bytes


@contextmanager
def _process(command: list[str | Path]) -> Iterator[_Started]:
    """Run a process that says one line when it is ready; it is asked to end afterwards, and must end well."""
    # Warnings off, as the daemon has them.
    variables = environment() | {"PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=variables) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, f"{command[1]} ended before it listened"
            yield _Started(process.pid, line)
        finally:
            process.terminate()
            process.wait(30)
