"""Hostile bytes on every route: never a 5xx, always a short plain JSON reason that repeats nothing of the input."""

from __future__ import annotations

import json
import random
import resource
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.models import Plan
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.workspaces import create_workspace
from pipelines.lake.clock import FixedClock
from tests.wire_records import batch, record

ECHO_MARK = "zzEchoMarkzz"
GENERATED = 1_500
MEMORY_ALLOWED_MIB = 1_536


@pytest.fixture
def keys(client: TestClient, engine: Engine, clock: FixedClock) -> dict[str, str]:
    """A device's token and an API key of one workspace."""
    at = clock.now()
    with transaction(engine) as session:
        workspace = create_workspace(
            session, name="Acme", owner_email="o@acme.example", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=at
        )
        key = create_api_key(session, workspace.id, name="k", actor=OPERATOR, at=at)
        workspace_id = workspace.id
    greeting = {"hostname": "h", "daemon_version": "0.6.4", "platform": "Linux"}
    started = client.post("/v1/pairing/start", json=greeting).json()
    with transaction(engine) as session:
        approve_pairing(session, started["pairing_code"], workspace_id, approver=OPERATOR, at=at)
    asked = {name: started[name] for name in ("pairing_code", "poll_token")}
    return {"sync": client.post("/v1/pairing/poll", json=asked).json()["api_key"], "api": key}


BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"nope " + ECHO_MARK.encode(),
    "null": b"null",
    "number": b"1e999",
    "NaN": b"NaN",
    "array": b"[]",
    "empty object": b"{}",
    "deep arrays": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "balanced deep": b"[" * 100_000 + b"]" * 100_000,
    "deep records": b'{"batch_id":"b","records":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
    "invalid utf-8": b'{"batch_id": "\xff\xfe"}',
    "utf-16": '{"batch_id": "b", "records": [1]}'.encode("utf-16"),
    "lone surrogate": b'{"batch_id": "\\ud800", "records": [{"id": "\\udfff"}]}',
    "NUL": b'{"batch_id": "a\\u0000b", "records": []}',
    "raw NUL": b"\x00" * 64,
    "duplicate keys": b'{"batch_id": "a", "batch_id": "b", "records": [], "records": []}',
    "huge integer": b'{"batch_id": "b", "records": [' + b"9" * 100_000 + b"]}",
    "huge integers in text": b'{"hostname": ' + b"9" * 5_000 + b"}",
    "huge string": b'{"hostname": "' + b"x" * 1_000_000 + b'", "daemon_version": "1", "platform": "L"}',
    "extra fields": b'{"hostname": "h", "daemon_version": "1", "platform": "L", "role": "owner", "workspace_id": "x"}',
    "wrong types": b'{"hostname": 5, "daemon_version": [], "platform": {}}',
    "markup": f'{{"hostname": "<script>{ECHO_MARK}</script>"}}'.encode(),
    "batch of nulls": b'{"batch_id": "b", "records": [null, null]}',
    "poll": b'{"pairing_code": "\\ud800", "poll_token": "\\u0000"}',
    "body leg": b'{"request_id": "\\ud800", "direction": "sideways"}',
}
HEADERS: list[dict[str, str]] = [
    {},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-7"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "zstd"},
    {"Content-Encoding": ECHO_MARK},
    {"Content-Length": "99999999999999999999"},
]
QUERIES = [
    "",
    f"?range={ECHO_MARK}",
    "?range=custom&from=9999-99-99&to=%00",
    "?range=custom&from=0001-01-01&to=9999-12-31",
    "?provider=" + "a" * 5_000,
    "?project=%27%3B%20drop%20table%20fct_requests%3B--&model=%ED%A0%80",
    "?cursor=%FF%FE&limit=-1",
    "?limit=99999999999999999999&search=%25%27%22",
    "?from_date=2026-13-45&to_date=x",
    "?" + "&".join(f"device={i}" for i in range(300)),
]
PATH_VALUES = ["acme", "x" * 2_000, "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "%ED%A0%80", "' or 1=1 --", ECHO_MARK]


def filled(path: str, value: str) -> str:
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + value + path[end + 1 :]
    return path


def routes(app: FastAPI) -> list[tuple[str, str]]:
    found = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.route, APIRoute)
        for method in context.methods or ()
    }
    assert len(found) > 15, found
    return sorted(found)


