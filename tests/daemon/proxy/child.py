"""A proxy as a process of its own: commands as JSON lines, answers and calls as JSON lines.

Belongs here: what a test can ask of a proxy in another process. Does not belong here: the tests.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgspec

from daemon.attribution.caller import NOBODY, caller_of
from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.capture.providers.registry import Endpoint
from daemon.capture.proxy.authority import authority_files
from daemon.capture.proxy.captured import CapturedCall
from daemon.capture.proxy.server import Proxy, ProxySettings
from daemon.clock import SystemClock

_printing = threading.Lock()


def say(message: dict[str, Any]) -> None:
    with _printing:
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.buffer.flush()


class WhatPassed:
    """A meter that tells which bytes it was given: digests of both bodies, and the order of everything."""

    def __init__(self, endpoint: Endpoint, raising: str | None) -> None:
        self._endpoint = endpoint
        self._raising = raising
        self._request, self._response = hashlib.sha256(), hashlib.sha256()
        self._seen: list[str] = []
        self._status: int | None = None

    def request_started(self, headers: Mapping[str, str]) -> None:
        self._note("request_started")

    def request_bytes(self, chunk: bytes) -> None:
        self._note("request_bytes")
        self._request.update(chunk)

    def response_started(self, status: int, headers: Mapping[str, str]) -> None:
        self._note("response_started")
        self._status = status

    def response_bytes(self, chunk: bytes) -> None:
        self._note("response_bytes")
        self._response.update(chunk)

    def finished(self, *, outcome: Outcome, at: float | None = None) -> MeteredCall:
        self._note("finished")
        assert at is not None
        assert abs(at - time.monotonic()) < 60
        told: dict[str, Any] = dict.fromkeys(field.name for field in fields(MeteredCall))
        told |= {
            "provider": self._endpoint.provider,
            "model": ",".join(self._seen),
            "surface": self._endpoint.surface,
            "tokens": Tokens(),
            "stop_reason": outcome.value,
            "http_status": self._status,
            "provider_request_id": self._response.hexdigest(),
            "prompt_hash": self._request.hexdigest(),
        }
        return MeteredCall(**told)

    def _note(self, name: str) -> None:
        if name == self._raising:
            raise RuntimeError(f"{name} is broken, as the test wants")
        if not self._seen or self._seen[-1] != name:
            self._seen.append(name)


class Running:
    """One proxy at a time."""

    def __init__(self) -> None:
        self._proxy: Proxy | None = None
        self._grace_seconds = 5.0

    def start(self, given: dict[str, Any]) -> dict[str, Any]:
        self.stop(None)
        meter, raising = given.pop("meter", "what-passed"), given.pop("raising", None)
        body_bytes, find = given.pop("body_bytes", 0), given.pop("find_caller", False)
        self._grace_seconds = given.pop("grace_seconds", 5.0)
        paths = {name: Path(given.pop(name)) for name in ("authority_folder", "upstream_ca") if name in given}
        settings = ProxySettings(**{"port": 0, **given, **paths})

        def on_call(call: CapturedCall) -> None:
            if raising == "on_call":
                raise RuntimeError("the recorder is broken, as the test wants")
            say({"call": call})

        self._proxy = Proxy(
            settings,
            on_call=on_call,
            clock=SystemClock(),
            body_bytes=lambda: body_bytes,
            make_meter=None if meter == "real" else lambda endpoint: WhatPassed(endpoint, raising),
            find_caller=caller_of if find else lambda *_: NOBODY,
        )
        files = authority_files(settings.authority_folder)
        return {"port": self._proxy.start(), "certificate": str(files.certificate), "bundle": str(files.bundle)}

    def counts(self, _: None) -> dict[str, Any]:
        assert self._proxy is not None
        return asdict(self._proxy.counts())

    def stop(self, _: None) -> dict[str, Any]:
        if self._proxy is not None:
            self._proxy.stop(grace_seconds=self._grace_seconds)
        return {"alive": self._proxy is not None and self._proxy.alive}


def main() -> None:
    running = Running()
    for line in sys.stdin:
        command, what = json.loads(line)
        say({command: getattr(running, command)(what)})
    running.stop(None)


if __name__ == "__main__":
    main()
