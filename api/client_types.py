"""The client's types, written from the OpenAPI document: `python -m api.client_types`.

Belongs here: turning the schemas of GET answers into the modules of `api/client/answers`. Does not belong here: the
client, which imports nothing of ours and so cannot share the structs the server answers with.

A test holds what is written to what the server describes; run this after an answer changed.
"""

from __future__ import annotations

import keyword
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from api.app import create_app
from pipelines.lake.paths import Home

FOLDER: Final = Path(__file__).parent / "client" / "answers"
PREFIX: Final = "/v1/{workspace}"
SHARED: Final = "shared"
_LINES_MOST: Final = 255
_WIDTH: Final = 116
_MODULES_THAT_TELL_NOTHING: Final = frozenset({"api", "messages", "models", "routes"})
_REF: Final = "#/components/schemas/"
_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def client_modules(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of every module of the folder by file name.

    Args:
        document: the OpenAPI document.
    """
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    users: dict[str, set[str]] = {}
    for _, operation in get_operations(document):
        answer = answer_schema(operation)
        for name in _reached(schemas, answer) if answer else ():
            users.setdefault(name, set()).add(_module_name(operation["tags"][0]))
    home = {name: next(iter(found)) if len(found) == 1 else SHARED for name, found in users.items()}
    home = _split(schemas, home)
    modules: dict[str, list[str]] = {}
    for name in sorted(home):
        modules.setdefault(home[name], []).append(name)
    texts = {f"{module}.py": _module(schemas, names, home, module) for module, names in modules.items()}
    texts["__init__.py"] = (
        '"""What each GET route answers, as typed dictionaries; written by `python -m api.client_types`."""\n'
    )
    return texts


def get_operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield path and description of every GET route of a workspace, in order of their paths."""
    for path in sorted(document["paths"]):
        if path.startswith(PREFIX) and "get" in document["paths"][path]:
            yield path, document["paths"][path]["get"]


def answer_schema(operation: Mapping[str, Any]) -> str | None:
    """Return the name of the schema a route answers JSON with; None when it sends something else."""
    content = operation["responses"].get("200", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref")
    return None if reference is None else str(reference).removeprefix(_REF)


def python_name(schema: str) -> str:
    """Return what a schema is called in Python; structs of one name are told apart by their modules."""
    *modules, name = schema.split(".")
    telling = [module for module in modules if module not in _MODULES_THAT_TELL_NOTHING]
    return f"{telling[-1].capitalize()}{name}" if telling else name


def _module_name(tag: str) -> str:
    return re.sub(r"\W+", "_", tag)


def _split(schemas: Mapping[str, Any], home: dict[str, str]) -> dict[str, str]:
    """Give modules that would be too long further ones. What is referred to comes first: later parts import earlier."""
    placed: dict[str, str] = {}
    lines: dict[str, int] = {}
    for name in _referred_first(schemas, sorted(home)):
        size = len(_class(schemas, name)) + 2
        lines[home[name]] = lines.get(home[name], 12) + size
        part = lines[home[name]] // _LINES_MOST
        placed[name] = home[name] if part == 0 else f"{home[name]}_{part + 1}"
    return placed


def _referred_first(schemas: Mapping[str, Any], names: list[str]) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for other in sorted(set(_references(schemas[name])) - {name}):
                visit(other)
            ordered[name] = None

    for name in names:
        visit(name)
    return list(ordered)


def _reached(schemas: Mapping[str, Any], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(_references(schemas[one]))
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        described = cast("dict[str, Any]", schema)
        if "$ref" in described:
            yield str(described["$ref"]).removeprefix(_REF)
        for value in described.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            yield from _references(value)


def _module(schemas: Mapping[str, Any], names: list[str], home: Mapping[str, str], module: str) -> str:
    body = [line for name in names for line in ("", "", *_class(schemas, name))]
    wanted: dict[str, set[str]] = {}
    for name in names:
        for other in _references(schemas[name]):
            if home[other] != module:
                wanted.setdefault(home[other], set()).add(python_name(other))
    typing = [word for word in ("Any", "Literal", "NotRequired", "TypedDict") if any(word in line for line in body)]
    head = [
        f'"""Answers of `{module}` as the OpenAPI document has them; written by `python -m api.client_types`."""',
        "",
        "from __future__ import annotations",
        "",
        f"from typing import {', '.join(typing)}",
    ]
    imports = [_import(source, sorted(others)) for source, others in sorted(wanted.items())]
    if imports:
        head += ["", *(line for one in imports for line in one)]
    return "\n".join([*head, *body]) + "\n"


def _import(source: str, names: list[str]) -> list[str]:
    line = f"from api.client.answers.{source} import {', '.join(names)}"
    return [line] if len(line) <= _WIDTH else [
        f"from api.client.answers.{source} import (",
        *(f"    {name}," for name in names),
        ")",
    ]  # fmt: skip


def _class(schemas: Mapping[str, Any], name: str) -> list[str]:
    schema, name = schemas[name], python_name(name)
    if "properties" not in schema and "enum" in schema:
        return [f"{name} = {_kind(schema)}"]
    about = " ".join(str(schema.get("description", "")).split("\n\n")[0].split()) or name
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    said = about.replace("\\", "\\\\").replace('"', "'")
    fields = {
        field: kind if field in required else f"NotRequired[{kind}]"
        for field, kind in ((field, _kind(one)) for field, one in properties.items())
    }
    if any(keyword.iskeyword(field) or not field.isidentifier() for field in fields):
        pairs = [f'        "{field}": {_quoted(kind)},' for field, kind in fields.items()]
        return [f"{name} = TypedDict(", f'    "{name}",', "    {", *pairs, "    },", ")"]
    lines = [f"class {name}(TypedDict):", *_docstring(said)]
    return [*lines, "", *(line for field in fields.items() for line in _field(*field))] if fields else lines


def _field(name: str, kind: str) -> list[str]:
    line = f"    {name}: {kind}"
    words = kind.removeprefix("Literal[").removesuffix("]")
    if len(line) <= _WIDTH or words == kind or "[" in words:
        return [line]
    return [f"    {name}: Literal[", *(f"        {word}," for word in words.split(", ")), "    ]"]


def _docstring(text: str) -> list[str]:
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    if len(text) + 10 <= _WIDTH:
        return [f'    """{text}"""']
    cut = text[: _WIDTH - 14].rsplit(" ", 1)[0].rstrip(" ,;:")
    return [f'    """{cut} …."""']


def _quoted(kind: str) -> str:
    return f'"{kind}"' if '"' not in kind else f"'{kind}'"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return python_name(str(schema["$ref"]).removeprefix(_REF))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "enum" in schema:
        values = [value for value in schema["enum"] if value is not None]
        literal = (
            "Literal[" + ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values) + "]"
        )
        return f"{literal} | None" if None in schema["enum"] else literal
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_kind(schema.get('items') or {})}]"
    if kind == "object":
        more: Any = schema.get("additionalProperties")
        return f"dict[str, {_kind(cast('dict[str, Any]', more)) if isinstance(more, dict) and more else 'Any'}]"
    return _PLAIN.get(str(kind), "Any")


def openapi_document() -> dict[str, Any]:
    """Return the document of an application nobody serves."""
    with tempfile.TemporaryDirectory() as folder:
        return create_app(Home(Path(folder)), sends_mail=False).openapi()


def main() -> int:
    """Write the modules; those that are there no more are deleted."""
    texts = client_modules(openapi_document())
    for path in FOLDER.glob("*.py"):
        if path.name not in texts:
            path.unlink()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