def check(answer: Any) -> None:
    assert answer.status_code < 500, (answer.request.method, str(answer.request.url)[:200], answer.text[:300])
    assert answer.status_code not in range(300, 400) or answer.status_code == 304
    if answer.status_code == 204:
        assert answer.content == b""
        return
    if answer.headers["content-type"].startswith("text/csv"):
        return
    body = answer.json()
    assert isinstance(body, dict)
    if answer.status_code >= 400:
        assert set(body) == {"error"}
        assert set(body["error"]) == {"code", "message"}
        assert len(body["error"]["message"]) <= 200
        assert ECHO_MARK not in answer.text


def attacks(app: FastAPI, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    tokens = ["", f"Bearer {keys['sync']}", f"Bearer {keys['api']}", f"Bearer {ECHO_MARK}", "Bearer \x7f", "Basic eDp5"]
    for method, path in routes(app):
        for body in BODIES.values():
            yield {"method": method, "url": filled(path, "acme"), "content": body, "token": tokens[1]}
        for headers in HEADERS:
            yield {
                "method": method,
                "url": filled(path, "acme"),
                "content": b"{}",
                "token": tokens[1],
                "headers": headers,
            }
        for query in QUERIES:
            for token in tokens[1:3]:
                yield {"method": method, "url": filled(path, "acme") + query, "token": token}
        for value in PATH_VALUES:
            yield {"method": method, "url": filled(path, value), "token": tokens[2]}
        for token in tokens:
            yield {"method": method, "url": filled(path, "acme"), "token": token}


def send(client: TestClient, attack: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": attack["token"], **attack.get("headers", {})}
    return client.request(attack["method"], attack["url"], content=attack.get("content"), headers=headers)


def test_the_corpus_on_every_route(app: FastAPI, client: TestClient, keys: dict[str, str]):
    count = 0
    for attack in attacks(app, keys):
        check(send(client, attack))
        count += 1
    assert count > 1_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 < MEMORY_ALLOWED_MIB


def mutated(source: random.Random) -> bytes:
    """A valid batch, damaged: bytes flipped, cut, repeated or replaced by hostile literals."""
    body = bytearray(batch([record(source.random()) for _ in range(source.randrange(1, 4))], "b"))
    for _ in range(source.randrange(1, 6)):
        at = source.randrange(len(body))
        match source.randrange(5):
            case 0:
                body[at] = source.randrange(256)
            case 1:
                del body[at : at + source.randrange(1, 40)]
            case 2:
                body[at:at] = body[at : at + source.randrange(1, 60)]
            case 3:
                body[at:at] = source.choice(
                    [b"NaN", b"1e999", b"\\ud800", b"\\u0000", b"null", b'"', b"{", b"]", b"9" * 400]
                )
            case _:
                body = body or bytearray(b"{}")
        body = body or bytearray(b"{}")
    return bytes(body)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_damaged_batches_are_judged_or_refused(
    client: TestClient, keys: dict[str, str], request: pytest.FixtureRequest
):
    source = random.Random(20261122)
    for _ in range(100_000 if request.config.getoption("--long") else GENERATED):
        answer = send(
            client,
            {
                "method": "POST",
                "url": "/v1/requests/batch",
                "content": mutated(source),
                "token": f"Bearer {keys['sync']}",
            },
        )
        check(answer)
        if answer.status_code == 200:
            receipt = answer.json()
            assert receipt["received"] == receipt["accepted"] + receipt["duplicates"] + len(receipt["quarantined"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bombs_and_giants_are_refused_within_bounded_memory(client: TestClient, keys: dict[str, str]):
    token = f"Bearer {keys['sync']}"
    bomb = zstandard.compress(bytes(2_000_000_000 // 8), level=19)
    assert len(bomb) < 100_000
    for body, headers in (
        (bomb, {"Content-Encoding": "zstd"}),
        (b" " * (65 * 1024 * 1024), {}),
    ):
        answer = send(
            client, {"method": "POST", "url": "/v1/requests/batch", "content": body, "token": token, "headers": headers}
        )
        assert answer.status_code == 413
        check(answer)
    big = json.dumps({"batch_id": "b", "records": [record(i) for i in range(20_000)]}).encode()
    receipt = send(client, {"method": "POST", "url": "/v1/requests/batch", "content": big, "token": token}).json()
    assert receipt["accepted"] + len(receipt["quarantined"]) == 20_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 < MEMORY_ALLOWED_MIB
