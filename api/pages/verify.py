"""The public page that proves a report.

Belongs here: `/verify` and the certificate. Does not belong here: the proof (`api.reports.verifying`), reports of a
workspace (`reports`).

Whoever was given a PDF needs no account to have it checked. A file is taken apart in a process of its own that can
reach nothing, and is not kept.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.browser_sessions import BROWSER_COOKIE, browser_secret, new_browser_secret, set_cookie
from api.access.callers import MaybePerson
from api.db.session import reading
from api.pages.forms import LargeForm
from api.pages.shell import page
from api.rate_limits import limited
from api.reports.signing import ReportSigner
from api.reports.verifying import known_by_digest, take_apart, verdict_on

router = APIRouter(include_in_schema=False)
_counted: Final = Depends(limited(lambda limits: limits.verification))


@router.get("/verify")
def verify_page(request: Request, person: MaybePerson) -> Response:
    """Show the form that takes a PDF, or the digest of one."""
    browser = browser_secret(request.cookies.get(BROWSER_COOKIE)) or new_browser_secret()
    answer = page(request, "reports/verify.html", person=person, browser=browser, verdict=None, asked="", issued=None)
    if person is None:
        set_cookie(answer, BROWSER_COOKIE, browser)
    return answer


@router.post("/verify", dependencies=[_counted])
def verify(request: Request, person: MaybePerson, form: LargeForm) -> Response:
    """Show what was found of a file, or of a digest."""
    form.only("file", "sha256")
    state = request.app.state
    content, digest = form.files.get("file"), form.text("sha256")
    if content is not None:
        proved = take_apart(content, ReportSigner.of(state.home, state.clock))
        with reading(state.engine) as session:
            verdict = verdict_on(session, content, proved)
        return page(request, "reports/verify.html", person=person, verdict=verdict, asked="", issued=verdict.issued)
    with reading(state.engine) as session:
        issued = known_by_digest(session, digest)
    return page(request, "reports/verify.html", person=person, verdict=None, asked=digest, issued=issued)


@router.get("/verify/certificate.pem")
def certificate(request: Request) -> Response:
    """Send the certificate reports are signed with, for readers to trust."""
    pem = ReportSigner.of(request.app.state.home, request.app.state.clock).certificate_pem()
    return Response(pem, media_type="application/x-pem-file")


@router.get("/docs/concepts/pricing")
def pricing(request: Request, person: MaybePerson) -> Response:
    """Tell how requests are priced: what every report links to."""
    return page(request, "docs/pricing.html", person=person)
