"""From a call of the local store to the record that leaves of it.

Belongs here: the wire's names, conventions and limits. Does not belong here: withholding (`daemon.cloud.privacy`),
which is applied to the result.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.calls.call import Call
from daemon.calls.tokens import as_reported
from daemon.clock import iso_of_micros

EXTRA_KEYS: Final = (
    "service_tier",
    "cache_write_1h_tokens",
    "provider_request_id",
    "stop_reason",
    "usage_source",
    "surface",
)
"""Keys beyond the protocol's 29, in wire order; servers keep what they do not know as JSON beside the row."""


def as_record(call: Call) -> dict[str, Any]:
    """Return all that could leave of `call`, before any privacy rule: 29 keys, and extra ones with a value."""
    counts = as_reported(call.provider, call.tokens)
    record: dict[str, Any] = {
        "id": call.id,
        "project": _text(call.project, 255),
        "provider": _text(call.provider, 64) or "unknown",
        "model": _text(call.model, 255) or "unknown",
        "input_tokens": counts.input_tokens,
        "output_tokens": counts.output_tokens,
        "thinking_tokens": counts.thinking_tokens,
        "cached_tokens": counts.cached_tokens,
        "cache_write_tokens": counts.cache_write_tokens,
        "cost_millicents": call.cost_millicents,
        "cost_usd_minor_units": call.cost_millicents,
        "fx_rate": None,
        "tokens_complete": call.tokens_complete,
        "latency_ms": call.latency_ms,
        "time_to_first_token_ms": call.time_to_first_token_ms,
        "requested_at": iso_of_micros(call.requested_at_us),
        "recorded_at": iso_of_micros(call.recorded_at_us),
        "status": _text(call.status, 64) or "unknown",
        "request_kind": _text(call.request_kind, 64),
        "attribution_method": _text(call.attribution_method, 32),
        "source_workdir": _text(call.source_workdir, 4096),
        "source_machine": _text(call.source_machine, 255),
        "prompt_hash": _text(call.prompt_hash, 128),
        "idempotency_key": _text(call.idempotency_key, 255),
        "error_class": _text(call.error_class, 64),
        "provider_error_code": _text(call.provider_error_code, 255),
        "http_status": call.http_status,
        "retryable": call.retryable,
        "billing_basis": _text(call.billing_basis, 24),
    }
    extras = {
        "service_tier": _text(call.service_tier, 64),
        "cache_write_1h_tokens": call.tokens.cache_write_1h or None,
        "provider_request_id": _text(call.provider_request_id, 255),
        "stop_reason": _text(call.stop_reason, 64),
        "usage_source": call.usage_source,
        "surface": _text(call.surface, 64),
    }
    return record | {key: value for key, value in extras.items() if value is not None}


def _text(text: str | None, longest: int) -> str | None:
    """Return what JSON and the server can hold of `text`: one row must never stop the others of its batch."""
    if text is None:
        return None
    return text[:longest].replace("\0", "").encode("utf-8", "replace").decode()
