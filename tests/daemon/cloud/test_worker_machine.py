"""The worker through any mixture of faults, kills, pauses and changed rules: nothing lost, doubled or leaked."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.cloud.worker import CloudWorker, Outcome
from daemon.store.store import Store
from tests.daemon.cloud.laptop import SECRET, Laptop
from tests.daemon.cloud.ledger_cloud import (
    BATCH,
    LedgerCloud,
    answers,
    answers_for_another,
    hangs_up,
    loses_the_answer,
    miscounts,
)

PROJECTS = ("acme-api", "Acme-API", "personal", "side project")
FAULTS = {
    "hang up": hangs_up,
    "lose the answer": loses_the_answer,
    "another's receipt": answers_for_another,
    "miscount": miscounts,
    "hotel": answers(200, b"<html>"),
    "redirect": answers(308),
    "busy": answers(429, None, Retry_After="30"),
    **{str(status): answers(status) for status in (400, 404, 413, 415, 422, 500, 503)},
}


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A store whose process is killed before or after one of its steps."""

    def __init__(self, store: Store, steps: int) -> None:
        self._store = store
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)

        def step_by_step(*arguments: Any, **named: Any) -> Any:
            self._step()
            answer = found(*arguments, **named)
            self._step()
            return answer

        return step_by_step

    def _step(self) -> None:
        self._steps -= 1
        if self._steps == 0:
            raise Killed


class WorkerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = LedgerCloud()
        self.laptop = Laptop(Path(self.folder.name) / "meter", self.ledger.url)
        self.preset = "standard"
        self.kept_here: set[str] = set()
        self.projects: dict[str, str] = {}
        self.worker: CloudWorker = self.laptop.worker(page_rows=7, page_bytes=6_000)

    @rule(count=st.integers(1, 20), project=st.sampled_from(PROJECTS))
    def record(self, count: int, project: str) -> None:
        self.projects |= {call.id: project for call in self.laptop.record(count, project)}

    @rule(names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=4))
    def misbehave(self, names: list[str]) -> None:
        self.ledger.faults = [FAULTS[name] for name in names]

    @rule(most_rows=st.sampled_from([1, 3, 10**9]))
    def take_only(self, most_rows: int) -> None:
        self.ledger.most_rows = most_rows

    @rule(preset=st.sampled_from(["minimal", "standard", "full"]), kept=st.sets(st.sampled_from(PROJECTS), max_size=2))
    def choose(self, preset: str, kept: set[str]) -> None:
        self.preset = preset
        # Each is set under another spelling than the calls have.
        self.kept_here = {project.casefold() for project in kept}
        rules = {project.upper(): {"upload": False} for project in kept}
        self.laptop.set_upload(preset=preset, per_project=rules)

    @rule()
    def tick(self) -> None:
        self._tick(self.worker)

    @rule(steps=st.integers(1, 40))
    def tick_and_die(self, steps: int) -> None:
        mortal: Any = Mortal(self.laptop.store, steps)
        with suppress(Killed):
            self._tick(self.laptop.worker(mortal, page_rows=7, page_bytes=6_000))
        self._start_anew()

    @rule()
    def restart(self) -> None:
        self._start_anew()

    @precondition(lambda self: self.laptop.store.cloud_state().receipts_at_us is not None)
    @rule()
    def answer_nothing(self) -> None:
        self.ledger.faults = [answers(204)]

    @rule(status=st.sampled_from([401, 403]))
    def refuse_the_token(self, status: int) -> None:
        self.ledger.faults = [answers(status)]

    @rule()
    def resume(self) -> None:
        self.laptop.store.set_cloud_state(paused_reason=None)

    @invariant()
    def what_counts_as_sent_has_landed(self) -> None:
        assert self._sent() <= self.ledger.landed.keys()

    @invariant()
    def nothing_is_set_aside_but_by_a_verdict(self) -> None:
        assert self.laptop.store.quarantined(5) == []

    @invariant()
    def a_batch_that_goes_again_is_the_same(self) -> None:
        bodies: dict[str, str] = {}
        for seen in self.ledger.requests(BATCH):
            assert bodies.setdefault(seen.body["batch_id"], json.dumps(seen.body)) == json.dumps(seen.body)

    def teardown(self) -> None:
        try:
            self.ledger.faults, self.ledger.most_rows = [], 10**9
            self.resume()
            self._start_anew()
            assert self._tick(self.worker) is Outcome.DONE
            may_leave = {one for one, project in self.projects.items() if project.casefold() not in self.kept_here}
            assert may_leave <= self.ledger.landed.keys()
            assert self._sent() >= may_leave
            assert self.laptop.store.open_batches() == []
        finally:
            self.laptop.close()
            self.ledger.stop()
            self.folder.cleanup()

    def _tick(self, worker: CloudWorker) -> Outcome:
        sent_before, seen_before = self._sent(), len(self.ledger.seen)
        self.laptop.clock.pass_by(400)
        try:
            return worker.tick().outcome
        finally:
            for seen in self.ledger.seen[seen_before:]:
                self._hold_to_the_rules(seen.body["records"], sent_before)

    def _hold_to_the_rules(self, records: list[dict[str, Any]], sent_before: set[str]) -> None:
        for record in records:
            assert record["id"] not in sent_before
            project = self.projects[record["id"]]
            assert project.casefold() not in self.kept_here
            assert record["project"] == (None if self.preset == "minimal" else project)
            assert record["source_workdir"] == (SECRET if self.preset == "full" else None)

    def _sent(self) -> set[str]:
        connection = self.laptop.store.connection_for_reading()
        try:
            return {row[0] for row in connection.execute("SELECT id FROM calls WHERE upload_state = 'sent'")}
        finally:
            connection.close()

    def _start_anew(self) -> None:
        self.laptop.store.close()
        self.laptop.store = Store(self.laptop.home.database_path, self.laptop.clock)
        self.worker = self.laptop.worker(page_rows=7, page_bytes=6_000)


TestWorkerMachine = WorkerMachine.TestCase
TestWorkerMachine.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("steps", range(1, 40))
def test_killed_at_any_step_of_a_tick_nothing_is_lost_or_doubled(
    laptop: Laptop, ledger: LedgerCloud, steps: int
) -> None:
    calls = laptop.record(12)
    mortal: Any = Mortal(laptop.store, steps)
    with suppress(Killed):
        laptop.worker(mortal, page_rows=7).tick()
    first = {seen.body["batch_id"]: seen.body for seen in ledger.seen}
    assert laptop.worker().tick().outcome is Outcome.DONE
    assert set(ledger.landed) == {call.id for call in calls}
    assert laptop.store.pending_count() == 0
    for seen in ledger.seen:
        assert first.get(seen.body["batch_id"], seen.body) == seen.body
