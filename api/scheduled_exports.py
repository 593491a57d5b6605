"""What one may know of a workspace's daily export: `GET /v1/{workspace}/scheduled-export`.

Belongs here: the route and its shapes. Does not belong here: exporting and its settings (`pipelines.exports`), saying
where to (the operator's: `halton-cloud export configure`), the ZIP of everything (`workspaces.ending_routes`).

Read from the home alone: a bucket that does not answer keeps nobody waiting.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer
from api.openapi import describe
from pipelines.exports.settings import ExportRun, ScheduledExport, read_settings, read_state
from pipelines.lake.paths import Home

router = APIRouter(tags=["workspaces"])

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Instant = Annotated[str, Meta(description="ISO-8601, UTC.")]


class _Shape(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Closed and unchanging."""


class ExportRunShown(_Shape, frozen=True):
    """One run, and what the manifest says that it left at the place."""

    began_at: Instant
    ended_at: Instant
    error: Annotated[str | None, Meta(description="Why it failed; then the export before stays whole.")]
    export_id: Annotated[str | None, Meta(description="The export that lay there afterwards; null when it failed.")]
    manifest: Annotated[str | None, Meta(description="Path of its manifest, below the place.")]
    manifest_sha256: str | None
    is_new: Annotated[bool, Meta(description="False when the same build lay there already.")]
    files: int
    files_written: int
    bytes_written: int
    rows: Annotated[dict[str, int], Meta(description="Rows of the export, by table.")]


class ScheduleShown(_Shape, frozen=True):
    """Where the export goes, without any key."""

    url: Annotated[str, Meta(description="A folder, or s3://bucket/prefix or gs://bucket/prefix.")]
    endpoint: str | None
    region: str | None
    kept: Annotated[int, Meta(description="Exports that stay readable.")]
    keys: Annotated[Literal["environment", "sealed"], Meta(description="Where the place's keys are, never the keys.")]
    configured_at: str
    configured_by: str


class ScheduledExportAnswer(_Shape, frozen=True):
    """`GET /v1/{workspace}/scheduled-export`."""

    schedule: Annotated[ScheduleShown | None, Meta(description="Null when nothing is exported daily.")]
    last_attempt_at: Instant | None
    last_success_at: Instant | None
    runs: Annotated[list[ExportRunShown], Meta(description="The newest 30, newest first.")]


_EXAMPLE: Final[dict[str, Any]] = {
    "schedule": {
        "url": "s3://acme-finops/halton",
        "endpoint": None,
        "region": "eu-west-2",
        "kept": 7,
        "keys": "sealed",
        "configured_at": "2026-03-01T09:00:00Z",
        "configured_by": "operator",
    },
    "last_attempt_at": "2026-03-09T06:00:12Z",
    "last_success_at": "2026-03-09T06:00:31Z",
    "runs": [
        {
            "began_at": "2026-03-09T06:00:12Z",
            "ended_at": "2026-03-09T06:00:31Z",
            "error": None,
            "export_id": "b20260309T061500-1f2e3d4c.a20260309T061502-00000002",
            "manifest": "manifests/b20260309T061500-1f2e3d4c.a20260309T061502-00000002.json",
            "manifest_sha256": "9f86d081884c7d65" * 4,
            "is_new": True,
            "files": 18,
            "files_written": 4,
            "bytes_written": 1_204_224,
            "rows": {"requests": 50_000, "mart_spend_daily": 1_204},
        }
    ],
}


@router.get(
    "/v1/{workspace}/scheduled-export",
    **describe(
        "The daily export",
        answer=ScheduledExportAnswer,
        example=_EXAMPLE,
        answer_description="Where it goes, and how it went",
        refusals=(401, 403, 404),
    ),
)
def get_scheduled_export(request: Request, caller: Viewer) -> Response:
    """Show where requests and marts are exported to every day, and what the last runs left there."""
    home: Home = request.app.state.home
    settings, state = read_settings(home, caller.workspace_id), read_state(home, caller.workspace_id)
    return json_answer(
        ScheduledExportAnswer(
            schedule=None if settings is None else _schedule(settings),
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            runs=[_run(one) for one in state.runs],
        )
    )


def _schedule(settings: ScheduledExport) -> ScheduleShown:
    return ScheduleShown(
        url=settings.url,
        endpoint=settings.endpoint,
        region=settings.region,
        kept=settings.kept,
        keys="environment" if settings.sealed_credential is None else "sealed",
        configured_at=settings.configured_at,
        configured_by=settings.configured_by,
    )


def _run(run: ExportRun) -> ExportRunShown:
    return ExportRunShown(**msgspec.structs.asdict(run))
