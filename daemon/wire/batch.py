"""Uploading calls: the batch envelope, its receipt, and a batch's final account.

Belongs here: messages of `POST /v1/requests/batch`, `POST /v1/requests/{id}/body` and `GET /v1/daemon/receipts`. Does
not belong here: the record itself (`record`) and how a server stores it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from daemon.wire.record import Record

Count = Annotated[int, Meta(ge=0)]


class Batch(msgspec.Struct, kw_only=True):
    """`POST /v1/requests/batch`: some records, ordered by (recorded_at, id).

    Attributes:
        batch_id: new on every attempt; names the attempt, never the rows.
        records: the calls; a bad one is set aside by the server and does not fail the others.
    """

    batch_id: str
    records: list[Record]


class Quarantined(msgspec.Struct, kw_only=True, frozen=True):
    """A record the server set aside.

    Attributes:
        index: position in `records`, from 0.
        id: the record's id where it has a readable one.
        code: stable reason, lower_snake_case.
        detail: one plain sentence.
    """

    index: Count
    id: str | None
    code: str
    detail: str


class Withheld(msgspec.Struct, kw_only=True, frozen=True):
    """Rows that landed but stay out of the dashboards for now.

    Attributes:
        project: slug they are attributed to.
        reason: `project_archived` or `plan_project_ceiling`.
        rows: how many.
    """

    project: str
    reason: str
    rows: Count


class Receipt(msgspec.Struct, kw_only=True, frozen=True):
    """Answer to a batch: sent only once everything in it is durable.

    received = accepted + duplicates + len(quarantined). `duplicates` counts what is known at once (repeats within
    the batch, a body sent before); the next build settles the rest, see `BatchAccount`.
    """

    batch_id: str
    received: Count
    accepted: Count
    duplicates: Count
    withheld: list[Withheld]
    quarantined: list[Quarantined]


class BatchAccount(msgspec.Struct, kw_only=True, frozen=True):
    """Final account of one batch: received = landed + duplicate + quarantined.

    Attributes:
        state: `pending` until a build has taken the batch in, then `final`.
        build_id: the build that settled it.
        records_sha256: SHA-256 of the upload's JSON without its batch_id; None from servers that do not say.
    """

    batch_id: str
    received_at: str
    state: Literal["pending", "final"]
    received: Count
    landed: Count
    duplicate: Count
    quarantined: Count
    build_id: str | None = None
    records_sha256: str | None = None


class Receipts(msgspec.Struct, kw_only=True, frozen=True):
    """`GET /v1/daemon/receipts`: accounts of this device's batches, newest first."""

    receipts: list[BatchAccount]


class Body(msgspec.Struct, kw_only=True):
    """`POST /v1/requests/{id}/body`: one leg of a captured call, base64 of UTF-8 text."""

    request_id: str
    direction: Literal["request", "response"]
    content_type: str
    body_b64: str
    redaction_applied: bool = False
    redaction_summary: list[str] = []
    original_size_bytes: Count = 0


class BodyStored(msgspec.Struct, kw_only=True, frozen=True):
    """Answer to a body: whether it was kept, and why not."""

    stored: bool
    reason: str | None = None


class DaemonTotalsRow(msgspec.Struct, kw_only=True, frozen=True):
    """One project on one UTC day of `recorded_at`, as the server holds it for the asking device.

    Attributes:
        date: `YYYY-MM-DD`.
        prompt_tokens: sum of `input_tokens`.
        completion_tokens: sum of `output_tokens`.
        cost_usd_minor_units: sum of known costs, millicents.
    """

    project: str | None
    date: str
    request_count: Count
    prompt_tokens: Count
    completion_tokens: Count
    cost_usd_minor_units: Count


class DaemonTotals(msgspec.Struct, kw_only=True, frozen=True):
    """`GET /v1/reconciliation/daemon-totals`."""

    rows: list[DaemonTotalsRow]
