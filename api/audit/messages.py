"""Shapes of the audit log's answers.

Belongs here: entries, pages, signed digests. Does not belong here: finding them (`listing`, `digests`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import Meta

from api.dashboards.models.answer import BuildStamp, Count, Instant, Shape

Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ActorShown(Shape, kw_only=True, frozen=True):
    """Who did it."""

    type: Annotated[str, Meta(description="user, device, api_key, operator or system.")]
    id: Annotated[str, Meta(description="E-mail address, device id, key id, or a fixed name.")]
    name: Annotated[str | None, Meta(description="What people call the device or key now.")]


class ResourceShown(Shape, kw_only=True, frozen=True):
    """What it was done to."""

    type: str
    id: str
    name: Annotated[str | None, Meta(description="What people call the device or key now.")]


class AuditEntry(Shape, kw_only=True, frozen=True):
    """One entry: a recorded event, or a captured request."""

    id: Annotated[str, Meta(description="Of the event, or of the request.")]
    at: Instant
    family: Annotated[str | None, Meta(description="requests, membership, devices, config or billing.")]
    event: Annotated[str, Meta(description="noun.past_tense", examples=["member.role_changed"])]
    actor: ActorShown
    resource: ResourceShown
    details: dict[str, Any]
    position: Annotated[int | None, Meta(description="In the workspace's chain; null for captured requests.")]
    hash: Annotated[str | None, Meta(description="Link of the chain, hex; null for captured requests.")]
    path: Annotated[str | None, Meta(description="Trace of a captured request; put /v1 before it for JSON.")]


class AuditFilterShown(Shape, kw_only=True, frozen=True):
    """The filter as it was understood; null means all."""

    family: str | None
    event: str | None
    actor: str | None
    search: str | None
    from_day: date | None
    to_day: date | None


class AuditAnswer(BuildStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/audit`: newest first."""

    entries: list[AuditEntry]
    filter: AuditFilterShown
    limit: Annotated[int, Meta(ge=1, le=500)]
    next_cursor: Annotated[str | None, Meta(description="Gives the next page as `cursor`; null on the last.")]
    next_path: Annotated[str | None, Meta(description="The next page; put /v1 before it for JSON.")]
    csv_path: Annotated[str, Meta(description="All matching entries as CSV, under /v1.")]


class SignedDigest(Shape, kw_only=True, frozen=True):
    """The heads of a workspace's two chains at an instant, signed. Kept elsewhere, it shows a rewritten chain."""

    workspace_id: str
    utc_day: date
    position: Annotated[Count, Meta(description="How many audit events there were.")]
    head: Annotated[Hex, Meta(description="Hash of the newest of them.")]
    batch_position: Annotated[Count, Meta(description="How many batches of requests had landed.")]
    batch_head: Annotated[Hex, Meta(description="Hash of the newest of them.")]
    signed_at: Instant
    public_key: Annotated[Hex, Meta(description="Ed25519 key that signed it, hex.")]
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$", description="Ed25519, hex.")]


class DigestsAnswer(Shape, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/audit/digests`: newest first. Save it where this server's operator cannot write."""

    workspace: str
    public_key: Annotated[Hex, Meta(description="This server's Ed25519 key, hex.")]
    signed_text: Annotated[str, Meta(description="What a signature covers, with the digest's own values put in.")]
    digests: list[SignedDigest]
