"""No wire key is lost on its way to Parquet."""

from __future__ import annotations

from daemon.wire.record import RECORD_KEYS
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS, WIRE_TYPES

RENAMED = {
    "id": "request_id",
    "cost_millicents": "cost_logged_millicents",
    "cost_usd_minor_units": "cost_logged_millicents",
}
SERVER = {"workspace_id", "device_id", "batch_key", "row_index", "received_at", "extra_json", *ORIGIN_COLUMNS}


def test_every_wire_key_has_an_arrow_type() -> None:
    assert tuple(WIRE_TYPES) == RECORD_KEYS


def test_every_wire_key_lands() -> None:
    for key in WIRE_TYPES:
        assert RENAMED.get(key, key) in LANDING_SCHEMA.names


def test_every_landed_column_comes_from_the_wire_or_the_server() -> None:
    wire = {RENAMED.get(key, key) for key in WIRE_TYPES}
    assert set(LANDING_SCHEMA.names) == wire | SERVER
    assert len(LANDING_SCHEMA.names) == len(set(LANDING_SCHEMA.names))


def test_a_column_is_nullable_exactly_when_its_wire_key_may_be_null() -> None:
    for key, (_, nullable) in WIRE_TYPES.items():
        assert LANDING_SCHEMA.field(RENAMED.get(key, key)).nullable == nullable
