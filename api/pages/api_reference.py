"""`/docs/api`: the reference of the JSON API, rendered from its OpenAPI document by our own template.

Belongs here: turning the document into what the template shows. Does not belong here: describing routes
(`api.openapi`).

No scripts, nothing from elsewhere: what other generators render in the browser stands in the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response

from api.access.callers import MaybePerson
from api.pages.shell import page

router = APIRouter(include_in_schema=False)

_REF: Final = "#/components/schemas/"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_CREDENTIALS: Final = {
    "api_key": "API key of the workspace, or a signed-in member",
    "sync_token": "Sync token of a paired machine",
}
_STATE: Final = "api_reference"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a route."""

    name: str
    place: str
    kind: str
    is_needed: bool
    words: str


@dataclass(frozen=True)
class Answer:
    """One answer of a route; `example` is JSON text, empty when there is none."""

    status: str
    words: str
    schema: str
    media: str
    example: str


@dataclass(frozen=True)
class Route:
    """One route as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: tuple[str, ...]
    credential: str
    parameters: tuple[Parameter, ...]
    message: Answer | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Field:
    """One field of a schema."""

    name: str
    kind: str
    links: tuple[str, ...]
    is_needed: bool
    words: str


@dataclass(frozen=True)
class Schema:
    """One schema."""

    name: str
    words: str
    fields: tuple[Field, ...]


@router.get("/docs/api")
def api_reference(request: Request, person: MaybePerson) -> Response:
    """Show every route, its parameters, answers and examples."""
    state = request.app.state
    shown: dict[str, Any] | None = getattr(state, _STATE, None)
    if shown is None:
        document = request.app.openapi()
        shown = {"groups": reference_groups(document), "schemas": reference_schemas(document)}
        setattr(state, _STATE, shown)
    return page(request, "reference/page.html", person=person, version=request.app.version, **shown)


def reference_groups(document: Mapping[str, Any]) -> dict[str, list[Route]]:
    """Return all routes by their tag, both in order."""
    groups: dict[str, list[Route]] = {}
    for path in sorted(document["paths"]):
        for method in _METHODS:
            operation = document["paths"][path].get(method)
            if operation is not None:
                tag = str((operation.get("tags") or ["server"])[0])
                groups.setdefault(tag, []).append(_route(method, path, operation))
    return dict(sorted(groups.items()))


def reference_schemas(document: Mapping[str, Any]) -> list[Schema]:
    """Return all schemas by name."""
    return [
        Schema(
            name=name,
            words=str(schema.get("description", "")),
            fields=tuple(
                Field(
                    name=field,
                    kind=kind_of(one),
                    links=tuple(sorted(set(_references(one)))),
                    is_needed=field in schema.get("required", ()),
                    words=str(one.get("description", "")),
                )
                for field, one in schema.get("properties", {}).items()
            ),
        )
        for name, schema in sorted(document["components"]["schemas"].items())
    ]


def kind_of(schema: Mapping[str, Any]) -> str:
    """Return a schema in one short phrase."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {kind_of(schema.get('items') or {})}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind_of(schema['additionalProperties'])}"
    limits = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    form = [f"like {schema['pattern']}"] if "pattern" in schema else []
    return " ".join([str(schema.get("format") or kind), *limits, *form])


def _route(method: str, path: str, operation: Mapping[str, Any]) -> Route:
    needed: list[str] = [name for one in operation.get("security", ()) for name in one]
    body = operation.get("requestBody")
    return Route(
        anchor=f"{method}-{path}".strip("/").replace("/", "-").replace("{", "").replace("}", ""),
        method=method.upper(),
        path=path,
        summary=str(operation.get("summary", path)),
        paragraphs=tuple(part for part in str(operation.get("description", "")).split("\n\n") if part.strip()),
        credential=_CREDENTIALS.get(needed[0], needed[0]) if needed else "None, or a signed-in member",
        parameters=tuple(_parameter(one) for one in operation.get("parameters", ())),
        message=_answer("", body) if body is not None else None,
        answers=tuple(_answer(status, one) for status, one in sorted(operation["responses"].items())),
    )


def _parameter(one: Mapping[str, Any]) -> Parameter:
    schema = one.get("schema", {})
    words = str(one.get("description") or schema.get("description") or "")
    if "default" in schema and schema["default"] is not None:
        words = f"{words} Default: {schema['default']}.".strip()
    return Parameter(one["name"], one["in"], kind_of(schema), bool(one.get("required")), words)


def _answer(status: str, described: Mapping[str, Any]) -> Answer:
    contents: dict[str, dict[str, Any]] = described.get("content", {})
    media, content = next(iter(contents.items()), ("", dict[str, Any]()))
    example = content.get("example")
    return Answer(
        status=status,
        words=str(described.get("description", "")),
        schema=_name(content.get("schema", {})),
        media=media,
        example="" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
    )


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).removeprefix(_REF)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        described = cast("dict[str, Any]", schema)
        if "$ref" in described:
            yield _name(described)
        for value in described.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            yield from _references(value)
