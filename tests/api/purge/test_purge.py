"""A purge leaves nothing of a workspace anywhere in the home, and everything of the others, wherever it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select

from api.cli.verify import verify_audit_chains
from api.db.models import Base, Purge, SignInAttempt, User
from api.db.session import reading, transaction
from api.errors import Refused
from api.members.letters import Letters
from api.outbox.queue import Seal
from api.purge import begin_purge, purge_due, purge_workspace
from api.purge.rows import KEPT, NOT_BY_WORKSPACE
from api.purge.run import STEPS, forgotten_id
from api.workspaces.deletion import due_for_purge, undo_deletion
from api.workspaces.exports import request_export
from pipelines.lake.landing_lease import landed_bytes_stay
from pipelines.purge.landing import BytesNeededError
from pipelines.refresh import refresh
from pipelines.verify import verify
from tests.api.purge.worlds import BY, OWNER, STAYING, World, found_in
from tests.pipelines.published import build_id, everything

IN_THE_BUILD = {"fct_requests", "fct_batches", "mart_spend_daily", "mart_spend_15min", "mart_spend_monthly"}


class Killed(BaseException):
    """The process ends here."""


def published_of(world: World, workspace_id: str) -> dict[str, list[dict[str, object]]]:
    """Return what is published of a workspace, without what the build is called."""
    return {
        table: [row for row in rows if str(row.get("workspace_id")) == workspace_id]
        for table, rows in everything(world.home).items()
    }


def purge_after_thirty_days(world: World) -> None:
    world.ask_for_deletion()
    world.clock.advance(timedelta(days=30))
    (result,) = purge_due(world.home, world.engine, world.clock)
    assert result.steps == tuple(name for name, _ in STEPS)


def assert_gone(world: World) -> None:
    world.engine.dispose()  # the last connection folds SQLite's log into its file
    assert found_in(world.home.root, world.needles) == []
    with reading(world.engine) as session:
        assert session.scalars(select(User.email).order_by(User.email)).all() == [
            "former@beta.example", "goer@beta.example", OWNER,
        ]  # fmt: skip
        assert session.scalars(select(SignInAttempt.next_path)).all() == ["/x"]
        (row,) = session.scalars(select(Purge)).all()
        assert (row.workspace_id, row.done_step) == (forgotten_id(world.ids["zirkonworks"]), "space")
        assert row.finished_at_us is not None


def test_nothing_is_left_and_the_other_workspace_is_unchanged_to_the_byte(world: World) -> None:
    assert {needle for _, needle in found_in(world.home.root, world.needles)} == set(world.needles), "none is vacuous"
    rows, landed = world.rows_of(world.staying), world.landed_digests(world.staying)
    published = published_of(world, world.staying)
    assert all(published[table] for table in IN_THE_BUILD)
    assert landed
    purge_after_thirty_days(world)
    assert world.rows_of(world.staying) == rows
    assert world.landed_digests(world.staying) == landed
    assert published_of(world, world.staying) == published
    assert_gone(world)
    _goes_on(world)


def _goes_on(world: World) -> None:
    """What is left is whole, up to date, and takes new rows."""
    assert verify(world.home, world.engine).differences == []
    assert verify_audit_chains(world.engine)[1] == []
    assert refresh(world.home, world.engine, world.clock).build_id == build_id(world.home), "there is nothing to do"
    world.send(STAYING, world.rows(STAYING, "afterwards"))
    assert refresh(world.home, world.engine, world.clock).rows_new == 9


def test_killed_before_and_after_every_step_it_goes_on_and_leaves_nothing(world: World) -> None:
    rows, published = world.rows_of(world.staying), published_of(world, world.staying)
    world.ask_for_deletion()
    world.clock.advance(timedelta(days=30))
    points = [f"{when} {name}" for name, _ in STEPS for when in ("before", "after")]
    for point in points:

        def kill(reached: str, point: str = point) -> None:
            if reached == point:
                raise Killed

        with pytest.raises(Killed):
            purge_due(world.home, world.engine, world.clock, kill)
    purge_due(world.home, world.engine, world.clock)
    assert purge_due(world.home, world.engine, world.clock) == []
    assert world.rows_of(world.staying) == rows
    assert published_of(world, world.staying) == published
    assert_gone(world)


def test_killed_by_a_signal_at_the_deletion_of_a_file_it_goes_on(world: World) -> None:
    world.ask_for_deletion()
    with transaction(world.engine) as session:
        begin_purge(session, world.going, world.clock, at_once=True)
    world.engine.dispose()
    landing = world.home.landing / world.going
    for folder, file, interrupted in (
        (world.home.mail, 1, "mail"),
        (world.home.workspace_exports / world.going, 1, "files"),
        (landing, 2, "landing"),
        (world.home.marts, 1, "marts"),
    ):
        if interrupted in ("mail", "landing"):
            assert sum(path.is_file() for path in folder.rglob("*")) > file, "killed with files left"
        command = [sys.executable, "-m", "tests.api.purge.killed_purge", str(world.home.root), str(folder), str(file)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert _goes_on_at(world) == interrupted
    assert not landing.exists()
    assert purge_due(world.home, world.engine, world.clock)[0].steps[0] == "marts"
    assert_gone(world)


def _goes_on_at(world: World) -> str:
    """Return the first step of a purge that is not written down as done."""
    names = [name for name, _ in STEPS]
    with reading(world.engine) as session:
        done = session.get_one(Purge, world.going).done_step
    world.engine.dispose()
    return names[0 if done is None else names.index(done) + 1]


def test_a_purge_is_not_begun_before_its_time_and_not_after_an_undo(world: World) -> None:
    world.ask_for_deletion()
    world.clock.advance(timedelta(days=30) - timedelta(microseconds=1))
    assert purge_due(world.home, world.engine, world.clock) == []
    with reading(world.engine) as session:
        assert due_for_purge(session, world.clock.now()) == []
    letters = Letters(Seal(world.home), "https://meter.example")
    with transaction(world.engine) as session:
        undo_deletion(session, world.going, by=BY, letters=letters, at=world.clock.now())
    world.clock.advance(timedelta(days=3))
    assert purge_due(world.home, world.engine, world.clock) == []
    assert world.rows_of(world.going)["workspaces"]


def test_once_begun_nothing_can_be_undone_or_exported(world: World) -> None:
    letters = Letters(Seal(world.home), "https://meter.example")
    world.ask_for_deletion()
    with transaction(world.engine) as session:
        assert begin_purge(session, world.going, world.clock, at_once=True)
    with pytest.raises(Refused) as refusal, transaction(world.engine) as session:
        undo_deletion(session, world.going, by=BY, letters=letters, at=world.clock.now())
    assert refusal.value.code == "deletion_final"
    with pytest.raises(Refused) as refusal, transaction(world.engine) as session:
        request_export(session, world.going, by=BY, at=world.clock.now())
    assert refusal.value.code == "deletion_final"


def test_it_waits_for_a_backup_and_goes_on_afterwards(world: World) -> None:
    with transaction(world.engine) as session:
        begin_purge(session, world.going, world.clock, at_once=True)
    with landed_bytes_stay(world.home):
        with pytest.raises(BytesNeededError, match="run the purge again"):
            purge_workspace(world.home, world.engine, world.clock, world.going)
        assert world.landed_digests(world.going)
    with reading(world.engine) as session:
        assert session.get_one(Purge, world.going).done_step == "rows"


def test_every_table_is_emptied_by_workspace_or_accounted_for() -> None:
    without = {table.name for table in Base.metadata.sorted_tables if "workspace_id" not in table.c}
    assert without == NOT_BY_WORKSPACE
    assert set(Base.metadata.tables) >= KEPT
