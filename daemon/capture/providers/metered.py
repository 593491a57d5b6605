"""What metering one attempt to call a model gives.

Belongs here: how an exchange can end, and the facts known of it then. Does not belong here: how they are read
(`meter`), and what only the rest of the daemon knows: id, project, price, machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from daemon.calls.tokens import Tokens


class Outcome(Enum):
    """How an exchange ended, as whoever carried the bytes saw it.

    Attributes:
        COMPLETE: the answer came to its end, whatever its status.
        CLIENT_ABORTED: the caller went away first.
        UPSTREAM_FAILED: no connection, or it broke before the answer's end.
        TIMEOUT: the provider kept silent for too long.
    """

    COMPLETE = "complete"
    CLIENT_ABORTED = "client_aborted"
    UPSTREAM_FAILED = "upstream_failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredCall:
    """One attempt, metered: the attributes of `daemon.calls.call.Call` by the same names, in the same units.

    Attributes:
        answer_id: the provider's name of the answer in its body, by which other sources know the call
            (`gen_ai.response.id` of a span, a message's id in a log); `provider_request_id` prefers the header's.
        billing_basis: None for what is paid by the token, `subscription_imputed` for what a plan covers.
    """

    requested_at_us: int
    provider: str
    model: str
    surface: str
    request_kind: str
    streamed: bool
    tokens: Tokens
    usage_source: str
    tokens_complete: bool
    service_tier: str | None
    stop_reason: str | None
    status: str
    http_status: int | None
    error_class: str | None
    provider_error_code: str | None
    retryable: bool | None
    latency_ms: float
    time_to_first_token_ms: int | None
    provider_request_id: str | None
    answer_id: str | None
    prompt_hash: str | None
    idempotency_key: str | None
    billing_basis: str | None = None
