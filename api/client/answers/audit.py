"""Answers of `audit` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class ActorShown(TypedDict):
    """Who did it."""

    type: str
    id: str
    name: str | None


class AuditAnswer(TypedDict):
    """`GET /v1/{workspace}/audit`: newest first."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    entries: list[AuditEntry]
    filter: AuditFilterShown
    limit: int
    next_cursor: str | None
    next_path: str | None
    csv_path: str


class AuditEntry(TypedDict):
    """One entry: a recorded event, or a captured request."""

    id: str
    at: str
    family: str | None
    event: str
    actor: ActorShown
    resource: ResourceShown
    details: dict[str, Any]
    position: int | None
    hash: str | None
    path: str | None


class AuditFilterShown(TypedDict):
    """The filter as it was understood; null means all."""

    family: str | None
    event: str | None
    actor: str | None
    search: str | None
    from_day: str | None
    to_day: str | None


class DigestsAnswer(TypedDict):
    """`GET /v1/{workspace}/audit/digests`: newest first. Save it where this server's operator cannot write."""

    workspace: str
    public_key: str
    signed_text: str
    digests: list[SignedDigest]


class ResourceShown(TypedDict):
    """What it was done to."""

    type: str
    id: str
    name: str | None


class SignedDigest(TypedDict):
    """The heads of a workspace's two chains at an instant, signed. Kept elsewhere, it shows a rewritten chain."""

    workspace_id: str
    utc_day: str
    position: int
    head: str
    batch_position: int
    batch_head: str
    signed_at: str
    public_key: str
    signature: str
