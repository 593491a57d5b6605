"""Describing routes in the OpenAPI document: message types, examples and refusals.

Belongs here: `describe`, which turns msgspec structs into a route's OpenAPI, and the schema components they share.
Does not belong here: encoding or reading messages (`api.answers`).

Routes answer msgspec structs without going through pydantic, so the document is told what they send:

    @router.get("/v1/thing", **describe("One thing", answer=Thing, example={...}, refusals=(401, 404)))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from daemon.wire.errors import ErrorBody

_REF: Final = "#/components/schemas/{name}"
_described: set[type[msgspec.Struct]] = {ErrorBody}

_REFUSALS: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("The body is not valid JSON", "invalid_json", "The body is not valid JSON."),
    401: ("The credential is missing or dead", "token_revoked", "This token was revoked; run cloud connect."),
    403: ("Not allowed", "not_allowed", "Your role in this workspace does not allow this."),
    404: ("Absent, or somebody else's", "workspace_not_found", "No such workspace."),
    409: ("The present state does not allow it", "conflict", "The present state does not allow it."),
    410: ("It was here, and has expired", "export_expired", "This export was deleted; make a new one."),
    413: ("The body is too large", "body_too_large", "The body is larger than 64 KiB."),
    415: ("Unknown Content-Encoding", "unsupported_encoding", "Send the body as it is, or with gzip or zstd."),
    422: ("Not what this call takes", "invalid_request", "Object missing required field `hostname`"),
    425: ("Too early: the row this belongs to is not here yet", "too_early", "The request is not here yet."),
    429: ("Too many requests", "rate_limited", "Too many requests; try again later."),
    503: ("The server cannot answer now; retry", "unavailable", "The server is not available; try again shortly."),
}


def describe(
    summary: str,
    *,
    answer: type[msgspec.Struct] | None = None,
    example: Any = None,
    status: int = 200,
    answer_description: str = "Done",
    message: type[msgspec.Struct] | None = None,
    message_example: Any = None,
    refusals: Sequence[int] = (),
    bearer: str | None = None,
    extra_answers: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the keyword arguments of a route decorator that document it.

    Args:
        summary: one line, shown in the document.
        answer: struct of the good answer; None for an empty one.
        example: an example of it.
        status: status of the good answer.
        answer_description: what the good answer means.
        message: struct of the request body, if any.
        message_example: an example of it.
        refusals: statuses it may refuse with; 503 is always among them.
        bearer: `sync_token` or `api_key`, when the call needs one; adds the 401.
        extra_answers: further answers, as OpenAPI response objects by status (a CSV, a 304).
    """
    extra_responses: Mapping[int, Any] = extra_answers or {}
    wanted = sorted({*refusals, 503, *((401,) if bearer else ())})
    responses: dict[int | str, Any] = {
        **{code: _refusal(code) for code in wanted},
        status: _content(answer_description, answer, example),
        **extra_responses,
    }
    return {
        "summary": summary,
        "responses": responses,
        "status_code": status,
        "response_model": None,
        "openapi_extra": _asked(message, message_example, bearer),
    }


def _asked(message: type[msgspec.Struct] | None, example: Any, bearer: str | None) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if message is not None:
        asked["requestBody"] = {"required": True, **_body(message, example)}
    if bearer:
        asked["security"] = [{bearer: []}]
    return asked


def schema_reference(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return a `$ref` to the struct's schema and see to it that the document holds it."""
    _described.add(struct)
    return {"$ref": _REF.format(name=struct.__name__)}


def install_openapi(app: FastAPI) -> None:
    """Make the app's document hold the schemas of all described structs and the two kinds of bearer."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            built = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = built.setdefault("components", {})
            ordered = sorted(_described, key=lambda struct: struct.__name__)
            _, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
            components.setdefault("schemas", {}).update(schemas)
            _describe_invalid_parameters(built)
            components["securitySchemes"] = {
                "sync_token": {"type": "http", "scheme": "bearer", "description": "hm_sync_... of a paired daemon"},
                "api_key": {"type": "http", "scheme": "bearer", "description": "hm_api_... of a workspace"},
            }
            app.openapi_schema = built
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]


def _describe_invalid_parameters(document: dict[str, Any]) -> None:
    """Replace the framework's own 422, which this server never answers, by ours."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                operation["responses"]["422"] = _refusal(422)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _refusal(status: int) -> dict[str, Any]:
    description, code, message = _REFUSALS[status]
    described = _content(description, ErrorBody, {"error": {"code": code, "message": message}})
    if status in {429, 503}:
        described["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return described


def _content(description: str, struct: type[msgspec.Struct] | None, example: Any) -> dict[str, Any]:
    return {"description": description, **(_body(struct, example) if struct is not None else {})}


def _body(struct: type[msgspec.Struct], example: Any) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schema_reference(struct)}
    if example is not None:
        media["example"] = example
    return {"content": {"application/json": media}}
