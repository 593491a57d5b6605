"""Shapes of one request's trace.

Belongs here: every column of a request and where each number comes from. Does not belong here: lists (`requests`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api.dashboards.models.answer import BuildStamp, Count, Instant, PreciseUsd, Shape, TokenKinds
from api.dashboards.models.requests import RequestShown


class TracedRequest(RequestShown, kw_only=True, frozen=True):
    """The request with every column that landed."""

    project_as_logged: Annotated[
        str, Meta(description="What the laptop logged; `project` is another one when the request was moved.")
    ]
    recorded_at: Instant
    fx_rate: str | None
    source_workdir: str | None
    source_machine: str | None
    provider_error_code: str | None
    retryable: bool | None
    billing_basis: Annotated[str | None, Meta(description="As it came; null is metered.")]
    extra_json: Annotated[str | None, Meta(description="Keys this release does not know, as JSON text.")]
    tokens: TokenKinds
    token_kinds_inconsistent: Annotated[
        bool, Meta(description="True when the reported counts contradict the provider's convention.")
    ]


class WithheldShown(Shape, kw_only=True, frozen=True):
    """Why a request stays out of the dashboards."""

    reason: Annotated[str, Meta(description="project_archived or plan_project_ceiling.")]


class RateShown(Shape, kw_only=True, frozen=True):
    """The rate a request was priced by."""

    rate_id: str
    provider: str
    model_ref: str
    service_tier: str
    context_over_tokens: Count
    valid_from: Instant
    valid_to: Instant
    known_from: Instant
    source: str
    negotiated: Annotated[bool, Meta(description="True for the workspace's own rate.")]


class FormulaTerm(Shape, kw_only=True, frozen=True):
    """tokens x picousd_per_token = picousd, all integers; 1 USD = 10^12 picodollars."""

    token_kind: str
    tokens: Count
    picousd_per_token: int | None
    picousd: int | None


class PriceShown(Shape, kw_only=True, frozen=True):
    """Both prices of the request and how ours comes about."""

    cost_logged_millicents: Annotated[int | None, Meta(description="The laptop's own figure, verbatim; null unknown.")]
    cost_priced_picousd: int | None
    cost_priced_usd: PreciseUsd | None
    rate_id: str | None
    rate_book_version: str | None
    rate: Annotated[RateShown | None, Meta(description="Null without a price, or when the book no longer lists it.")]
    formula: list[FormulaTerm]
    formula_text: Annotated[str | None, Meta(examples=["1200 x 3000000 + 300 x 15000000 = 8100000000 picousd"])]


class BatchShown(Shape, kw_only=True, frozen=True):
    """The upload that brought the request: received = landed + duplicate + quarantined."""

    batch_id: Annotated[str, Meta(description="As the daemon named the attempt.")]
    batch_key: str
    position: Annotated[Count, Meta(description="Place in the batch's records, from 0.")]
    received_at: Instant
    received: Count
    landed: Count
    duplicate: Count
    quarantined: Count


class FileShown(Shape, kw_only=True, frozen=True):
    """The landed Parquet file that brought the request, and where its rows lie now."""

    file_seq: Count
    path: Annotated[str, Meta(description="Where it landed, below the landing folder.")]
    sha256: Annotated[str, Meta(description="Digest of its bytes as they were acknowledged.")]
    row_number: Annotated[Count, Meta(description="Row in the file, from 0.")]
    row_count: Count
    committed_at: Instant
    stored_path: Annotated[str, Meta(description="Where its rows lie now: the same, or a compacted file.")]
    stored_sha256: Annotated[str, Meta(description="Digest of the file at stored_path.")]
    compacted_at: Annotated[Instant | None, Meta(description="When its rows were moved; null while they lie at path.")]
    row_found: Annotated[bool, Meta(description="True when that row, read back for this answer, is this request.")]


class TraceDevice(Shape, kw_only=True, frozen=True):
    """The device that sent the request first."""

    device_id: str
    name: str
    hostname: str
    platform: str
    daemon_version: str
    paired_at: Instant
    revoked_at: Instant | None


class Sighting(Shape, kw_only=True, frozen=True):
    """Another device that sent the same request later; it counts once."""

    device_id: str
    name: str | None


class Conflict(Shape, kw_only=True, frozen=True):
    """A later copy of the same id with other content; the first copy stands."""

    batch_key: str
    position: Count
    device_id: str
    differing_fields: list[str]


class TraceAnswer(BuildStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/traces/{id}`."""

    request: TracedRequest
    withheld: WithheldShown | None
    price: PriceShown
    batch: BatchShown | None
    file: FileShown | None
    device: TraceDevice | None
    also_seen_from: list[Sighting]
    conflicts: list[Conflict]
