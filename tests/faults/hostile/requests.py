"""Requests that mean harm: the corpus on every route there is, and endless generated ones.

Belongs here: routes, read from the application's own description, and what is sent to them. Does not belong here:
sending (`raw_http`) and judging (`campaign`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from tests.faults.hostile import corpus
from tests.faults.hostile.corpus import MARK
from tests.faults.hostile.mutations import VALUES, change, damaged, put_wrong_kind
from tests.wire_records import batch, record

BATCH_PATH = "/v1/requests/batch"
ORIGIN = "http://127.0.0.1"
"""As our own pages send it: what `raw_http` calls the server by."""
FORM_TOKEN = b"~form token~"
"""Stands where the token of the sender's forms goes."""
LAPTOP_PATHS = ("/v1/requests/", "/v1/daemon/", "/v1/pairing/", "/v1/rates")
HEADER_NAMES = (
    "Content-Type", "Content-Encoding", "Accept", "Host", "Cookie", "X-Forwarded-For", "Range", "Expect",
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
        token: who sends it: a secret that is shown (of `TOKENS`, or `scim`), the `owner` by a session, or the browser
            of `nobody`.
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

    def plain(self, chance: random.Random, last: str | None = None) -> str:
        """Return its path in the workspace there is, most other parameters being the ids of things that exist.

        Args:
            chance: decides.
            last: what the last parameter is instead.
        """
        path = self.path
        while "{" in path:
            at, end = path.index("{"), path.index("}")
            name = path[at + 1 : end].partition(":")[0]
            only_one = "{" not in path[end:]
            if last is not None and only_one and name != "workspace":
                value = last
            elif name == "workspace":
                value = "acme"
            else:
                value = chance.choice((f"~{name}~", f"~{name}~", f"~{name}~", "acme", quote(MARK)))
            path = path[:at] + value + path[end + 1 :]
        return path

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


Maker = Callable[[Route, random.Random], Attack]
JSON_TYPE: dict[str, str | bytes] = {"Content-Type": "application/json"}


def json_deck(route: Route) -> list[Maker]:
    """Return what is tried on a route that takes and gives JSON."""
    makers: list[Maker] = [
        (lambda one, chance, body=body: _json(one, chance, JSON_TYPE, body)) for body in corpus.BODIES.values()
    ]
    makers += [(lambda one, chance, more=more: _json(one, chance, JSON_TYPE | more, b"{}")) for more in corpus.HEADERS]
    makers += [
        (lambda one, chance, query=query: _json(one, chance, {}, None, query=query))
        for query in corpus.QUERIES
        for _ in range(2)
    ]
    makers += [
        (lambda one, chance, value=value: _json(one, chance, {}, None, value=value)) for value in corpus.PATH_VALUES
    ]
    makers += [
        (lambda one, _chance, token=token: Attack(one.method, one.target("acme"), token=token)) for token in TOKENS
    ]
    if route.example is not None:
        makers += [changed_message for _ in range(40)]
    return makers


def _json(
    route: Route,
    chance: random.Random,
    headers: dict[str, str | bytes],
    body: bytes | None,
    *,
    query: str = "",
    value: str | None = None,
) -> Attack:
    target = (route.plain(chance) if value is None else route.target(value)) + (f"?{query}" if query else "")
    return Attack(route.method, target, headers, body, sender(route, chance))


def sender(route: Route, chance: random.Random) -> str:
    """Return who calls a JSON route: mostly somebody it lets in."""
    if route.path.startswith(LAPTOP_PATHS):
        return chance.choices(("sync", "api", "owner", "none"), weights=(80, 8, 6, 6))[0]
    return chance.choices(("owner", "api", "sync", "none", "garbage"), weights=(64, 24, 4, 4, 4))[0]


def taken_messages(routes: list[Route], chance: random.Random) -> Iterator[Attack]:
    """Yield every route's own example from somebody it lets in: a server that holds such things is attacked then."""
    for route in routes:
        if route.example is not None and not route.path.startswith(LAPTOP_PATHS):
            body = json.dumps(_valid(route, chance)).encode()
            yield Attack(route.method, route.plain(chance), JSON_TYPE, body, "owner")


def heavy_attacks(routes: list[Route], chance: random.Random, *, whole: bool) -> Iterator[Attack]:
    """Yield the bombs, on every route that takes a body or on some, and the largest uploads."""
    takers = [route for route in routes if route.example is not None]
    for route in takers if whole else [one for one in takers if one.path == BATCH_PATH] + chance.sample(takers, 4):
        for body, encoding in corpus.bombs():
            headers = JSON_TYPE | {"Content-Encoding": encoding}
            yield Attack(route.method, route.plain(chance), headers, body, sender(route, chance))
    yield Attack("POST", BATCH_PATH, JSON_TYPE, b" " * (65 * 1024 * 1024))
    clean = record(project=MARK)
    rows = [clean | {"id": f"{index:08x}-0000-4000-8000-000000000000"} for index in range(100_000)]
    yield Attack("POST", BATCH_PATH, JSON_TYPE, batch(rows, "many"))


def malformed_deck(_route: Route) -> list[Maker]:
    """Return what is no HTTP."""
    return [
        (
            lambda one, _chance, raw=raw: Attack(
                "", raw=raw.replace(b"{}", f"{one.method} {one.target('acme')}".encode())
            )
        )
        for raw in corpus.MALFORMED
    ]


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
    return batches[0] if batches and chance.random() < 0.5 else chance.choice(routes)


def _with_body(route: Route, body: bytes, chance: random.Random) -> Attack:
    value = "9b2f6f3e-1111-4222-8333-944455556666"
    headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
    target = route.target(value) if route.path.startswith(LAPTOP_PATHS) else route.plain(chance)
    return Attack(route.method, target, headers, body, sender(route, chance))


def _damaged(routes: list[Route], chance: random.Random) -> Attack:
    """A valid body: bytes flipped, cut, repeated, or hostile literals put in."""
    route = _taker(routes, chance)
    return _with_body(route, damaged(json.dumps(_valid(route, chance)).encode(), chance), chance)


def _restructured(routes: list[Route], chance: random.Random) -> Attack:
    """A valid body as JSON, with values of other types, keys lost, doubled or invented."""
    return changed_message(_taker(routes, chance), chance)


def changed_message(route: Route, chance: random.Random) -> Attack:
    """A message the route takes, with values of other types, keys lost, doubled or invented."""
    message = _valid(route, chance)
    if chance.random() < 0.5:
        put_wrong_kind(message, chance)
    else:
        for _ in range(chance.randrange(1, 4)):
            change(message, chance)
    text = json.dumps(message)
    if chance.random() < 0.1:  # a key that stands twice
        text = text.replace("{", '{"id": "' + MARK + '", "id": 1, ', 1)
    encoding = chance.choices(("utf-8", "utf-16", "utf-32", "utf-7", "latin-1"), weights=(94, 2, 1, 1, 2))[0]
    return _with_body(route, text.encode(encoding, "replace"), chance)


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
