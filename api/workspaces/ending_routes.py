"""HTTP of a workspace's end: deletion, its undoing, and exports of everything.

Belongs here: `/v1/{workspace}/deletion` and `/exports…`, thin over the services. Does not belong here: rules
(`deletion`, `exports`), pages (`api.pages.deletion`).
"""

from __future__ import annotations

import base64
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.responses import FileResponse

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.db.dependencies import Look, Work
from api.db.models import WorkspaceExport
from api.members.acting import Acting
from api.members.letters import Letters
from api.openapi import describe
from api.workspaces.deletion import deletion_of, request_deletion, undo_deletion
from api.workspaces.exports import find_export, list_exports, open_export, request_export
from api.workspaces.messages import DELETION, EXPORT, DeletionAnswer, DeletionRequest, ExportsAnswer, ExportShown

router = APIRouter(prefix="/v1/{workspace}", tags=["workspaces"])

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Deleter = Annotated[Caller, Depends(caller_with(Permission.DELETE_WORKSPACE))]
Exporter = Annotated[Caller, Depends(caller_with(Permission.EXPORT_WORKSPACE))]
ExportId = Annotated[str, Path(description="Id of the export.", examples=[EXPORT["export_id"]])]


@router.get(
    "/deletion",
    **describe(
        "Deletion",
        answer=DeletionAnswer,
        example=DELETION,
        answer_description="When it was asked for, and when it is final",
        refusals=(401, 403, 404),
    ),
)
def get_deletion(caller: Viewer, look: Look) -> Response:
    """Show whether the workspace is being deleted, and until when that can be undone."""
    return json_answer(DeletionAnswer.of(deletion_of(look, caller.workspace_id)))


@router.post(
    "/deletion",
    **describe(
        "Delete the workspace",
        answer=DeletionAnswer,
        example=DELETION,
        answer_description="What happens when",
        message=DeletionRequest,
        message_example={"confirm": "acme-co"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def post_deletion(
    request: Request,
    caller: Deleter,
    message: Annotated[DeletionRequest, Depends(message_body(DeletionRequest))],
    work: Work,
) -> Response:
    """Make the workspace read-only now, and remove every byte of it in thirty days."""
    deletion = request_deletion(
        work,
        caller.workspace_id,
        message.confirm,
        by=Acting.of(caller),
        letters=Letters.of(request),
        at=request.app.state.clock.now(),
    )
    return json_answer(DeletionAnswer.of(deletion))


@router.delete(
    "/deletion",
    **describe(
        "Undo the deletion",
        answer=DeletionAnswer,
        example={"requested_at": None, "purge_at": None, "final": False},
        answer_description="No deletion any more",
        refusals=(401, 403, 404, 409),
    ),
)
def delete_deletion(request: Request, caller: Deleter, work: Work) -> Response:
    """Take the deletion back, within its thirty days."""
    at = request.app.state.clock.now()
    undo_deletion(work, caller.workspace_id, by=Acting.of(caller), letters=Letters.of(request), at=at)
    return json_answer(DeletionAnswer.of(None))


@router.get(
    "/exports",
    **describe(
        "Exports of everything",
        answer=ExportsAnswer,
        example={"exports": [EXPORT]},
        answer_description="The latest, newest first",
        refusals=(401, 403, 404),
    ),
)
def get_exports(caller: Exporter, look: Look) -> Response:
    """List exports with their progress and digests."""
    return json_answer(ExportsAnswer([_shown(one, caller) for one in list_exports(look, caller.workspace_id)]))


@router.post(
    "/exports",
    **describe(
        "Export everything",
        answer=ExportShown,
        example={**EXPORT, "state": "queued", "done_steps": 0, "total_steps": 0, "path": None},
        status=202,
        answer_description="It will be made in the background",
        refusals=(401, 403, 404, 409),
    ),
)
def post_export(request: Request, caller: Exporter, work: Work) -> Response:
    """Ask for one ZIP of everything: requests as Parquet and CSV, the audit log, settings, reports."""
    export = request_export(work, caller.workspace_id, by=Acting.of(caller), at=request.app.state.clock.now())
    return json_answer(_shown(export, caller), status=202)


@router.get(
    "/exports/{export_id}",
    **describe(
        "An export",
        answer=ExportShown,
        example=EXPORT,
        answer_description="How far it is",
        refusals=(401, 403, 404),
    ),
)
def get_export(caller: Exporter, export_id: ExportId, look: Look) -> Response:
    """Show one export."""
    return json_answer(_shown(find_export(look, caller.workspace_id, export_id), caller))


@router.get(
    "/exports/{export_id}/file",
    **describe(
        "Download an export",
        refusals=(401, 403, 404, 409, 410),
        extra_answers={
            200: {
                "description": "The ZIP; `Repr-Digest` is its SHA-256",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            },
        },
    ),
    response_class=FileResponse,  # has no JSON of its own to put into the document
)
def get_export_file(request: Request, caller: Exporter, export_id: ExportId, work: Work) -> Response:
    """Send the ZIP. Every download is an event of the audit log."""
    at, home = request.app.state.clock.now(), request.app.state.home
    export, path = open_export(work, home, caller.workspace_id, export_id, by=Acting.of(caller), at=at)
    return export_answer(export, path, caller.slug)


def export_answer(export: WorkspaceExport, path: FilePath, slug: str) -> Response:
    """Return the answer that streams an export's file, with its digest."""
    digest = base64.b64encode(bytes.fromhex(export.sha256 or "")).decode()
    headers = {"Repr-Digest": f"sha-256=:{digest}:", "Cache-Control": "private, no-store"}
    return FileResponse(path, media_type="application/zip", filename=f"export-{slug}.zip", headers=headers)


def _shown(export: WorkspaceExport, caller: Caller) -> ExportShown:
    return ExportShown.of(export, caller.slug)
