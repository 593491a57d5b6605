"""The tables of the PostgreSQL mirror.

Belongs here: tables and the devices that may upload. Does not belong here: the server (`postgres_mirror`).

`requests` has the index that de-duplication needs, its primary key, and the two that the documented dashboards cannot
do without: a workspace's newest calls and its periods (overview), and the same of one project (project page, recent
requests). Devices, models and providers are read off those; a larger installation would index more.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final
from uuid import uuid4

import psycopg

COLUMNS: Final = (
    ("id", "uuid not null"),
    ("project", "text"),
    ("provider", "text not null"),
    ("model", "text not null"),
    ("input_tokens", "bigint not null"),
    ("output_tokens", "bigint not null"),
    ("thinking_tokens", "bigint not null"),
    ("cached_tokens", "bigint not null"),
    ("cache_write_tokens", "bigint not null"),
    ("cost_millicents", "bigint"),
    ("fx_rate", "text"),
    ("tokens_complete", "boolean not null"),
    ("latency_ms", "double precision not null"),
    ("time_to_first_token_ms", "bigint"),
    ("requested_at", "timestamptz not null"),
    ("recorded_at", "timestamptz not null"),
    ("status", "text not null"),
    ("request_kind", "text"),
    ("attribution_method", "text"),
    ("source_workdir", "text"),
    ("source_machine", "text"),
    ("prompt_hash", "text"),
    ("idempotency_key", "text"),
    ("error_class", "text"),
    ("provider_error_code", "text"),
    ("http_status", "integer"),
    ("retryable", "boolean"),
    ("billing_basis", "text"),
)
"""What is copied, in the order of the wire; the two equal costs are stored once, as we store them."""
NAMES: Final = ", ".join(name for name, _ in COLUMNS)
STAGING: Final = (
    "CREATE TEMP TABLE staged (" + ", ".join(f"{name} {kind}" for name, kind in COLUMNS) + ") ON COMMIT DELETE ROWS"
)

_TABLES: Final = f"""
CREATE TABLE devices (
    token_sha256 bytea PRIMARY KEY, id uuid NOT NULL UNIQUE, workspace_id uuid NOT NULL, revoked_at timestamptz,
    last_seen_at timestamptz
) WITH (fillfactor = 50);
CREATE TABLE batches (
    batch_key uuid PRIMARY KEY, batch_id text NOT NULL, workspace_id uuid NOT NULL, device_id uuid NOT NULL,
    received_at timestamptz NOT NULL, received integer NOT NULL, accepted integer NOT NULL
);
CREATE TABLE requests (
    workspace_id uuid NOT NULL, device_id uuid NOT NULL, batch_key uuid NOT NULL, received_at timestamptz NOT NULL,
    {", ".join(f"{name} {kind}" for name, kind in COLUMNS)},
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX requests_by_time ON requests (workspace_id, requested_at);
CREATE INDEX requests_by_project ON requests (workspace_id, project, requested_at);
"""


def create(uri: str, devices: int) -> list[str]:
    """Create the tables and one workspace's devices; return a token for each."""
    workspace, tokens = uuid4(), [f"hm_sync_{secrets.token_urlsafe(32)}" for _ in range(devices)]
    with psycopg.connect(uri) as connection:
        connection.execute(_TABLES.encode())
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO devices (token_sha256, id, workspace_id) VALUES (%s, %s, %s)",
                [(token_digest(token), uuid4(), workspace) for token in tokens],
            )
    return tokens


def token_digest(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def postmaster(uri: str) -> int:
    """Return the process id all of the database's processes descend from."""
    with psycopg.connect(uri) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        assert row is not None
        return int(str(row[0]).split()[0])


def count_requests(uri: str) -> int:
    """Return how many rows are stored."""
    with psycopg.connect(uri) as connection:
        row = connection.execute("SELECT count(*) FROM requests").fetchone()
        assert row is not None
        return int(row[0])
