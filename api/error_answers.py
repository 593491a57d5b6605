"""Refusals and faults as answers: every error body is `{"error": {"code", "message"}}`.

Belongs here: the exception handlers of the app. Does not belong here: deciding to refuse (`api.errors`).

A daemon takes almost every 4xx on its batch path as a verdict on its rows and drops them. So whatever means "this
server cannot take it now" is a 503, and a batch that reaches a wrong path (a lost prefix, a slash too many) is one
too, never a 404.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.answers import json_answer
from api.errors import Refused
from api.pages.errors import error_page, wants_page
from api.pages.slugs import moved_page
from api.scim.answers import scim_error
from daemon.wire.errors import ErrorBody, ErrorDetail

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 5
_SCIM_PATHS: Final = "/scim/"
_UPLOAD_PATH: Final = re.compile(r"/requests/+(batch|[^/]+/+body)/*$")
_MESSAGES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take this method."),
    413: ("body_too_large", "The body is too large."),
}


def error_answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error body with its status."""
    return json_answer(ErrorBody(ErrorDetail(code, message)), status=status, headers=headers)


def unavailable(code: str = "unavailable") -> Response:
    """Return the 503 that makes a daemon keep its rows and try again."""
    message = "The server is not available; try again shortly."
    return error_answer(503, code, message, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def install_error_answers(app: FastAPI) -> None:
    """Register a handler for everything that can be raised while a call is answered."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    for fault in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(fault, _database_unavailable)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(Exception, _internal_error)


def _answered(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    if wants_page(request):
        return moved_page(request, code) or error_page(request, status, code, message, headers or {})
    if request.url.path.startswith(_SCIM_PATHS):
        return scim_error(status, code, message, headers)
    return error_answer(status, code, message, headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this type only
    return _answered(request, error.status, error.code, error.message, error.headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    if error.status_code == HTTPStatus.NOT_FOUND and request.method == "POST" and _UPLOAD_PATH.search(request.url.path):
        return unavailable("misrouted")
    code, message = _MESSAGES.get(error.status_code, ("refused", HTTPStatus(error.status_code).phrase))
    return _answered(request, error.status_code, code, message, error.headers)


def _invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    # Only names the server itself declared; never what the caller sent.
    places = sorted({f"{part[0]} {part[1]}" for fault in error.errors() if len(part := fault["loc"]) > 1})
    detail = ", ".join(places)[:120] or "the request"
    return _answered(request, 422, "invalid_request", f"Not valid: {detail}.")


def _database_unavailable(request: Request, error: Exception) -> Response:
    logger.error("the app database is not available: %s", type(error).__name__, exc_info=error)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if wants_page(request) or request.url.path.startswith(_SCIM_PATHS):
        return _answered(request, 503, "unavailable", "The server is not available; try again in a moment.", retry)
    return unavailable()


def _hung_up(request: Request, _error: Exception) -> Response:
    # A laptop that went to sleep, or its network did: it will send again, and nobody reads this answer.
    logger.info("a client hung up before its body was whole: %s %s", request.method, _route(request))
    return _answered(request, 400, "body_incomplete", "The body is not whole.")


def _route(request: Request) -> str:
    """Return the path as the server declares it; what callers put into theirs is not for a log."""
    return str(getattr(request.scope.get("route"), "path", "a path of no route"))


def _internal_error(request: Request, _error: Exception) -> Response:
    return _answered(request, 500, "internal_error", "The server failed; the failure was logged.")
