"""A published world with cost centres, and a member who looks at its pages."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.audit import OPERATOR
from api.cost_centres.centres import create_cost_centre
from api.db.models import Membership, Role
from api.db.session import transaction
from api.people import find_or_create_person
from api.projects.settings import ProjectChange, change_project
from pipelines.lake.clock import to_micros
from tests.api.conftest import Browser, People
from tests.api.dashboards.facts import workspace_id
from tests.api.dashboards.world import World, build_world
from tests.api.pages.analysed import Analysed, opened_analysis

CENTRES = {"web": "client-work", "team/app": "client-work", "=cmd()": "r-d"}


@dataclass
class Stage:
    """The world and a member of its workspaces `acme` and `empty`."""

    world: World
    reader: Browser

    def html(self, path: str, status: int = 200) -> str:
        answer = self.reader.get(path)
        assert answer.status_code == status, answer.text[-500:]
        return answer.text

    def json(self, path: str, **query: Any) -> dict[str, Any]:
        return self.world.json(path, **query)


@contextmanager
def opened_stage(root: Path) -> Generator[Stage]:
    """Build the world and sign a member in."""
    world = build_world(root, rows_each=400)
    acme, at = workspace_id("acme"), world.clock.now()
    with transaction(world.engine) as session:
        for name in ("Client Work", "R&D", "Idle"):
            create_cost_centre(session, acme, name, actor=OPERATOR, at=at)
        for project, centre in CENTRES.items():
            change_project(session, acme, project, ProjectChange(cost_centre=centre), actor=OPERATOR, at=at)
        person = find_or_create_person(session, "reader@pages.example", at)
        for slug in ("acme", "empty"):
            row = Membership(
                workspace_id=workspace_id(slug), user_id=person.id, role=Role.MEMBER.value, joined_at_us=to_micros(at)
            )
            session.merge(row)
    yield Stage(world, People(world.app, world.engine, world.clock).sign_in("reader@pages.example"))
    world.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened_stage(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    """A world with an analysis, for tests that only look at it."""
    with opened_analysis(tmp_path_factory.mktemp("looked-at")) as made:
        yield made
