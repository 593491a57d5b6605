"""One call as the local store keeps it.

Belongs here: the facts of a call, their types and units. Does not belong here: tables (`daemon.store`), what of them
leaves the machine (`record`, `daemon.cloud.privacy`). Neither credentials nor text of prompts or answers are in it.
"""

from __future__ import annotations

import msgspec

from daemon.calls.tokens import Tokens

NO_TOKENS = Tokens()


class Call(msgspec.Struct, kw_only=True, frozen=True):
    """One attempt to call a provider, successful or not.

    Attributes:
        id: UUID; random for what was captured, derived from the source for what was imported, so that importing again
            gives the same.
        requested_at_us: when the request began, UTC microseconds.
        recorded_at_us: when this machine wrote the call down, UTC microseconds; the order of the outbox.
        provider: wire name: `anthropic`, `openai`, `gemini`, `xai`, or the source's own word.
        model: as the provider returned it, else as it was asked for; `unknown` when neither is known.
        surface: provider's interface, as `messages`, `chat.completions`, `responses`, `embeddings`, `generateContent`.
        request_kind: `chat`, `embedding`, `tool` or `unknown`.
        source: how it became known: `proxy`, `gateway`, `otel`, or `import:<importer>`.
        streamed: whether the answer came as a stream.
        tokens: disjoint kinds.
        usage_source: `provider` (it said so), `estimated` or `absent`.
        tokens_complete: False when the counts may be partial.
        service_tier: tier that served the call, which decides the price; None when the provider named none.
        stop_reason: the provider's word for why the answer ended.
        status: `success` or `error`.
        http_status: None when no answer came.
        error_class: `rate_limit`, `server_error`, `bad_request`, `auth`, `timeout`, `network`, `aborted` (the caller
            went away) or `unknown`; None on success.
        provider_error_code: the provider's own word.
        retryable: whether trying again could help; None on success.
        latency_ms: wall time until the last byte.
        time_to_first_token_ms: wall time until the first content; None when none came.
        provider_request_id: the provider's name of the call.
        prompt_hash: SHA-256 in hex of the canonical JSON of the request.
        idempotency_key: echoed from the caller.
        billing_basis: None for metered use, `subscription_imputed` or `imported` otherwise: different monies.
        cost_millicents: price at the time of the call, 1 USD = 100,000; None when unknown, never zero for it.
        price_source: which table priced it; None when nothing did.
        project: slug.
        attribution_method: rule that found the project.
        source_workdir: directory the calling process worked in.
        source_machine: hostname.
    """

    id: str
    requested_at_us: int
    recorded_at_us: int
    provider: str
    model: str
    surface: str
    request_kind: str = "unknown"
    source: str
    streamed: bool = False
    tokens: Tokens = NO_TOKENS
    usage_source: str = "absent"
    tokens_complete: bool = True
    service_tier: str | None = None
    stop_reason: str | None = None
    status: str = "success"
    http_status: int | None = None
    error_class: str | None = None
    provider_error_code: str | None = None
    retryable: bool | None = None
    latency_ms: float = 0.0
    time_to_first_token_ms: int | None = None
    provider_request_id: str | None = None
    prompt_hash: str | None = None
    idempotency_key: str | None = None
    billing_basis: str | None = None
    cost_millicents: int | None = None
    price_source: str | None = None
    project: str = "personal"
    attribution_method: str = "smart_default"
    source_workdir: str | None = None
    source_machine: str | None = None
