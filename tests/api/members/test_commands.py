"""`halton-cloud member` and `workspace plan`: one JSON object each, and the same rules as everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli.main import cli
from api.errors import Refused
from pipelines.lake.paths import Home
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

pytestmark = on_sqlite


@pytest.fixture
def run(home: Home, club: Club) -> Any:
    """Run a command on the club's home."""

    def command(*arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(cli, [*arguments, "--workspace", "acme-co", "--home", str(home.root)])
        if isinstance(done.exception, Refused):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return command


def test_members_are_added_listed_changed_and_removed(run: Any, club: Club) -> None:
    assert run("member", "add", " New@acme.co")["role"] == "member"
    assert run("member", "role", "new@acme.co", "admin")["role"] == "admin"
    listed = run("member", "list")
    assert [(one["email"], one["role"]) for one in listed["members"]] == [
        ("vk@acme.co", "owner"),
        ("new@acme.co", "admin"),
    ]
    assert listed["seats"] == {"used": 2, "limit": 10}
    assert run("member", "remove", "vk@acme.co") == {"email": "vk@acme.co", "new_owner": "new@acme.co"}
    with pytest.raises(Refused, match="needs an Owner"):
        run("member", "remove", "new@acme.co")
    with pytest.raises(Refused, match="only Owner cannot step down"):
        run("member", "role", "new@acme.co", "member")
    assert {actor for actor, _ in club.events()} == {"operator"}


def test_a_new_owner_is_written_to_once_it_is_known_where_links_lead(
    run: Any, club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("member", "add", "a@acme.co")
    run("member", "role", "a@acme.co", "owner")
    assert club.mailed("ownership") == []
    monkeypatch.setenv("HALTON_PUBLIC_URL", "https://meter.example.org/")
    run("member", "add", "b@acme.co")
    run("member", "role", "b@acme.co", "owner")
    ((recipient, words),) = club.mailed("ownership")
    assert recipient == "b@acme.co"
    assert "https://meter.example.org/acme-co/members" in words


def test_the_plan_is_shown_changed_cancelled_and_resumed(run: Any) -> None:
    shown = run("workspace", "plan")
    assert (shown["plan"], shown["seats_used"], shown["seat_limit"], shown["ends_at"]) == ("team", 1, 10, None)
    assert run("workspace", "plan", "--extra-seats", "3")["seat_limit"] == 13
    assert run("workspace", "plan", "--plan", "team")["extra_seats"] == 3, "the same plan keeps its seats"
    assert run("workspace", "plan", "--plan", "business", "--contract-seats", "25")["seat_limit"] == 25
    assert run("workspace", "plan", "--plan", "enterprise")["seat_limit"] is None
    assert run("workspace", "plan", "--cancel")["ends_at"] is not None
    assert run("workspace", "plan", "--resume")["ends_at"] is None
    run("member", "add", "second@acme.co")
    with pytest.raises(Refused, match="remove 1 first"):
        run("workspace", "plan", "--plan", "solo")
