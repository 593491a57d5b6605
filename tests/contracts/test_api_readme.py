"""The tables of the server's READMEs say what is so: who gets in where, and what holds each documented sentence.

Every route standing in them is `tests/api/test_app.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.authorisation.cast import Who
from tests.api.authorisation.table import (
    ADMINS,
    DAEMONS,
    DIRECTORY,
    MEMBERS,
    OWNERS,
    PUBLIC,
    READERS,
    SIGNED_IN,
    TABLE,
)
from tests.contracts.test_documentation import ALL_COMMANDS, ROOT

ROOM = ROOT / "api"
ROUTES = {route.replace(":path}", "}"): rule.who for route, rule in TABLE.items()}
WORDS: dict[str, tuple[frozenset[Who], ...]] = {
    "all": (PUBLIC,),
    "none": (PUBLIC,),
    "the browser that": (PUBLIC,),
    "the poll token": (PUBLIC,),
    "Svix signature": (PUBLIC,),
    "signed in": (SIGNED_IN,),
    "sync token": (DAEMONS,),
    "API key": (READERS,),
    "Member of the chosen": (SIGNED_IN,),
    "Member": (MEMBERS, READERS),
    "Admin": (ADMINS,),
    "Owner": (OWNERS,),
    "key of scope": (DIRECTORY,),
    "the same": (DIRECTORY,),
}
"""What the second column begins with, and whom the matrix of the tests then lets in."""


def rows(path: Path) -> Iterator[list[str]]:
    """Cells of every row of every table; a `\\|` is none of a column's."""
    for line in path.read_text().splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def sentences() -> list[tuple[str, str, str]]:
    text = (ROOM / "README.md").read_text()
    chapter = text[text.index("## What the documentation says") :]
    chapter = chapter[: chapter.index("\n## ", 3)]
    found = [re.split(r" \| ", line.strip("| ")) for line in chapter.splitlines() if line.startswith("| ")]
    return [(said, where, test) for said, where, test in found if said != "what the documentation says"]


@pytest.mark.parametrize("name", ["README.md", "pages/README.md"])
def test_who_gets_in_is_what_the_matrix_of_the_tests_says(name: str):
    compared = 0
    for cells in rows(ROOM / name):
        for route in re.findall(r"`([A-Z]+ /[^`]*)`", cells[0]):
            known = [groups for words, groups in WORDS.items() if cells[1].startswith(words)]
            assert known, f"{route}: {cells[1]}"
            assert ROUTES[route] in known[0], f"{route}: {cells[1]}"
            compared += 1
    assert compared > 50


def test_each_sentence_names_tests_that_exist():
    code = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^ *def (test_\w+)", code, re.MULTILINE))
    assert len(sentences()) > 60
    for said, _, tests in sentences():
        named = re.findall(r"`([^`]+)`", tests)
        assert named, said
        for test in named:
            assert test in there or (ROOT / test).is_dir(), f"{said}: {test}"


def test_each_sentence_names_places_that_exist():
    paths = {route.partition(" ")[2] for route in ROUTES}
    paths |= {path.removeprefix("/{workspace}") for path in paths}
    commands = {name.removeprefix("halton-cloud ") for name, _ in ALL_COMMANDS}
    for said, where, _ in sentences():
        named = re.findall(r"`([^`]+)`", where)
        assert named, said
        for place in named:
            if place.endswith("…"):
                known = any(path.startswith(place[:-1]) for path in paths)
            elif place.startswith("/"):
                known = place in paths
            else:
                known = place in ROUTES or place in commands or (ROOM / place).exists() or (ROOT / place).exists()
            assert known, f"{said}: {place}"
