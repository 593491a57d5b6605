"""Pages of a workspace's end: what happens when, deleting it, undoing that, exporting everything.

Belongs here: `/{workspace}/settings/deletion…`, on the services the JSON routes use. Does not belong here: rules
(`api.workspaces.deletion`, `api.workspaces.exports`).
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.db.dependencies import Look, Work
from api.errors import Refused
from api.members.acting import Acting
from api.members.letters import Letters
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.workspaces.deletion import GRACE, deletion_of, request_deletion, undo_deletion
from api.workspaces.ending_routes import export_answer
from api.workspaces.exports import KEPT, UNFINISHED, list_exports, open_export, request_export
from pipelines.lake.clock import to_micros

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Deleter = Annotated[Caller, Depends(caller_with(Permission.DELETE_WORKSPACE))]
Exporter = Annotated[Caller, Depends(caller_with(Permission.EXPORT_WORKSPACE))]

DONE: Final = {
    "requested": "The deletion was asked for. Every Owner gets an e-mail.",
    "undone": "The deletion was undone. The workspace works as before.",
    "exporting": "The export is being made; this page shows when it is ready.",
}


@router.get("/{workspace}/settings/deletion")
def deletion_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show what happens when, and the exports."""
    return _shown(request, caller, look, done=DONE.get(done, ""))


@router.post("/{workspace}/settings/deletion")
def ask_for_deletion(request: Request, caller: Deleter, form: PostedForm, work: Work) -> Response:
    """Delete the workspace whose slug was typed."""
    form.only("confirm")
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        request_deletion(work, caller.workspace_id, form.text("confirm"), by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _shown(request, caller, work, refused=refused, typed=form.text("confirm"))
    return see_other(f"/{caller.slug}/settings/deletion?done=requested")


@router.post("/{workspace}/settings/deletion/undo")
def undo(request: Request, caller: Deleter, form: PostedForm, work: Work) -> Response:
    """Take the deletion back."""
    form.only()
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        undo_deletion(work, caller.workspace_id, by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _shown(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/settings/deletion?done=undone")


@router.post("/{workspace}/settings/deletion/export")
def export_everything(request: Request, caller: Exporter, form: PostedForm, work: Work) -> Response:
    """Ask for a ZIP of everything."""
    form.only()
    try:
        request_export(work, caller.workspace_id, by=Acting.of(caller), at=request.app.state.clock.now())
    except Refused as refused:
        work.rollback()
        return _shown(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/settings/deletion?done=exporting")


@router.get("/{workspace}/settings/deletion/exports/{export_id}")
def download(request: Request, caller: Exporter, export_id: str, work: Work) -> Response:
    """Send a finished export."""
    at, home = request.app.state.clock.now(), request.app.state.home
    export, path = open_export(work, home, caller.workspace_id, export_id, by=Acting.of(caller), at=at)
    return export_answer(export, path, caller.slug)


def _shown(
    request: Request,
    caller: Caller,
    session: Session,
    *,
    done: str = "",
    refused: Refused | None = None,
    typed: str = "",
) -> Response:
    now = request.app.state.clock.now()
    may_export = caller.may(Permission.EXPORT_WORKSPACE)
    deletion = deletion_of(session, caller.workspace_id)
    return page(
        request,
        "settings/deletion.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        typed=typed,
        deletion=deletion,
        undoable=deletion is not None and not deletion.begun and to_micros(now) < deletion.purge_at_us,
        grace_days=GRACE.days,
        would_purge_at_us=to_micros(now + GRACE),
        kept_days=KEPT.days,
        exports=list_exports(session, caller.workspace_id) if may_export else (),
        unfinished=UNFINISHED,
    )
