"""Requests that mean harm: the corpus on every route there is, and endless generated ones.

Belongs here: routes, read from the application's own description, and what is sent to them. Does not belong here:
sending (`raw_http`) and judging (`campaign`).
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from tests.faults.hostile import corpus
from tests.faults.hostile.corpus import MARK
from tests.wire_records import batch, record

BATCH_PATH = "/v1/requests/batch"
LITERALS = (
    b"NaN", b"1e999", b"-Infinity", b"\\ud800", b"\\u0000", b"null", b'"', b"{", b"]", b"9" * 400, b"\x00", b"\xff",
    b"-0", b"\\", MARK.encode(),
)  # fmt: skip
HEADER_NAMES = (
    "Content-Type", "Content-Encoding", "Accept", "Host", "Cookie", "X-Forwarded-For", "Range", "Expect",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, float("nan"), float("inf"), "", "12", MARK,
    "\ud800", "\x00", "9" * 5_000, "<script>" + MARK, "=cmd()", "\u202e" + MARK, "../../etc/passwd",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00", [], {}, [[[[[]]]]], {MARK: MARK},
    "x" * 70_000,
)  # fmt: skip
TOKENS = ("sync", "api", "wrong", "none", "garbage")


@dataclass(frozen=True)
class Attack:
    """One request.

    Attributes:
        method: HTTP method; empty when `raw` is everything that is sent.
        target: path and query.
        headers: beside the authorization.
        body: None: no body.
        token: which secret is shown, of `TOKENS`.
        raw: bytes instead of all the others.
    """

    method: str
    target: str = "/"
    headers: dict[str, str | bytes] = field(default_factory=dict[str, "str | bytes"])
    body: bytes | None = None
    token: str = "sync"
    raw: bytes | None = None


@dataclass(frozen=True)
class Route:
    """One operation of the application.

    Attributes:
        queries: names of the query parameters it declares.
        example: a body it takes, None when it takes none.
    """

    method: str
    path: str
    queries: tuple[str, ...]
    example: Any

    def target(self, value: str) -> str:
        """Return its path with every parameter replaced."""
        path = self.path
        while "{" in path:
            path = path[: path.index("{")] + value + path[path.index("}") + 1 :]
        return path


def routes_of(app: FastAPI) -> list[Route]:
    """Return every route, described in the OpenAPI document or not."""
    document = app.openapi()
    found = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.route, APIRoute)
        for method in context.methods or ()
    }
    assert len(found) > 15, found
    routes: list[Route] = []
    for method, path in sorted(found):
        described = document["paths"].get(path.replace(":path}", "}"), {}).get(method.lower(), {})
        queries = tuple(one["name"] for one in described.get("parameters", ()) if one["in"] == "query")
        content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
        routes.append(Route(method, path, queries, content.get("example")))
    assert sum(route.example is not None for route in routes) > 3, "bodies to mutate"
    return routes


def corpus_attacks(routes: list[Route]) -> Iterator[Attack]:
    """Yield the whole corpus on every route, and the bombs on those that take a body."""
    json_type: dict[str, str | bytes] = {"Content-Type": "application/json"}
    for route in routes:
        yield from _corpus_on(route, json_type)
    for route in routes:
        if route.example is not None:
            for body, encoding in corpus.bombs():
                yield Attack(route.method, route.target("acme"), json_type | {"Content-Encoding": encoding}, body)
    yield Attack("POST", BATCH_PATH, json_type, b" " * (65 * 1024 * 1024))
    clean = record(project=MARK)
    rows = [clean | {"id": f"{index:08x}-0000-4000-8000-000000000000"} for index in range(100_000)]
    yield Attack("POST", BATCH_PATH, json_type, batch(rows, "many"))


def _corpus_on(route: Route, json_type: dict[str, str | bytes]) -> Iterator[Attack]:
    plain = route.target("acme")
    for body in corpus.BODIES.values():
        yield Attack(route.method, plain, json_type, body)
    for headers in corpus.HEADERS:
        yield Attack(route.method, plain, json_type | headers, b"{}")
    for query in corpus.QUERIES:
        for token in ("sync", "api"):
            yield Attack(route.method, f"{plain}?{query}", token=token)
    for value in corpus.PATH_VALUES:
        yield Attack(route.method, route.target(value), token="api")
    for token in TOKENS:
        yield Attack(route.method, plain, token=token)
    for raw in corpus.MALFORMED:
        yield Attack("", raw=raw.replace(b"{}", f"{route.method} {plain}".encode()))


def generated_attacks(routes: list[Route], chance: random.Random) -> Iterator[Attack]:
    """Yield generated attacks for ever."""
    makers = (_damaged, _restructured, _garbled_query, _garbled_path, _garbled_headers, _garbled_http)
    takers = [route for route in routes if route.example is not None]
    while True:
        maker = chance.choices(makers, weights=(35, 25, 18, 7, 8, 7))[0]
        yield maker(takers if maker in (_damaged, _restructured) else routes, chance)


def _valid(route: Route, chance: random.Random) -> Any:
    """Return a body the route takes, with the mark in it where it may be."""
    if route.path != BATCH_PATH:
        return json.loads(json.dumps(route.example))
    rows = [record(chance.random(), project=MARK, source_machine=MARK) for _ in range(chance.randrange(1, 4))]
    return {"batch_id": MARK, "records": rows}


def _taker(routes: list[Route], chance: random.Random) -> Route:
    batches = [route for route in routes if route.path == BATCH_PATH]
    return batches[0] if batches and chance.random() < 0.7 else chance.choice(routes)


def _with_body(route: Route, body: bytes, chance: random.Random) -> Attack:
    value = "9b2f6f3e-1111-4222-8333-944455556666"
    headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
    return Attack(route.method, route.target(value), headers, body, chance.choice(("sync", "sync", "sync", "api")))


def _damaged(routes: list[Route], chance: random.Random) -> Attack:
    """A valid body: bytes flipped, cut, repeated, or hostile literals put in."""
    route = _taker(routes, chance)
    return _with_body(route, damaged(json.dumps(_valid(route, chance)).encode(), chance), chance)


def damaged(content: bytes, chance: random.Random) -> bytes:
    body = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(body)) if body else 0
        match chance.randrange(4):
            case 0:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del body[at : at + chance.randrange(1, 40)]
            case 2:
                body[at:at] = body[at : at + chance.randrange(1, 60)]
            case _:
                body[at:at] = chance.choice(LITERALS)
    return bytes(body)


def _restructured(routes: list[Route], chance: random.Random) -> Attack:
    """A valid body as JSON, with values of other types, keys lost, doubled or invented."""
    route = _taker(routes, chance)
    message = _valid(route, chance)
    for _ in range(chance.randrange(1, 4)):
        _change(message, chance)
    text = json.dumps(message)
    if chance.random() < 0.1:  # a key that stands twice
        text = text.replace("{", '{"id": "' + MARK + '", "id": 1, ', 1)
    encoding = chance.choices(("utf-8", "utf-16", "utf-32", "utf-7", "latin-1"), weights=(94, 2, 1, 1, 2))[0]
    return _with_body(route, text.encode(encoding, "replace"), chance)


def _change(message: Any, chance: random.Random) -> None:
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        pairs = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        for key, value in pairs:
            places.append((node, key))
            walk(value)

    walk(message)
    if not places:
        return
    node, key = chance.choice(places)
    match chance.randrange(4):
        case 0 if isinstance(node, dict):
            del node[key]
        case 1 if isinstance(node, dict):
            node[chance.choice((MARK, "role", "workspace_id", "", "\x00", "id"))] = copy.deepcopy(chance.choice(VALUES))
        case 2:
            node[key] = [copy.deepcopy(node[key]) for _ in range(chance.randrange(4))]
        case _:
            node[key] = copy.deepcopy(chance.choice(VALUES))


def _garbled_query(routes: list[Route], chance: random.Random) -> Attack:
    route = chance.choice(routes)
    names = (*route.queries, "range", "limit", MARK, "")
    pairs = []
    for _ in range(chance.randrange(1, 6)):
        value = chance.choice((*VALUES, MARK, "%", "'--", "2026-01-01", "custom", "7d", chance.randbytes(8)))
        written = value if isinstance(value, bytes) else str(value)[:8_000].encode("utf-8", "surrogatepass")
        pairs.append(f"{quote(chance.choice(names))}={quote(written)}")
    return Attack(route.method, f"{route.target('acme')}?{'&'.join(pairs)}", token=chance.choice(TOKENS))


def _garbled_path(routes: list[Route], chance: random.Random) -> Attack:
    route = chance.choice(routes)
    value = quote(chance.choice((chance.randbytes(6), MARK.encode(), b"../..", b"acme", b"\x00", b"'\"")), safe="")
    target = route.target(value)
    if chance.random() < 0.5:
        at = chance.randrange(1, len(target) + 1)
        target = target[:at] + chance.choice(("/", "//", "..", ";", "%2f", "%", "\\", ".", MARK)) + target[at:]
    body = b"{}" if chance.random() < 0.3 else None
    return Attack(chance.choice((route.method, "PUT", "PATCH", "HEAD", "OPTIONS")), target, body=body, token="api")


def _garbled_headers(routes: list[Route], chance: random.Random) -> Attack:
    route = chance.choice(routes)
    headers: dict[str, str | bytes] = {}
    for _ in range(chance.randrange(1, 4)):
        name = chance.choice(HEADER_NAMES)
        noise = bytes(byte for byte in chance.randbytes(12) if byte not in b"\r\n\x00")
        headers[name] = chance.choice((noise, MARK, b"", b"gzip", b"zstd", b"gzip, zstd", b"identity", b"100-continue"))
    content = damaged(b'{"batch_id": "b", "records": []}', chance)
    return Attack(route.method, route.target("acme"), headers, content, chance.choice(TOKENS))


def _garbled_http(routes: list[Route], chance: random.Random) -> Attack:
    route = chance.choice(routes)
    whole = (
        f"{route.method} {route.target('acme')} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nX-Mark: {MARK}\r\n\r\n{{}}"
    )
    base = chance.choice((whole.encode(), chance.choice(corpus.MALFORMED)))
    return Attack("", raw=damaged(base[:4_000], chance))
