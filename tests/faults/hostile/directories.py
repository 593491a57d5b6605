"""What is sent to the paths of directories: SCIM bodies, patches, filters.

Belongs here: fixed and generated attacks on SCIM. Does not belong here: pages (`pages`), judging (`judge`).
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from tests.faults.hostile import corpus
from tests.faults.hostile.corpus import MARK
from tests.faults.hostile.mutations import change, damaged, put_wrong_kind
from tests.faults.hostile.pages import HOSTS
from tests.faults.hostile.requests import Attack, Maker, Route

TAKERS = ("POST", "PUT", "PATCH")
SCIM_USER: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "zz@acme.example", "externalId": MARK,
    "active": True, "name": {"givenName": MARK, "familyName": "Z"},
    "emails": [{"value": "zz@acme.example", "type": "work", "primary": True}],
}  # fmt: skip
SCIM_PATCH: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [
        {"op": "Replace", "path": "active", "value": "False"}, {"op": "add", "value": {"externalId": MARK}},
        {"op": "remove", "path": 'emails[type eq "work"].value'},
    ],
}  # fmt: skip
FILTERS = (
    f'userName eq "{MARK}"', 'userName eq "\\ud800"', 'userName eq "\\u0000"', f'userName eq "{"x" * 900}"',
    f'id eq "{MARK}" or 1 eq 1', "userName eq", "((((", "(" * 5_000, f'emails[type eq "{MARK}"].value eq "x"',
    'externalId eq "\x00"', "userName pr", f"' or ''='{MARK}", 'userName eq "' + "\\" * 901 + '"', '"' * 1_000,
)  # fmt: skip
SCIM_QUERIES = (
    *[f"filter={quote(one)}" for one in FILTERS],
    f"startIndex={MARK}&count={MARK}", "startIndex=-1&count=99999999999999999999", "startIndex=" + "9" * 5_000,
    "startIndex=1e9&count=NaN", "count=%ED%A0%80&filter=%FF", "startIndex=\u0661".encode().decode("latin-1"),
)  # fmt: skip


def scim_deck(route: Route) -> list[Maker]:
    """Return what is tried on one of these paths."""
    makers: list[Maker] = [
        (lambda one, chance, query=query: _scim(one, chance, query=quote(query, safe="=&%"))) for query in SCIM_QUERIES
    ]
    makers += [(lambda one, chance, value=value: _scim(one, chance, value=value)) for value in corpus.PATH_VALUES]
    if route.method in TAKERS:
        makers += [(lambda one, chance, body=body: _scim(one, chance, body=body)) for body in corpus.BODIES.values()]
        makers += [scim_changed for _ in range(40)]
        makers += [
            (
                lambda one, chance, key=key, value=value: _scim(
                    one, chance, body=json.dumps(_scim_message(one) | {key: value}).encode()
                )
            )
            for key in _scim_message(route)
            for value in (5, True, [5], {"a": 1})
        ]
    return [*makers, *[(lambda one, chance, more=more: _scim(one, chance, more=more)) for more in HOSTS]]


def _scim(
    route: Route,
    chance: random.Random,
    *,
    query: str = "",
    value: str | None = None,
    body: bytes | None = None,
    more: Mapping[str, str | bytes] | None = None,
) -> Attack:
    if body is None and route.method in TAKERS:
        body = json.dumps(_scim_message(route)).encode()
    kind: dict[str, str | bytes] = {"Content-Type": "application/scim+json"} if body is not None else {}
    target = (route.plain(chance) if value is None else route.plain(chance, last=value)) + (
        f"?{query}" if query else ""
    )
    token = chance.choices(("scim", "none", "api", "owner", "wrong", "garbage"), weights=(80, 4, 4, 4, 4, 4))[0]
    return Attack(route.method, target, kind | dict(more or {}), body, token)


def _scim_message(route: Route) -> dict[str, Any]:
    return copy.deepcopy(SCIM_PATCH if route.method == "PATCH" else SCIM_USER)


def scim_changed(route: Route, chance: random.Random) -> Attack:
    """Send a message of a directory with values of other types, keys lost or invented, or bytes damaged."""
    message = _scim_message(route)
    if chance.random() < 0.5:
        put_wrong_kind(message, chance)
    else:
        for _ in range(chance.randrange(1, 4)):
            change(message, chance)
    if isinstance(message.get("userName"), str):
        message["userName"] = message["userName"].replace("zz@", f"z{chance.randrange(40)}@")
    body = json.dumps(message).encode()
    return _scim(route, chance, body=damaged(body, chance) if chance.random() < 0.25 else body)


def generated_messages(routes: list[Route], chance: random.Random) -> Iterator[Attack]:
    """Yield generated attacks on these paths for ever."""
    takers = [route for route in routes if route.method in TAKERS]
    while True:
        if chance.random() < 0.7:
            yield scim_changed(chance.choice(takers), chance)
        else:
            query = f"filter={quote(damaged(chance.choice(FILTERS).encode()[:200], chance))}"
            yield _scim(chance.choice(routes), chance, query=query)
