"""A whole installation in a temporary home, driven as operators and daemons drive it: by commands and by HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from api.cli.main import cli

COMMAND = (sys.executable, "-m", "api.cli.main")
READY_SECONDS = 60


@dataclass
class Laptop:
    """A paired machine that uploads as daemons do."""

    base_url: str
    token: str
    machine_id: str

    def upload(self, body: bytes, **headers: str) -> httpx.Response:
        return self.call("POST", "/v1/requests/batch", content=body, headers=headers)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        authorised = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return httpx.request(method, self.base_url + path, headers=authorised, timeout=60, **options)


@dataclass
class Installation:
    """One home, its commands and, while started, its server."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])
    base_url: str = ""
    server: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of `halton-cloud`."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--home", str(self.home)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def answer(self, *arguments: str) -> dict[str, Any]:
        """Run one command and return the JSON object it prints."""
        printed: dict[str, Any] = json.loads(self.run(*arguments).stdout)
        return printed

    def answer_here(self, *arguments: str) -> dict[str, Any]:
        """Run one command in this process, where dbt and Dagster are warm, and return the JSON object it prints."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self._environment().items():
                environment.setenv(name, value)
            done = CliRunner().invoke(cli, [*arguments, "--home", str(self.home)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    def start(self, *arguments: str, command: str = "serve") -> None:
        """Start the server and wait until it says where it listens."""
        log = (self.home.parent / "server.log").open("a")
        self.server = subprocess.Popen(
            [*COMMAND, command, "--port", "0", *arguments, "--home", str(self.home)],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, (self.home.parent / "server.log").read_text()
        self.base_url = json.loads(line)["listening"]

    def kill(self) -> None:
        """End the server's whole process group at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the server to stop."""
        self._end(signal.SIGTERM)

    def pair(self, workspace: str, hostname: str, fingerprint: str | None = None) -> Laptop:
        """Pair a machine: start, approve on the command line, poll."""
        greeting = {"hostname": hostname, "daemon_version": "0.6.4", "platform": "Linux"}
        if fingerprint:
            greeting["fingerprint"] = fingerprint
        started = httpx.post(f"{self.base_url}/v1/pairing/start", json=greeting, timeout=60).json()
        self.answer("pairing", "approve", started["pairing_code"], "--workspace", workspace)
        ask = {key: started[key] for key in ("pairing_code", "poll_token")}
        approved = httpx.post(f"{self.base_url}/v1/pairing/poll", json=ask, timeout=60).json()
        assert approved["status"] == "approved", approved
        return Laptop(self.base_url, approved["api_key"], approved["machine_id"])

    def get(self, path: str, key: str, **query: Any) -> httpx.Response:
        """Ask the dashboard API."""
        return httpx.get(self.base_url + path, params=query, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def _end(self, number: signal.Signals) -> None:
        if self.server is None:
            return
        if self.server.poll() is None:
            os.killpg(self.server.pid, number)
        self.server.wait(timeout=60)
        assert self.server.stdout is not None
        self.server.stdout.close()
        self.server = None

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DO_NOT_TRACK": "1", **self.environment}
