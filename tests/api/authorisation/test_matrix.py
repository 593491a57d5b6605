"""Every route x everybody x own, foreign, deleted and absent: nobody gets in who should not, and nothing leaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from fastapi import Request

from api.access import callers
from api.access.caller import Caller
from api.access.callers import find_caller
from tests.api.authorisation.cast import (
    ABSENT,
    ENDING,
    FOREIGN_NAMES,
    OURS,
    OWN_NAMES,
    THEIRS,
    WORKSPACES,
    Who,
    is_page,
    names_of,
)
from tests.api.authorisation.conftest import Matrix, code_of, look_of
from tests.api.authorisation.table import DAEMONS, MEMBERS, SIGNED_IN, TABLE, Rule

OUT: Final = frozenset({"sign_in_required", "api_key_unknown", "workspace_not_found", "membership_removed",
                        "not_allowed", "token_unknown", "token_missing", "cross_site", "form_token"})  # fmt: skip
STRANGERS: Final = (Who.ANONYMOUS, Who.FOREIGN_OWNER, Who.FOREIGN_KEY, Who.SYNC_TOKEN)
IN_PATH: Final = re.compile(r"\{(\w+)(?::path)?\}")
ANYBODYS: Final = frozenset({"workspace", "name", "digest", "provider", "month", "day"})
"""Parameters that name nothing of one workspace alone."""
OF_WORKSPACES: Final = [route for route in TABLE if "{workspace}" in route]


def things_named(route: str, rule: Rule) -> set[str]:
    """Return the parameters of a route, in path or body, that name a thing of a workspace."""
    sent = " ".join(str(value) for value in rule.body.values())
    return {*IN_PATH.findall(route), *IN_PATH.findall(sent)} - ANYBODYS


def expected_code(route: str, rule: Rule, who: Who) -> str:
    """Return the code somebody who must stay out is to get."""
    if rule.who == SIGNED_IN:
        return "sign_in_required"
    if rule.who == DAEMONS:
        return "token_unknown"
    leads_to_sign_in = route.startswith("GET ") and is_page(route.partition(" ")[2])
    return {
        Who.ANONYMOUS: "sign_in_required",
        Who.SYNC_TOKEN: "sign_in_required" if leads_to_sign_in else "api_key_unknown",
        Who.FOREIGN_OWNER: "workspace_not_found",
        Who.FOREIGN_KEY: "workspace_not_found",
        Who.REMOVED: "membership_removed",
    }.get(who, "not_allowed")


def told(answer: Any, names: Mapping[str, str]) -> str:
    """Return what an answer tells, headers included, beyond what was sent in its path."""
    text = answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    for value in names.values():
        text = text.replace(value, "")
    return text


def test_every_route_stands_in_the_table_and_nothing_else_does(matrix: Matrix):
    routes = matrix.routes()
    assert len(routes) == len(set(routes))
    assert sorted(routes) == sorted(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_those_get_in_whom_the_table_names_and_nobody_else(matrix: Matrix, route: str):
    rule, names = TABLE[route], names_of(OURS)
    for who in Who:
        answer = matrix.call(route, rule, who, names)
        code = code_of(answer)
        assert answer.status_code < 500, (who, answer.text)
        assert matrix.connections.most <= 1, "calls that hold one connection and want another block each other for good"
        if who in rule.who:
            assert code not in OUT, (who, code)
            if answer.request.method != "GET" or rule.who == DAEMONS:  # a machine that calls has been seen
                matrix.cast.restore()
        else:
            assert code == expected_code(route, rule, who), (who, code, answer.status_code)
        if who in STRANGERS and who not in rule.who:
            assert not [name for name in OWN_NAMES if name in told(answer, names)], who
        assert not [name for name in FOREIGN_NAMES if name in told(answer, names)] or who in {
            Who.FOREIGN_OWNER,
            Who.FOREIGN_KEY,
        }, who
    assert matrix.cast.same_as_stored()


@pytest.mark.parametrize("route", OF_WORKSPACES)
def test_somebody_elses_workspace_looks_like_an_absent_one(matrix: Matrix, route: str):
    rule = TABLE[route]
    for who in (Who.ANONYMOUS, Who.FOREIGN_OWNER, Who.FOREIGN_KEY):
        names, absent = names_of(OURS), names_of(ABSENT)
        foreign = look_of(matrix.call(route, rule, who, names), names)
        assert foreign == look_of(matrix.call(route, rule, who, absent), absent), who
    names, absent = names_of(THEIRS), names_of(ABSENT)
    for who in (Who.OWNER, Who.SCIM_KEY):
        foreign = look_of(matrix.call(route, rule, who, names), names)
        assert foreign == look_of(matrix.call(route, rule, who, absent), absent), who
        assert foreign[0] == 404, who
    assert matrix.cast.same_as_stored()


NAMING: Final = [route for route in OF_WORKSPACES if things_named(route, TABLE[route])]


@pytest.mark.parametrize("route", NAMING)
def test_somebody_elses_thing_in_ones_own_workspace_looks_like_an_absent_one(matrix: Matrix, route: str):
    rule = TABLE[route]
    own, theirs, absent = names_of(OURS), names_of(THEIRS), names_of(ABSENT)
    who = Who.OWNER if Who.OWNER in rule.who else Who.SCIM_KEY
    for thing in sorted(things_named(route, rule)):
        looks: list[Any] = []
        for others in (theirs, absent):
            names = {**own, thing: others[thing]}
            answer = matrix.call(route, rule, who, names)
            assert answer.status_code < 500, answer.text
            assert not [name for name in FOREIGN_NAMES if name in told(answer, names)]
            looks.append(look_of(answer, names))
        assert looks[0] == looks[1], thing
        assert looks[0][0] in {400, 404, 409, 422}, (thing, looks[0])
    assert matrix.cast.same_as_stored()


@pytest.mark.parametrize("route", NAMING)
def test_ones_own_thing_is_found(matrix: Matrix, route: str):
    """Without this the test above could compare two answers that say nothing."""
    rule, names = TABLE[route], names_of(OURS)
    answer = matrix.call(route, rule, Who.OWNER if Who.OWNER in rule.who else Who.SCIM_KEY, names)
    matrix.cast.restore()
    unmade = route.endswith(
        (
            "/traces/{request_id}",
            "/file",
            "/figures",
            "/exports/{export_id}",
            "/budgets/remove",
            "/clusters/{cluster_id}",
        )
    )
    assert answer.status_code < 400 or unmade, (answer.status_code, answer.text)


@pytest.mark.parametrize("route", [route for route in OF_WORKSPACES if TABLE[route].who & MEMBERS])
def test_a_workspace_being_deleted_can_be_looked_at_and_not_changed(matrix: Matrix, route: str):
    rule, names = TABLE[route], names_of(ENDING)
    for who in sorted(MEMBERS):
        answer = matrix.call(route, rule, who, names)
        code = code_of(answer)
        assert answer.status_code < 500, (who, answer.text)
        if who not in rule.who:
            assert code == "not_allowed", (who, code)
        elif rule.stops:
            assert (answer.status_code, code) == (409, "workspace_read_only"), (who, code, answer.status_code)
        else:
            assert code not in OUT | {"workspace_read_only"}, (who, code)
        if answer.request.method != "GET":
            matrix.cast.restore()
    assert code_of(matrix.call(route, rule, Who.FOREIGN_OWNER, names)) == "workspace_not_found"


@pytest.mark.parametrize(
    "route",
    [
        route
        for route in OF_WORKSPACES
        if not route.startswith("GET ")
        and not route.endswith(("/plan/quote", "/rates/what-if"))
        and TABLE[route].who - {Who.SYNC_TOKEN}
    ],
)
def test_a_change_under_way_when_its_caller_loses_access_changes_nothing(
    matrix: Matrix, route: str, monkeypatch: pytest.MonkeyPatch
):
    """A removal, or revocation, is committed between a call's credentials and its change."""
    rule, names = TABLE[route], names_of(OURS)
    who = Who.OWNER if Who.OWNER in rule.who else Who.SCIM_KEY
    left: list[list[str]] = []

    def let_in_and_lost(request: Request, slug: str) -> Caller:
        caller = find_caller(request, slug)
        matrix.cast.take_access(caller)
        left.append(matrix.cast.dump())
        return caller

    monkeypatch.setattr(callers, "find_caller", let_in_and_lost)
    answer = matrix.call(route, rule, who, names)
    assert left == [matrix.cast.dump()]
    lost = "membership_removed" if who is Who.OWNER else "api_key_unknown"
    assert code_of(answer) == ("invalid_request" if route == "PUT /v1/{workspace}/plan" else lost), answer.text


def test_nobody_gets_more_than_an_admin_and_no_admin_more_than_an_owner():
    for route, rule in TABLE.items():
        if rule.who != frozenset(Who) and "{workspace}" in route:
            assert (Who.MEMBER not in rule.who) or (Who.ADMIN in rule.who), route
            assert (Who.ADMIN not in rule.who) or (Who.OWNER in rule.who), route


def test_the_cast_has_names_that_would_give_it_away():
    assert all(any(mark in name for mark in (*FOREIGN_NAMES, *OWN_NAMES)) for name in WORKSPACES.values())
