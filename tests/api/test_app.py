"""The app as a whole: refusals are JSON, nothing redirects, a batch on a wrong path is kept by its sender."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.testclient import TestClient
from starlette.types import Message

import api
from pipelines.lake.paths import Home
from tests.conftest import on_sqlite
from tests.faults.paired_machine import pair_machine

pytestmark = on_sqlite
MACHINES = ("/v1/", "/scim/", "/webhooks/", "/health")
"""Pages lead people on; whatever a machine calls does not."""


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route."""
    return [
        (method, str(found.path).replace(":path}", "}"))
        for found in iter_route_contexts(app.routes)
        for method in found.methods or ()
        if found.path and found.path != "/openapi.json"
    ]


def test_health_answers_while_up(client: TestClient, home: Home) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0", "build_id": None}
    home.marts.mkdir()
    home.current_pointer.write_text('{"build_id": "b20260701T090000-1a2b3c4d", "file": "marts-x.duckdb"}')
    assert client.get("/health").json()["build_id"] == "b20260701T090000-1a2b3c4d"
    home.current_pointer.write_text("garbage")
    assert client.get("/health").json()["build_id"] is None


def test_no_path_for_machines_redirects_with_or_without_a_trailing_slash(client: TestClient, app: FastAPI) -> None:
    assert ("POST", "/v1/requests/batch") in routes(app)
    for template in {path for _, path in routes(app) if path.startswith(MACHINES)}:
        assert not template.endswith("/")
        for path in (template, template + "/", "/" + template):
            for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
                # A path that begins with two slashes would be taken for a host.
                answer = client.request(method, "http://testserver" + path.replace("{", "").replace("}", ""))
                assert not 300 <= answer.status_code < 400, (method, path)
                assert answer.status_code < 500 or answer.json()["error"]["code"] == "misrouted", (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/requests/batch/",
        "//v1/requests/batch",
        "/prefix/v1/requests/batch",
        "/requests/batch",
        "/v2/requests/batch//",
        "/prefix/v1/requests/0b0d2f4e-57f5-4f0a-8a6f-6a0e5b7c9d21/body",
    ],
)
def test_an_upload_that_lost_its_way_is_told_to_come_back(path: str, client: TestClient) -> None:
    answer = client.post(path, json={"batch_id": "x", "records": []})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "misrouted"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/nothing/at/all", 404, "not_found"),
        ("PUT", "/v1/pairing/start", 405, "method_not_allowed"),
        ("GET", "/v1/requests/batch", 405, "method_not_allowed"),
        ("GET", "/v1/daemon/whoami", 401, "token_unknown"),
        ("GET", "/v1/acme/overview", 401, "sign_in_required"),
        ("POST", "/v1/pairing/poll", 400, "invalid_json"),
    ],
)
def test_every_refusal_is_one_json_object(method: str, path: str, status: int, code: str, client: TestClient) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.headers["content-type"] == "application/json"


def test_a_refusal_never_echoes_what_was_sent(client: TestClient) -> None:
    marker = "<script>marker"
    answers = [
        client.get(f"/{marker}"),
        client.get(f"/v1/{marker}/overview"),
        client.get("/v1/daemon/whoami", headers={"Authorization": f"Bearer {marker}"}),
        client.post("/v1/pairing/start", json={"hostname": {marker: marker}, marker: 1}),
        client.post("/v1/pairing/poll", json={"pairing_code": marker, "poll_token": 1, "wait_seconds": marker}),
        client.post("/v1/pairing/start", content=marker.encode()),
    ]
    assert [answer.status_code for answer in answers] == [404, 401, 401, 422, 422, 400]
    assert not [answer.text for answer in answers if "marker" in answer.text]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (lambda: OperationalError("SELECT 1", {}, Exception("gone")), 503, "unavailable"),
        (lambda: InterfaceError("SELECT 1", {}, Exception("gone")), 503, "unavailable"),
        (PoolTimeoutError, 503, "unavailable"),
        (lambda: IntegrityError("INSERT secret", {}, Exception("broken")), 500, "internal_error"),
        (lambda: ZeroDivisionError("secret"), 500, "internal_error"),
    ],
    ids=["operational", "interface", "pool", "integrity", "bug"],
)
def test_faults_of_the_server_are_plain_json(
    fault: Callable[[], Exception], status: int, code: str, app: FastAPI, client: TestClient
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise fault()

    answer = client.get("/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "secret" not in answer.text


def test_a_real_loss_of_the_database_is_a_503(client: TestClient, app: FastAPI, tmp_path: object) -> None:
    from pipelines.lake.database import open_database

    good = app.state.engine
    app.state.engine = open_database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    try:
        start = {"hostname": "h", "daemon_version": "1", "platform": "Linux"}
        answer = client.post("/v1/pairing/start", json=start)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert client.get("/health").status_code == 200
    finally:
        app.state.engine.dispose()
        app.state.engine = good


def test_a_client_that_hangs_up_in_its_body_is_one_plain_line(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = pair_machine(app.state.engine, app.state.clock).token
    events: list[Message] = []

    async def receive() -> Message:
        return events.pop(0)

    async def send(_: Message) -> None:
        return

    for path in ("/v1/requests/batch", "/v1/pairing/start"):
        events[:] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"authorization", f"Bearer {token}".encode())], "client": ("127.0.0.1", 1), "app": app,
        }  # fmt: skip
        caplog.clear()
        with caplog.at_level("INFO"):
            anyio.run(app, scope, receive, send)
        (line,) = [one for one in caplog.records if one.name.startswith(("api", "uvicorn"))]
        assert line.getMessage() == f"a client hung up before its body was whole: POST {path}"
        assert line.exc_info is None


def test_answers_carry_the_security_headers(client: TestClient) -> None:
    for path in ("/health", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"


def test_the_openapi_document_describes_every_route(client: TestClient, app: FastAPI) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert described <= set(routes(app))
    undescribed = {path for _, path in set(routes(app)) - described}
    assert {path for path in undescribed if path.startswith(("/v1/", "/health"))} == set()
    for method, path in described:
        operation = document["paths"][path][method.lower()]
        assert operation["summary"]
        assert operation["description"]
        assert [code for code in operation["responses"] if code.startswith("2")]
        for code in (code for code in operation["responses"] if code.startswith(("4", "5"))):
            content = operation["responses"][code]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}, (path, code)
    references = set(_references(document))
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for part in value.values() for reference in _references(part)]
    if isinstance(value, list):
        return [reference for part in value for reference in _references(part)]
    return []


def test_the_readmes_name_every_route_once_and_no_other(app: FastAPI) -> None:
    room = Path(api.__file__).parent
    rows = "".join((room / name).read_text() for name in ("README.md", "pages/README.md"))
    columns = re.findall(r"^\|([^|]*)\|", rows, re.MULTILINE)
    named = [found for column in columns for found in re.findall(r"`([A-Z]+) (/[^`]*)`", column)]
    assert sorted(named) == sorted(routes(app))
