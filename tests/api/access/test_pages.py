"""What holds for every page: whoever takes a form checks its token, and none says who may not know."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from api.pages.forms import large_form, posted_form
from tests.api.conftest import People
from tests.conftest import on_sqlite

_MACHINES = ("/v1/", "/scim/", "/webhooks/")


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for further in dependant.dependencies:
        yield from calls(further)


@on_sqlite
def test_every_page_that_changes_something_reads_a_form_of_ours(app: FastAPI) -> None:
    taking = {
        str(found.path): found.original_route
        for found in iter_route_contexts(app.routes)
        if set(found.methods or ()) - {"GET", "HEAD"} and not str(found.path).startswith(_MACHINES)
    }
    assert {"/signin", "/signin/link", "/signout", "/signup", "/me/name"} <= set(taking)
    unguarded = [
        path
        for path, route in taking.items()
        if not isinstance(route, APIRoute) or not {posted_form, large_form} & set(calls(route.dependant))
    ]
    assert unguarded == []


@on_sqlite
def test_every_page_forbids_scripts_frames_and_keeping(people: People) -> None:
    for browser in (people.nobody(), people.sign_in("vk@acme.co")):
        for path in ("/", "/signin", "/signin/code", "/signin/link?token=x", "/me", "/no/such/page"):
            headers = browser.get(path).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "same-origin"
