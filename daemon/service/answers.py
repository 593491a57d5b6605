"""What the loopback API answers.

Belongs here: routes, and gathering what they give out. Does not belong here: HTTP and its checks (`loopback`, `guard`),
the rooms that know the facts.
"""

from __future__ import annotations

import logging
import platform
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec

from daemon.calls.call import Call
from daemon.clock import Clock, to_micros
from daemon.cloud.status import link_status, status_json
from daemon.credentials import MeterHome
from daemon.importers.known import KnownCalls
from daemon.otlp.spans import UnreadableRequest, answer_of, calls_of
from daemon.report.document import as_document
from daemon.report.reading import read_report
from daemon.report.window import today
from daemon.service.loopback import Answer, Asked, Routes, json_answer, refusal
from daemon.service.snapshot import Snapshot
from daemon.store.errors import StoreError
from daemon.store.store import Store

logger = logging.getLogger(__name__)

_STATE_KEYS = ("paired", "workspace_id", "workspace_name", "machine_id", "base_url", "enabled", "paused_reason")
_OTLP_TYPES = ("application/json", "application/x-protobuf")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the answers are made from.

    Attributes:
        home: whose daemon.
        store: its store.
        clock: wall clock.
        version: of this distribution.
        hostname: of this machine.
        snapshot: gives the daemon as it is now.
        priced: puts price and machine to a call that was told by a program.
    """

    home: MeterHome
    store: Store
    clock: Clock
    version: str
    hostname: str
    snapshot: Callable[[], Snapshot]
    priced: Callable[[Call], Call]


def routes(facts: Facts) -> Routes:
    """Return what is answered."""
    return {
        ("GET", "/health"): lambda _: _health(facts),
        ("GET", "/v1/status"): lambda _: json_answer(facts.snapshot()),
        ("GET", "/v1/cloud/state"): lambda _: _from_store(lambda: _cloud_state(facts)),
        ("GET", "/v1/summary"): lambda _: _from_store(lambda: _today(facts)),
        ("POST", "/v1/traces"): lambda asked: _traces(facts, asked),
    }


def _health(facts: Facts) -> Answer:
    now = facts.snapshot()
    return json_answer({"status": now.status, "version": now.version, "capture_port": now.capture_port})


def _from_store(gather: Callable[[], Any]) -> Answer:
    try:
        return json_answer(gather())
    except (StoreError, sqlite3.Error) as error:
        return refusal(503, str(error))


def _cloud_state(facts: Facts) -> dict[str, Any]:
    link = status_json(link_status(facts.home, facts.store, facts.clock))
    machine = {"daemon_version": facts.version, "hostname": facts.hostname, "platform": platform.system()}
    return {key: link[key] for key in _STATE_KEYS} | machine | {"state": link["state"]}


def _today(facts: Facts) -> dict[str, Any]:
    with closing(facts.store.connection_for_reading()) as connection:
        return as_document(read_report(connection, today(facts.clock.now()), with_previous=True))


def _traces(facts: Facts, asked: Asked) -> Answer:
    """Keep the calls that a program's spans tell of; agree only once they are on disk."""
    content_type = (asked.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if content_type not in _OTLP_TYPES:
        return refusal(415, f"send {' or '.join(_OTLP_TYPES)}")
    try:
        result = calls_of(asked.body, content_type, asked.headers.get("Content-Encoding"))
    except UnreadableRequest as error:
        return refusal(error.status, str(error))
    try:
        with KnownCalls(facts.store) as known:
            fresh = [call for call in result.calls if facts.store.get(call.id) is None]
            elsewhere = known.elsewhere(fresh)
        facts.store.add([facts.priced(call) for call in fresh if call.id not in elsewhere])
    except (StoreError, sqlite3.Error) as error:
        return json_answer({"message": str(error)}, 503, {"Retry-After": "5"})
    return Answer(body=answer_of(result, content_type), content_type=content_type)


def completed(call: Call, *, clock: Clock, hostname: str, cost: Callable[[Call], Any]) -> Call:
    """Return a told call with what this machine adds: when it was written down, its price, the machine's name.

    A call whose tokens nobody told has no price: unknown is not zero.
    """
    found = cost(call) if call.cost_millicents is None and call.usage_source != "absent" else None
    changes: dict[str, Any] = {"recorded_at_us": to_micros(clock.now()), "source_machine": hostname}
    if found is not None:
        changes |= {"cost_millicents": found.millicents, "price_source": found.source}
    return msgspec.structs.replace(call, **changes)
