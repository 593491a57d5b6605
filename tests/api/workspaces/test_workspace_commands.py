"""`halton-cloud workspace list`, `delete`, `undelete`, `purge` and `export`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import Engine, select

from api.cli.main import cli
from api.db.models import OutboxMessage, Purge, User, Workspace
from api.db.session import reading
from pipelines.lake.paths import Home
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite


def asked(home: Home, *arguments: str, fails: bool = False) -> Any:
    done = CliRunner().invoke(cli, ["workspace", *arguments, "--home", str(home.root)], catch_exceptions=True)
    assert (done.exit_code != 0) == fails, done.output
    return done if fails else json.loads(done.stdout)


@on_sqlite
def test_a_workspace_is_deleted_listed_and_undeleted(engine: Engine, home: Home, tenants: Tenants) -> None:
    tenants.workspace("Acme")
    assert "Add --yes" in asked(home, "delete", "acme", fails=True).output
    deleted = asked(home, "delete", "acme", "--yes")
    (shown,) = asked(home, "list")["workspaces"]
    assert (shown["slug"], shown["members"], shown["purge_at"]) == ("acme", 1, deleted["purge_at"])
    assert asked(home, "delete", "acme", "--yes", fails=True).exit_code != 0
    assert asked(home, "undelete", "acme") == {"workspace_id": shown["workspace_id"]}
    assert asked(home, "list")["workspaces"][0]["purge_at"] is None
    with reading(engine) as session:
        assert session.scalars(select(OutboxMessage.recipient)).all() == ["vk@acme.co"] * 2


@on_sqlite
def test_an_export_is_written_and_its_file_named(engine: Engine, home: Home, tenants: Tenants) -> None:
    tenants.workspace("Acme")
    answer = asked(home, "export", "acme")
    content = Path(answer["file"]).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (answer["bytes"], answer["sha256"])


def test_a_purge_needs_yes_and_leaves_the_others(engine: Engine, home: Home, tenants: Tenants) -> None:
    acme, beta = tenants.workspace("Acme"), tenants.workspace("Beta")
    for wrong in (["acme"], ["acme", "--due"], []):
        asked(home, "purge", *wrong, fails=True)
    assert asked(home, "purge", "--due") == {"purged": []}
    (purged,) = asked(home, "purge", "acme", "--yes")["purged"]
    assert (purged["workspace_id"], purged["steps"][0], purged["steps"][-1]) == (acme, "mail", "space")
    assert asked(home, "purge", "acme", "--yes", fails=True).exit_code != 0
    with reading(engine) as session:
        assert session.scalars(select(Workspace.id)).all() == [beta]
        assert session.scalars(select(User.email)).all() == ["vk@acme.co"], "they belong to the other one"
        assert session.scalars(select(Purge.finished_at_us)).one() is not None
