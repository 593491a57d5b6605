"""One LLM call as a daemon reports it: the record of protocol version 1.

Belongs here: the record's fields, their types and limits, and which daemon release brought them. Does not belong here:
batches and receipts (`batch`), pairing (`pairing`), or any storage schema (derived from this one in `pipelines.lake`).

Releases 0.2.x send 24 keys, 0.3.0 to 0.6.0 send 28, 0.6.4 sends 29. Enums are open: an unknown value is kept as it is.
Keys that are not listed here are kept too, as JSON text beside the row.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

TOKENS_MAX: Final = 1_000_000_000
"""Largest believable token count of one call; above it a row is quarantined, so that no sum can overflow."""
MILLICENTS_MAX: Final = 100_000_000_000
"""Largest believable cost of one call, 1,000,000 USD in millicents."""

Tokens = Annotated[int, Meta(ge=0, le=TOKENS_MAX, description="tokens")]
Millicents = Annotated[int, Meta(ge=0, le=MILLICENTS_MAX, description="1 USD = 100,000")]
Text32 = Annotated[str, Meta(max_length=32)]
Text64 = Annotated[str, Meta(max_length=64)]
Text255 = Annotated[str, Meta(max_length=255)]
Name255 = Annotated[str, Meta(min_length=1, max_length=255)]
Path4096 = Annotated[str, Meta(max_length=4096)]
RecordId = Annotated[
    str,
    Meta(pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"),
]
Instant = Annotated[str, Meta(max_length=40, description="ISO-8601 with zone; UTC, microseconds")]


class Record(msgspec.Struct, kw_only=True):
    """One call to a provider, 24 to 29 keys.

    Attributes:
        id: uuid4 issued by the daemon; the idempotency key within a workspace, for all time.
        project: slug; None only when the laptop's privacy settings withhold it.
        provider: `anthropic`, `openai`, `gemini`, `xai`, `groq`, or any later name.
        model: as the provider returned it.
        input_tokens: as the provider counts them (conventions differ; undone in the warehouse).
        output_tokens: as the provider counts them, thinking included or not.
        thinking_tokens: reasoning tokens, as the provider names them.
        cached_tokens: cache reads.
        cache_write_tokens: tokens newly written to the provider's cache.
        cost_millicents: price known to the daemon; None means unknown, never zero.
        cost_usd_minor_units: the same number again, as older servers read it.
        fx_rate: decimal text, USD to GBP, for audit only.
        tokens_complete: False when counts may be partial.
        latency_ms: wall time of the call, milliseconds.
        time_to_first_token_ms: milliseconds; None when nothing came.
        requested_at: when the call was made.
        recorded_at: when the daemon wrote it down; the daemon's cursor.
        status: `success`, `error` (the provider answered 400 or more), `blocked_by_policy`.
        request_kind: `chat`, `embedding`, `tool`, `unknown`.
        attribution_method: the rule that found the project.
        source_workdir: None unless the laptop's privacy preset is `full`.
        source_machine: hostname.
        prompt_hash: SHA-256 in hex; the prompt itself never travels.
        idempotency_key: echoed from the caller; no key of this record.
        error_class: since 0.3: `rate_limit`, `server_error`, `bad_request`, `auth`, `timeout`, `network`, `unknown`.
        provider_error_code: since 0.3: the provider's own word.
        http_status: since 0.3: 200 on success, None when no answer came.
        retryable: since 0.3: whether trying again could help.
        billing_basis: since 0.6.4: None for metered use; `subscription_imputed` or `imported` otherwise.
    """

    id: RecordId
    project: Text255 | None = None
    provider: Annotated[str, Meta(min_length=1, max_length=64)]
    model: Name255
    input_tokens: Tokens
    output_tokens: Tokens
    thinking_tokens: Tokens
    cached_tokens: Tokens
    cache_write_tokens: Tokens
    cost_millicents: Millicents | None = None
    cost_usd_minor_units: Millicents | None = None
    fx_rate: Text32 | None = None
    tokens_complete: bool
    latency_ms: Annotated[float, Meta(ge=0)]
    time_to_first_token_ms: Annotated[int, Meta(ge=0)] | None = None
    requested_at: Instant
    recorded_at: Instant
    status: Annotated[str, Meta(min_length=1, max_length=64)]
    request_kind: Text64 | None = None
    attribution_method: Text32 | None = None
    source_workdir: Path4096 | None = None
    source_machine: Text255 | None = None
    prompt_hash: Annotated[str, Meta(max_length=128)] | None = None
    idempotency_key: Text255 | None = None
    error_class: Text64 | None = None
    provider_error_code: Text255 | None = None
    http_status: Annotated[int, Meta(ge=0, le=999)] | None = None
    retryable: bool | None = None
    billing_basis: Annotated[str, Meta(max_length=24)] | None = None


RECORD_KEYS: Final = tuple(field.name for field in msgspec.structs.fields(Record))
"""The 29 keys, in wire order."""
KEYS_SINCE_0_3: Final = frozenset({"error_class", "provider_error_code", "http_status", "retryable"})
KEYS_SINCE_0_6_4: Final = frozenset({"billing_basis"})
