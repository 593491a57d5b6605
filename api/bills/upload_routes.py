"""HTTP of invoice files: upload, look, take.

Belongs here: the routes. Does not belong here: rules (`uploads`), reading files (`csv_text` and its fellows).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.bills.csv_bills import FileBills
from api.bills.csv_mapping import guess_mapping
from api.bills.csv_text import UPLOAD_BYTES_MAX, read_csv
from api.bills.examples import KEPT
from api.bills.messages import StatementKept
from api.bills.routes import CHANGING, kept
from api.bills.statements import count_restated
from api.bills.upload_messages import (
    PREVIEW,
    TAKE,
    UPLOAD,
    WAITING,
    PreviewAnswer,
    TakeUpload,
    UploadAnswer,
    UploadsAnswer,
    WaitingUpload,
)
from api.bills.uploads import drop_upload, keep_upload, read_upload, take_upload, upload_of, waiting_uploads
from api.db.dependencies import Look, Work
from api.db.session import reading, transaction
from api.errors import Refused
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}/bills/uploads", tags=["bills"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
UploadId = Annotated[str, Path(description="Id of the upload.", examples=[UPLOAD["upload_id"]])]


async def uploaded_file(request: Request) -> bytes:
    """FastAPI dependency: the body, under the cap of a file.

    Raises:
        Refused: 413 it is larger.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > UPLOAD_BYTES_MAX:
            raise Refused(413, "bill_file_too_large", f"The file is larger than {UPLOAD_BYTES_MAX // 1024**2} MiB.")
    return bytes(body)


_POST: Final[dict[str, Any]] = {
    **describe(
        "Upload an invoice file",
        answer=UploadAnswer,
        example=UPLOAD,
        answer_description="What it looks like",
        refusals=(401, 403, 404, 409, 413, 422),
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "maxLength": UPLOAD_BYTES_MAX}}},
        }
    },
}


@router.get(
    "",
    **describe(
        "Invoice files that wait",
        answer=UploadsAnswer,
        example={"uploads": [WAITING]},
        answer_description="Newest first",
        refusals=(401, 403, 404, 409),
    ),
)
def get_uploads(request: Request, caller: Editor, look: Look) -> Response:
    """List the files that were uploaded in the last day, and neither taken nor dropped."""
    found = waiting_uploads(look, caller.workspace_id, request.app.state.clock.now())
    return json_answer(UploadsAnswer(uploads=[WaitingUpload.of(one) for one in found]))


@router.post("", **_POST)
def post_upload(
    request: Request,
    caller: Editor,
    content: Annotated[bytes, Depends(uploaded_file)],
    file_name: Annotated[str, Query(description="What people call it.")] = "",
) -> Response:
    """Take a CSV file as the request's body, and say what it looks like; it is kept for a day, and nothing counted.

    UTF-8, UTF-16 with its mark or Windows-1252; commas, semicolons, tabs or bars; at most 10 MiB and 50,000 rows.
    """
    at = request.app.state.clock.now()
    with _changing(request):
        pass  # before anything is read for whoever may not
    text = read_csv(content)
    with _changing(request) as session:
        upload = keep_upload(session, caller.workspace_id, file_name, content, actor=caller.actor, at=at)
    return json_answer(UploadAnswer.of(upload, text, guess_mapping(text)))


@router.post(
    "/{upload_id}/preview",
    **describe(
        "Look at a file as it would be taken",
        answer=PreviewAnswer,
        example=PREVIEW,
        answer_description="What it says",
        message=TakeUpload,
        message_example=TAKE,
        refusals=CHANGING,
    ),
)
def post_preview(
    request: Request,
    caller: Editor,
    upload_id: UploadId,
    message: Annotated[TakeUpload, Depends(message_body(TakeUpload))],
) -> Response:
    """Read every row under this mapping and write nothing: totals by category, and the rows that cannot be read."""
    read = _read(request, caller, upload_id, message)
    with reading(request.app.state.engine) as session:
        restated = count_restated(session, caller.workspace_id, message.provider, read.periods)
    return json_answer(PreviewAnswer.of(read, restated))


@router.post(
    "/{upload_id}/confirm",
    **describe(
        "Take a file",
        answer=StatementKept,
        example={**KEPT, "new": 30},
        answer_description="What became of its bills",
        message=TakeUpload,
        message_example=TAKE,
        refusals=CHANGING,
    ),
)
def post_confirm(
    request: Request,
    caller: Editor,
    upload_id: UploadId,
    message: Annotated[TakeUpload, Depends(message_body(TakeUpload))],
) -> Response:
    """Write the file's bills down, all or none of them, and forget the file. Days stated before are corrected."""
    at, provider = request.app.state.clock.now(), message.provider
    read = _read(request, caller, upload_id, message)
    with _changing(request) as session:
        stated = take_upload(session, caller.workspace_id, upload_id, provider, read, actor=caller.actor, at=at)
    return json_answer(kept(stated))


@router.delete(
    "/{upload_id}",
    **describe("Drop a file", status=204, answer_description="Forgotten", refusals=(401, 403, 404, 409)),
)
def delete_upload(request: Request, caller: Editor, upload_id: UploadId, work: Work) -> Response:
    """Forget a file that was not taken."""
    drop_upload(work, caller.workspace_id, upload_id, request.app.state.clock.now())
    return Response(status_code=204)


@contextmanager
def _changing(request: Request) -> Generator[Session]:
    """Yield a transaction of the route's caller; files are read between two of them, so that nobody waits meanwhile."""
    with transaction(request.app.state.engine) as session:
        request.state.begin_change(session)
        yield session


def _read(request: Request, caller: Caller, upload_id: str, message: TakeUpload) -> FileBills:
    at = request.app.state.clock.now()
    with _changing(request) as session:
        upload = upload_of(session, caller.workspace_id, upload_id, at)
    return read_upload(upload, message.taking(), at)
