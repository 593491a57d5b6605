"""Every change asked for with a cookie comes from our own pages, with their token: held by every route there is."""

from __future__ import annotations

from typing import Any, Final

import pytest

from api.access.browser_sessions import SESSION_COOKIE, form_token
from api.access.same_site import FORM_FIELD, FORM_HEADER
from tests.api.authorisation.cast import OURS, Who, is_page, names_of
from tests.api.authorisation.conftest import Matrix, code_of
from tests.api.authorisation.table import DAEMONS, TABLE
from tests.api.conftest import BASE_URL

WITHOUT_COOKIES: Final = frozenset({
    "POST /webhooks/billing/{provider}",  # signed by its sender
    "POST /v1/pairing/start",  # asked for by nobody yet
    "POST /v1/pairing/poll",  # carries its own secret
})  # fmt: skip
CHANGES: Final = [
    route
    for route, rule in TABLE.items()
    if not route.startswith("GET ") and rule.who != DAEMONS and route not in WITHOUT_COOKIES
]


def sent(matrix: Matrix, route: str, *, origin: str | None, token: bool, kind: str = "") -> Any:
    """Send a change as the Owner's browser, but with another Origin, without the token, or in another form."""
    cast, who, names = matrix.cast, Who.OWNER, names_of(OURS)
    method, _, path = route.partition(" ")
    url = path.replace("{slug:path}", "{slug}").format(**names)
    headers = {"Cookie": f"{SESSION_COOKIE}={cast.cookies[who]}"}
    if origin is not None:
        headers["Origin"] = origin
    fields = {name: value for name, value in TABLE[route].body.items() if isinstance(value, str)}
    options: dict[str, Any] = {"json": fields}
    if kind:
        headers["Content-Type"] = kind
        options = {"content": b"{}"}
    elif is_page(url):
        options = {"data": {**fields, **({FORM_FIELD: form_token(cast.cookies[who])} if token else {})}}
    elif token:
        headers[FORM_HEADER] = form_token(cast.cookies[who])
    return matrix.client.request(method, url, headers=headers, **options)


@pytest.mark.parametrize("route", CHANGES)
def test_a_change_from_another_site_is_refused(matrix: Matrix, route: str):
    foreign = sent(matrix, route, origin="https://evil.example", token=True)
    nowhere = sent(matrix, route, origin=None, token=True)
    opaque = sent(matrix, route, origin="null", token=True)
    for answer in (foreign, nowhere, opaque):
        assert (answer.status_code, code_of(answer)) in {(403, "cross_site"), (403, "scim")}
    assert matrix.cast.same_as_stored()


@pytest.mark.parametrize("route", CHANGES)
def test_a_change_without_the_forms_token_is_refused(matrix: Matrix, route: str):
    for kind in ("", "text/plain"):
        answer = sent(matrix, route, origin=BASE_URL, token=False, kind=kind)
        assert (answer.status_code, code_of(answer)) in {(403, "form_token"), (403, "scim")}, kind
    assert matrix.cast.same_as_stored()


@pytest.mark.parametrize("route", [route for route, rule in TABLE.items() if rule.who == DAEMONS])
def test_a_machines_routes_know_no_cookie(matrix: Matrix, route: str):
    method = route.partition(" ")[0]
    headers = matrix.cast.headers(Who.OWNER, "/v1/", method)
    assert matrix.call(route, TABLE[route], Who.OWNER, names_of(OURS), headers).status_code == 401
    assert matrix.cast.same_as_stored()
