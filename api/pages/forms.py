"""Reading forms: size, token and fields.

Belongs here: turning a posted form into plain fields, after making sure that it is one of ours. Does not belong here:
what a field means (the services say), JSON messages (`api.answers`).

    @router.post("/{workspace}/members/invite")
    def invite(caller: Inviter, form: PostedForm, work: Work) -> Response:  # Inviter: Annotated[Caller, Depends(…)]
        form.only("email", "role")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE, browser_secret, find_session, form_token
from api.access.same_site import FORM_FIELD, form_out_of_date, require_form_token, require_same_origin
from api.errors import Refused, invalid

FORM_BYTES_MAX: Final = 64 * 1024
UPLOAD_BYTES_MAX: Final = 2 * 1024 * 1024
LARGE_UPLOAD_BYTES_MAX: Final = 32 * 1024 * 1024
_FIELDS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Form:
    """A form that came from one of our own pages.

    Attributes:
        fields: text by name, in the order sent; the form's token is not among them.
        files: bytes by name; what was not chosen is absent.
        file_names: what those files are called on the reader's machine, by name.
    """

    fields: Mapping[str, tuple[str, ...]]
    files: Mapping[str, bytes]
    file_names: Mapping[str, str] = field(default_factory=dict[str, str])

    def text(self, name: str) -> str:
        """Return a field without the blanks around it; empty when it was not sent."""
        return self.fields.get(name, ("",))[-1].strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a field."""
        return self.fields.get(name, ())

    def sent(self, name: str) -> bool:
        """Tell whether a field was sent, empty or not."""
        return name in self.fields

    def ticked(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        return self.text(name) != ""

    def only(self, *names: str) -> None:
        """Refuse a form with fields it does not have: nobody slips a role or a plan into it.

        Raises:
            Refused: 422 `unknown_field`.
        """
        if not {*self.fields, *self.files} <= set(names):
            raise invalid("The form has a field it should not have.", code="unknown_field")


async def posted_form(request: Request) -> Form:
    """FastAPI dependency: the posted form, if it is one of ours.

    Raises:
        Refused: 403 `cross_site` or `form_token`; 413 too large; 422 no form.
    """
    return await _form(request, UPLOAD_BYTES_MAX)


async def large_form(request: Request) -> Form:
    """FastAPI dependency: the posted form with a file of up to 32 MiB.

    Raises:
        Refused: as `posted_form`.
    """
    return await _form(request, LARGE_UPLOAD_BYTES_MAX)


async def _form(request: Request, upload_bytes_max: int) -> Form:
    require_same_origin(request)
    await _read_body(request, upload_bytes_max)
    try:
        parsed = await request.form(max_files=1, max_fields=_FIELDS_MAX, max_part_size=FORM_BYTES_MAX)
    except (MultiPartException, UnicodeDecodeError):
        raise invalid("The body is not a form.") from None
    fields: dict[str, tuple[str, ...]] = {}
    files: dict[str, bytes] = {}
    file_names: dict[str, str] = {}
    try:
        for name, value in parsed.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                if content:
                    files[name], file_names[name] = content, value.filename or ""
            else:
                fields[name] = (*fields.get(name, ()), value)
    finally:
        await request.close()  # closes the temporary files of an upload
    expected = await run_in_threadpool(_expected_token, request)
    require_form_token(fields.pop(FORM_FIELD, ("",))[-1], expected)
    return Form(fields, files, file_names)


def _expected_token(request: Request) -> str:
    """Return what the forms of this browser carry: as `shell.page` wrote it, by its session, else by the browser."""
    state = request.app.state
    person = find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)
    if person is not None:
        return person.form_token
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE))
    if browser is None:
        raise form_out_of_date()
    return form_token(browser)


async def _read_body(request: Request, upload_bytes_max: int) -> None:
    """Read the body under its cap, where `request.form()` will find it."""
    multipart = request.headers.get("content-type", "").startswith("multipart/form-data")
    most = upload_bytes_max if multipart else FORM_BYTES_MAX
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, "body_too_large", f"The form is larger than {most // 1024} KiB.")
    request._body = bytes(body)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Starlette's own place for it


PostedForm = Annotated[Form, Depends(posted_form)]
LargeForm = Annotated[Form, Depends(large_form)]
