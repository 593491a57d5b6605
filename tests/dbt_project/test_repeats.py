"""Copies of one request: which counts, and when two contradict each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.lake_builder import Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse

# Another value of each reported field, and whether one copy may lack what the other has.
FORGIVING: dict[str, tuple[Any, Any]] = {
    "project": ("api", "web"),
    "source_workdir": ("/a", "/b"),
    "source_machine": ("a", "b"),
    "prompt_hash": ("aa", "bb"),
    "attribution_method": ("git", "env"),
    "error_class": ("timeout", "auth"),
    "provider_error_code": ("e1", "e2"),
    "http_status": (200, 500),
    "retryable": (True, False),
    "billing_basis": ("imported", "subscription_imputed"),
    "extra_json": ('{"a":1}', '{"a":2}'),
    "fx_rate": ("0.8", "0.9"),
}
STRICT: dict[str, tuple[Any, Any]] = {
    "provider": ("openai", "anthropic"),
    "model": ("a", "b"),
    "input_tokens": (1, 2),
    "output_tokens": (1, 2),
    "thinking_tokens": (0, 1),
    "cached_tokens": (0, 1),
    "cache_write_tokens": (0, 1),
    "cost_logged_millicents": (0, None),
    "tokens_complete": (True, False),
    "latency_ms": (0.1, 0.2),
    "time_to_first_token_ms": (None, 1),
    "requested_at": (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC)),
    "recorded_at": (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
    "status": ("success", "error"),
    "request_kind": (None, "chat"),
    "idempotency_key": (None, "k"),
}


def told_twice() -> dict[str, tuple[str, Any, Any]]:
    """What is sent first and second of which field, by the story's name."""
    stories = {name: (name, *pair) for name, pair in (FORGIVING | STRICT).items()}
    stories |= {f"{name} withheld": (name, value, None) for name, (value, _) in FORGIVING.items()}
    stories |= {f"{name} brought later": (name, None, value) for name, (value, _) in FORGIVING.items()}
    stories |= {f"{name} the same": (name, value, value) for name, (value, _) in (FORGIVING | STRICT).items()}
    return stories


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> dict[str, list[str]]:
    """Fields found to differ, by story."""
    lake = Lake(tmp_path_factory.mktemp("repeats"))
    stories = told_twice()
    lake.land(*(lake.row(request=name, **{field: first}) for name, (field, first, _) in stories.items()))
    lake.land(*(lake.row(request=name, **{field: second}) for name, (field, _, second) in stories.items()))
    warehouse = Warehouse(lake, manifest)
    warehouse.build()
    names = {named_uuid(name): name for name in stories}
    rows = warehouse.query("select request_id, differing_fields from stg_request_repeats")
    assert len(rows) == len(stories)
    return {names[str(row["request_id"])]: row["differing_fields"] for row in rows}


@pytest.mark.parametrize("field", [*FORGIVING, *STRICT])
def test_another_value_is_a_conflict(field: str, verdicts: dict[str, list[str]]):
    assert verdicts[field] == [field]


@pytest.mark.parametrize("field", FORGIVING)
def test_a_withheld_or_later_field_is_no_conflict(field: str, verdicts: dict[str, list[str]]):
    assert verdicts[f"{field} withheld"] == []
    assert verdicts[f"{field} brought later"] == []


@pytest.mark.parametrize("field", [*FORGIVING, *STRICT])
def test_the_same_value_is_no_conflict(field: str, verdicts: dict[str, list[str]]):
    assert verdicts[f"{field} the same"] == []
