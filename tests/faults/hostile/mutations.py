"""Changing bytes and JSON so that they are wrong in one more way.

Belongs here: mutations of anything. Does not belong here: what is mutated (`requests`, `pages`, `directories`).
"""

from __future__ import annotations

import copy
import random
from typing import Any

from tests.faults.hostile.corpus import MARK

LITERALS = (
    b"NaN", b"1e999", b"-Infinity", b"\\ud800", b"\\u0000", b"null", b'"', b"{", b"]", b"9" * 400, b"\x00", b"\xff",
    b"-0", b"\\", MARK.encode(),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, float("nan"), float("inf"), "", "12", MARK,
    "\ud800", "\x00", "9" * 5_000, "<script>" + MARK, "=cmd()", "\u202e" + MARK, "../../etc/passwd",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00", [], {}, [[[[[]]]]], {MARK: MARK},
    "x" * 70_000,
)  # fmt: skip
WRONG_KINDS: tuple[Any, ...] = (5, True, 1.5, "x", "", "\ud800", "\x00", [], [5], [[]], {}, {"a": 1}, None, -1, 2**63)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return bytes with up to five places changed, lost, repeated or replaced."""
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


def put_wrong_kind(message: Any, chance: random.Random) -> None:
    """Put a value of another kind in one place of a message, which is whole but for that."""
    node, key = message, chance.choice(list(message))
    while isinstance(node[key], dict | list) and node[key] and chance.random() < 0.5:
        node = node[key]
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
    node[key] = copy.deepcopy(chance.choice(WRONG_KINDS))


def change(message: Any, chance: random.Random) -> None:
    """Change one value or key of a message, anywhere in it."""
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
