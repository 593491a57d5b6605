"""The daemon is killed while an SDK reads a stream through it: that stream breaks, and nothing after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.daemon.proof.developer import bare_environment, rows
from tests.daemon.proof.fake_providers import FakeProviders
from tests.daemon.service.laptop import ROOT, Laptop, eventually
from tests.daemon.upstreams_samples import SAMPLES

ANSWERED = SAMPLES["anthropic message"].answer_id


class Program:
    """The program with bad luck, under `halton-meter run`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def calls(self, how: str) -> str:
        """Make it call once more."""
        assert self._process.stdin is not None
        self._process.stdin.write(how + "\n")
        self._process.stdin.flush()
        return self.says()


@contextmanager
def under_run(laptop: Laptop, providers: FakeProviders, way: str) -> Iterator[Program]:
    options = ["--gateway"] if way == "gateway" else []
    # Whoever calls past the daemon meets the providers' own certificates, which this machine trusts.
    variables = {"PYTHONPATH": str(ROOT), "SSL_CERT_FILE": str(providers.authority)}
    process = subprocess.Popen(
        [
            *laptop.command("--home", str(laptop.home.root), "run", *options, "--"),
            *(sys.executable, "-m", "tests.daemon.proof.interrupted_calls"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=bare_environment() | providers.addressed | variables,
    )
    with process:
        try:
            yield Program(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("way", ["gateway", "proxy"])
def test_a_program_goes_on_when_the_daemon_is_killed_during_its_stream(
    laptop: Laptop, providers: FakeProviders, way: str
) -> None:
    already, restarts = len(rows(laptop)), laptop.running().restarts
    with under_run(laptop, providers, way) as program:
        assert [program.says(), program.says()] == [ANSWERED, "text"]
        killed = laptop.running().pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert program.says().startswith("broke: ")
        assert [program.calls("again") for _ in range(3)] == [ANSWERED] * 3
        eventually(lambda: (now := laptop.running()).state == "running" and now.restarts > restarts)
        recorded = len(rows(laptop))
        assert program.calls("anew") == ANSWERED
        eventually(lambda: len(rows(laptop)) == recorded + 1)
        assert recorded >= already + 1
        assert rows(laptop)[0].source == way


@pytest.mark.parametrize("way", ["gateway", "proxy"])
def test_a_program_goes_on_when_the_keeper_is_killed_too(laptop: Laptop, providers: FakeProviders, way: str) -> None:
    laptop.says("start")
    before = len(providers.each["anthropic"].requests)
    with under_run(laptop, providers, way) as program:
        assert [program.says(), program.says()] == [ANSWERED, "text"]
        now = laptop.running()
        assert now.pid is not None
        os.kill(now.keeper_pid, signal.SIGKILL)
        os.kill(now.pid, signal.SIGKILL)
        assert program.says().startswith("broke: ")
        assert [program.calls(how) for how in ("again", "again", "anew")] == [ANSWERED] * 3
    requests = providers.each["anthropic"].requests[before:]
    assert len(requests) == 5
    assert len({request.body for request in requests}) == 2  # the stream's, and everybody else's
