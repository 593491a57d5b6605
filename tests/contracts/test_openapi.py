"""The OpenAPI document says the truth: generated calls get the statuses, types and shapes it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from api.api_keys import create_api_key
from api.app import create_app
from api.audit import OPERATOR
from api.db.migrate import upgrade
from api.db.models import Plan
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.workspaces import create_workspace
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home

SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A running app, a device's token and an API key of workspace `acme`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(Path(tmp_path_factory.mktemp("openapi")))
        engine = open_database(home.database_url)
        upgrade(engine)
        at = SystemClock().now()
        with transaction(engine) as session:
            workspace = create_workspace(
                session, name="Acme", owner_email="o@a.example", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=at
            )
            workspace_id = workspace.id
            key = create_api_key(session, workspace_id, name="k", actor=OPERATOR, at=at)
        app = create_app(home, engine=engine)
        with TestClient(app) as client:
            greeting = {"hostname": "h", "daemon_version": "0.6.4", "platform": "Linux"}
            started = client.post("/v1/pairing/start", json=greeting).json()
            with transaction(engine) as session:
                approve_pairing(
                    session, started["pairing_code"], workspace_id, approver=OPERATOR, at=SystemClock().now()
                )
            asked = {name: started[name] for name in ("pairing_code", "poll_token")}
            token = client.post("/v1/pairing/poll", json=asked).json()["api_key"]
            yield client, token, key
        engine.dispose()


def test_generated_calls_get_what_the_document_promises(served: Any):
    client, token, key = served
    document = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    found: list[Any] = list(document.get_all_operations())
    operations = [one.ok() for one in found]
    assert len(operations) > 15
    for operation in operations:

        @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=SLOW_IS_FINE)
        @given(case=operation.as_strategy())
        def calls_are_answered_as_promised(case: Any) -> None:
            leaving = case.path in {"/v1/pairing/revoke", "/v1/daemon/disconnect"}
            if "workspace" in (case.path_parameters or {}):
                case.path_parameters["workspace"] = "acme"
            # A token that leaves for good would end the campaign for everybody after it.
            credential = key if "{workspace}" in case.path else "hm_sync_none" if leaving else token
            answer = case.call(session=client, headers={"Authorization": f"Bearer {credential}"})
            case.validate_response(answer, checks=CHECKS)

        calls_are_answered_as_promised()


def test_every_operation_is_described_with_examples(served: Any):
    document = served[0].app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            assert operation.get("summary"), name
            assert operation.get("description"), name
            good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
            if "application/json" in good.get("content", {}):
                media = good["content"]["application/json"]
                assert "example" in media or "examples" in media, name
            if "requestBody" in operation:
                taken = operation["requestBody"]["content"]
                assert "application/octet-stream" in taken or "example" in taken["application/json"], name
