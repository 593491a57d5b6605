"""The store's tables, one step of their history after the other.

Belongs here: every statement that makes or changes tables, and what their columns mean. Does not belong here: queries.

A step is never edited once released: a change is a new step at the end. Each runs in one transaction together with the
version it leads to, so that a crash leaves the old version or the new one.

| table | one row is |
|---|---|
| `calls` | one call (`daemon.calls.call`), tokens in columns of their own, and how far it got on its way to a cloud |
| `batches` | one batch that was sent, or was about to be |
| `batch_calls` | one call of a batch whose answer is not known yet |
| `cloud_state` | the one row about the cloud this machine is paired with |
| `purged_ids` | one call that retention removed; importing it again must not bring it back |
| `cursors` | how far an importer read one source |
| `bodies` | one leg of a call whose project keeps bodies, redacted |
| `retention_clock` | the one row about how far the wall clock is believed when rows are to be removed |
"""

from __future__ import annotations

from typing import Final

_CALLS: Final = """
CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    requested_at_us INTEGER NOT NULL,
    recorded_at_us INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    surface TEXT NOT NULL,
    request_kind TEXT NOT NULL,
    source TEXT NOT NULL,
    streamed INTEGER NOT NULL CHECK (streamed IN (0, 1)),
    uncached_input_tokens INTEGER NOT NULL CHECK (uncached_input_tokens >= 0),
    cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    thinking_tokens INTEGER NOT NULL CHECK (thinking_tokens BETWEEN 0 AND output_tokens),
    usage_source TEXT NOT NULL,
    tokens_complete INTEGER NOT NULL CHECK (tokens_complete IN (0, 1)),
    service_tier TEXT,
    stop_reason TEXT,
    status TEXT NOT NULL,
    http_status INTEGER,
    error_class TEXT,
    provider_error_code TEXT,
    retryable INTEGER CHECK (retryable IN (0, 1)),
    latency_ms REAL NOT NULL CHECK (latency_ms >= 0),
    time_to_first_token_ms INTEGER,
    provider_request_id TEXT,
    prompt_hash TEXT,
    idempotency_key TEXT,
    billing_basis TEXT,
    cost_millicents INTEGER CHECK (cost_millicents >= 0),
    price_source TEXT,
    project TEXT NOT NULL,
    attribution_method TEXT NOT NULL,
    source_workdir TEXT,
    source_machine TEXT,
    -- pending: not acknowledged yet; whether its project may leave is asked anew each time and never written down.
    upload_state TEXT NOT NULL DEFAULT 'pending' CHECK (upload_state IN ('pending', 'sent', 'quarantined')),
    batch_id TEXT,
    quarantine_code TEXT,
    quarantine_detail TEXT,
    acknowledged_at_us INTEGER
) STRICT
"""

_FIRST: Final = (
    _CALLS,
    "CREATE INDEX calls_by_request ON calls (requested_at_us, id)",
    "CREATE INDEX calls_by_project ON calls (project, requested_at_us)",
    "CREATE INDEX calls_by_record ON calls (recorded_at_us, id)",
    "CREATE INDEX calls_of_upload_state ON calls (upload_state, recorded_at_us, id)",
    "CREATE INDEX pending_of_project ON calls (project COLLATE NOCASE) WHERE upload_state = 'pending'",
    "CREATE INDEX calls_of_batch ON calls (batch_id) WHERE batch_id IS NOT NULL",
    """
    CREATE INDEX calls_by_provider_request ON calls (provider, provider_request_id)
    WHERE provider_request_id IS NOT NULL
    """,
    """
    CREATE TABLE batches (
        seq INTEGER NOT NULL PRIMARY KEY,
        batch_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'dropped')),
        opened_at_us INTEGER NOT NULL,
        closed_at_us INTEGER,
        row_count INTEGER NOT NULL CHECK (row_count > 0),
        records_sha256 TEXT NOT NULL,  -- of the bytes of the records as they left
        received INTEGER,
        accepted INTEGER,
        duplicates INTEGER,
        quarantined INTEGER,
        withheld TEXT NOT NULL DEFAULT '[]'  -- JSON, as in the receipt
    ) STRICT
    """,
    "CREATE INDEX open_batches ON batches (seq) WHERE state = 'open'",
    """
    CREATE TABLE batch_calls (
        batch_id TEXT NOT NULL REFERENCES batches (batch_id),
        position INTEGER NOT NULL,
        call_id TEXT NOT NULL UNIQUE REFERENCES calls (id),  -- a call travels in one batch at a time
        PRIMARY KEY (batch_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE cloud_state (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        workspace_id TEXT,
        workspace_name TEXT,
        machine_id TEXT,  -- as the cloud issued it
        hostname TEXT,
        api_key_ciphertext BLOB,  -- Fernet, with the key in cloud.key
        paused_reason TEXT,
        last_error TEXT,
        last_error_at_us INTEGER,
        last_tick_at_us INTEGER,
        last_batch_succeeded_at_us INTEGER,
        last_reconcile_at_us INTEGER,
        consecutive_failures INTEGER NOT NULL,
        queue_history TEXT NOT NULL,  -- JSON: [[at_us, pending], …]
        receipts_at_us INTEGER,  -- when the server first gave a real receipt
        server_notes TEXT NOT NULL  -- JSON: what it keeps out of its dashboards, by project and reason
    ) STRICT
    """,
    "CREATE TABLE purged_ids (id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE cursors (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE bodies (
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        direction TEXT NOT NULL CHECK (direction IN ('request', 'response')),
        content_type TEXT NOT NULL,
        text TEXT NOT NULL,  -- redacted and capped before it came here
        original_size_bytes INTEGER NOT NULL,
        redactions TEXT NOT NULL,  -- JSON: what was taken out
        kept_at_us INTEGER NOT NULL,
        PRIMARY KEY (call_id, direction)
    ) STRICT
    """,
    """
    CREATE TABLE retention_clock (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        trusted_at_us INTEGER NOT NULL,  -- the last reading of the wall clock that was believed
        doubted_at_us INTEGER,  -- the last reading after a jump, while it is being watched
        watched_us INTEGER NOT NULL DEFAULT 0  -- how long the clock has gone on steadily since the jump
    ) STRICT
    """,
    "PRAGMA user_version = 1",
)

STEPS: Final[tuple[tuple[str, ...], ...]] = (_FIRST,)
"""Statements that lead from version n to n + 1, the new version's number among them."""
