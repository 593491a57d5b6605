"""Calls on their way to a cloud: none is lost, none is offered twice, whatever happens in between."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.clock import DAY, SystemClock
from daemon.store.cloud_state import CloudState, ServerNote
from daemon.store.store import Store
from daemon.wire.batch import Quarantined, Receipt, Withheld
from pipelines.lake.clock import FixedClock
from tests.daemon.store.made_calls import NOON_US, made_call, made_calls, receipt


def ids(store: Store, limit: int = 100, **options: Any) -> list[str]:
    return [call.id for call in store.pending(limit, **options)]


def test_pages_follow_each_other_by_record_and_id(store: Store) -> None:
    calls = [made_call(number, age_us=number // 4) for number in range(20)]
    store.add(calls)
    after, seen = None, []
    while page := store.pending(3, after=after):
        after = (page[-1].recorded_at_us, page[-1].id)
        seen += page
    assert seen == sorted(calls, key=lambda call: (call.recorded_at_us, call.id))


def test_excluded_projects_are_left_out_in_any_case_and_keep_waiting(store: Store) -> None:
    store.add([made_call(1), made_call(2, project="personal"), made_call(3, project="Personal"), made_call(4)])
    assert ids(store, excluded_projects=["PERSONAL"]) == [made_call(1).id, made_call(4).id]
    assert ids(store, 1, excluded_projects={"personal", "other"}) == [made_call(1).id]
    assert store.pending_count(excluded_projects=["personal"]) == 2
    assert store.withheld_count(["personal"]) == 2
    assert store.withheld_count([]) == 0
    assert store.pending_count() == 4
    assert ids(store, excluded_projects=["'; DROP TABLE calls; --", "\ud800"]) == ids(store)


def test_what_is_being_sent_is_not_offered_again_and_is_known_after_a_crash(
    path: Path, store: Store, clock: FixedClock
) -> None:
    store.add(made_calls(5))
    sent = ids(store, 3)
    store.open_batch("b1", sent[::-1], "ab" * 32)
    with Store(path, clock) as after_the_crash:
        (batch,) = after_the_crash.open_batches()
        assert (batch.batch_id, batch.state, batch.call_ids) == ("b1", "open", tuple(sent[::-1]))
        assert (batch.row_count, batch.records_sha256, batch.opened_at_us) == (3, "ab" * 32, NOON_US)
        assert ids(after_the_crash) == [call.id for call in made_calls(5)[3:]]
        assert after_the_crash.pending_count() == 5


def test_an_acknowledged_batch_is_sent_but_for_the_rows_set_aside(store: Store, clock: FixedClock) -> None:
    store.add(made_calls(4))
    sent = ids(store)
    store.open_batch("b1", sent, "00")
    aside = (
        Quarantined(index=0, id=sent[2].upper(), code="bad_instant", detail="It lies in the future."),
        Quarantined(index=3, id=None, code="bad_id", detail="No id. \ud800"),
        Quarantined(index=1, id="somebody-else", code="x", detail="y"),
        Quarantined(index=99, id=None, code="x", detail="y"),
    )
    store.close_batch("b1", receipt("b1", 4, quarantined=aside))
    assert store.pending_count() == 0
    assert [(q.call.id, q.code, q.detail, q.batch_id) for q in store.quarantined(9)] == [
        (sent[3], "bad_id", "No id. ?", "b1"),
        (sent[2], "bad_instant", "It lies in the future.", "b1"),
    ]
    (batch,) = store.batches(9)
    assert (batch.state, batch.call_ids, batch.closed_at_us) == ("acknowledged", tuple(sent), NOON_US)
    assert (batch.received, batch.accepted, batch.duplicates, batch.quarantined) == (4, 0, 0, 4)
    assert store.open_batches() == []


def test_a_second_answer_to_a_batch_changes_nothing(store: Store) -> None:
    store.add(made_calls(2))
    sent = ids(store)
    store.open_batch("b1", sent, "00")
    store.close_batch("b1", receipt("b1", 2))
    store.close_batch("b1", receipt("b1", 9, quarantined=(Quarantined(index=0, id=None, code="c", detail="d"),)))
    assert store.quarantined(9) == []
    assert [(batch.accepted, batch.quarantined) for batch in store.batches(9)] == [(2, 0)]
    with pytest.raises(ValueError, match="acknowledged"):
        store.drop_batch("b1")


def test_a_dropped_batch_gives_its_calls_back(store: Store) -> None:
    store.add(made_calls(3))
    before = ids(store)
    store.open_batch("b1", before, "00")
    store.drop_batch("b1")
    store.drop_batch("b1")
    assert ids(store) == before
    assert [(batch.state, batch.call_ids) for batch in store.batches(9)] == [("dropped", ())]
    with pytest.raises(ValueError, match="dropped"):
        store.close_batch("b1", receipt("b1", 3))
    store.open_batch("b2", before[:1], "00")
    assert [batch.batch_id for batch in store.batches(9)] == ["b2", "b1"]


def test_a_batch_nobody_opened_has_no_answer(store: Store) -> None:
    with pytest.raises(LookupError):
        store.close_batch("nothing", receipt("nothing", 1))
    with pytest.raises(LookupError):
        store.drop_batch("nothing")


@pytest.mark.parametrize("wrong", [[], [1, 1], [1, 99], [4], [3]])
def test_a_batch_holds_only_calls_that_wait_each_once(store: Store, wrong: list[int]) -> None:
    store.add(made_calls(4))
    store.open_batch("done", [made_call(4).id], "00")
    store.close_batch("done", receipt("done", 1))
    store.open_batch("open", [made_call(3).id], "00")
    with pytest.raises(ValueError, match="batch"):
        store.open_batch("new", [made_call(number).id for number in wrong], "00")
    with pytest.raises(ValueError, match="already"):
        store.open_batch("done", [made_call(1).id], "00")
    assert [batch.batch_id for batch in store.batches(9)] == ["open", "done"]
    assert ids(store) == [made_call(1).id, made_call(2).id]


def test_a_call_no_cloud_can_take_is_set_aside_here(store: Store) -> None:
    store.add(made_calls(3))
    store.open_batch("open", [made_call(3).id], "00")
    assert store.quarantine([made_call(1).id, made_call(3).id, "nothing"], "too_large", "It is too large.") == 1
    assert ids(store) == [made_call(2).id]
    (aside,) = store.quarantined(9)
    assert (aside.call.id, aside.code, aside.batch_id, aside.acknowledged_at_us) == (
        made_call(1).id,
        "too_large",
        "",
        NOON_US,
    )


def test_what_the_cloud_withholds_is_noted_until_it_shows_it_again(store: Store, clock: FixedClock) -> None:
    def send(batch: str, *numbers: int, withheld: tuple[Withheld, ...] = ()) -> None:
        store.open_batch(batch, [made_call(number).id for number in numbers], "00")
        store.close_batch(batch, receipt(batch, len(numbers), withheld=withheld))

    store.add([made_call(n, project="old" if n < 5 else "new") for n in range(1, 9)])
    archived = Withheld(project="old", reason="project_archived", rows=2)
    send("b1", 1, 2, withheld=(archived,))
    send("b2", 3, 5, withheld=(Withheld(project="old", reason="project_archived", rows=1),))
    assert store.cloud_state().server_notes == (ServerNote("old", "project_archived", 3, NOON_US),)
    assert store.batches(2)[1].withheld == (archived,)
    send("b3", 6)
    assert len(store.cloud_state().server_notes) == 1
    send("b4", 4, 7)
    assert store.cloud_state().server_notes == ()


def test_a_field_of_the_clouds_state_changes_alone(path: Path, store: Store, clock: FixedClock) -> None:
    assert store.cloud_state() == CloudState()
    store.set_cloud_state(workspace_id="w", api_key_ciphertext=b"\x00secret", queue_history=((1, 2), (3, 4)))
    store.set_cloud_state(last_error="gone \ud800", consecutive_failures=3, workspace_name="Acme")
    expected = CloudState(
        workspace_id="w",
        workspace_name="Acme",
        api_key_ciphertext=b"\x00secret",
        queue_history=((1, 2), (3, 4)),
        last_error="gone ?",
        consecutive_failures=3,
    )
    with Store(path, clock) as again:
        assert again.cloud_state() == expected
    with pytest.raises(TypeError):
        store.set_cloud_state(no_such_field=1)  # type: ignore[call-arg]
    assert store.cloud_state() == expected


def test_forgetting_the_cloud_leaves_no_trace_of_the_key_and_gives_open_batches_back(path: Path, store: Store) -> None:
    store.add(made_calls(2))
    store.set_cloud_state(workspace_id="w", api_key_ciphertext=b"a-very-secret-ciphertext")
    store.open_batch("b1", [made_call(1).id], "00")
    store.clear_cloud_state()
    assert store.cloud_state() == CloudState()
    assert store.open_batches() == []
    assert len(ids(store)) == 2
    for file in path.parent.iterdir():
        assert b"a-very-secret" not in file.read_bytes()


class Outbox(RuleBasedStateMachine):
    """The outbox against a model of it: each call in one state, batches that open and close, a purge, a re-opening."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "db.sqlite"
        self.clock = SystemClock()
        self.state: dict[str, str] = {}
        self.open: dict[str, list[str]] = {}
        self.batches = 0
        self.now = int(SystemClock().now().timestamp()) * 1_000_000
        self.store = Store(self.path, self.clock)

    @initialize()
    def some_calls(self) -> None:
        self.add(6, 0, "a")

    @rule(count=st.integers(1, 5), days=st.integers(0, 5), project=st.sampled_from("ab"))
    def add(self, count: int, days: int, project: str) -> None:
        first = len(self.state)
        calls = [
            made_call(first + offset, project=project, requested_at_us=self.now - days * DAY, recorded_at_us=self.now)
            for offset in range(count)
        ]
        assert self.store.add(calls) == count
        self.state |= {call.id: f"pending {project} {days}" for call in calls}

    @rule(number=st.integers(0, 40))
    def add_again(self, number: int) -> None:
        call = made_call(number)
        if call.id in self.state:
            assert self.store.add([call]) == 0

    @rule(limit=st.integers(1, 8), excluded=st.sampled_from(["", "a", "b"]))
    def send(self, limit: int, excluded: str) -> None:
        page = [call.id for call in self.store.pending(limit, excluded_projects=[excluded])]
        waiting = [i for i, state in self.state.items() if state.startswith("pending") and state.split()[1] != excluded]
        free = set(waiting) - {i for batch in self.open.values() for i in batch}
        assert set(page) <= free
        assert len(page) == min(limit, len(free))
        if page:
            self.batches += 1
            self.store.open_batch(f"b{self.batches}", page, "00")
            self.open[f"b{self.batches}"] = page

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(sorted(self.open)))
        page = self.open.pop(batch)
        aside = data.draw(st.sets(st.sampled_from(range(len(page)))))
        rows = [Quarantined(index=index, id=page[index], code="c", detail="d") for index in aside]
        answer = Receipt(
            batch_id=batch,
            received=len(page),
            accepted=len(page) - len(aside),
            duplicates=0,
            withheld=[],
            quarantined=rows,
        )
        self.store.close_batch(batch, answer)
        for index, call_id in enumerate(page):
            verdict = "quarantined" if index in aside else "sent"
            self.state[call_id] = self.state[call_id].replace("pending", verdict)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(sorted(self.open)))
        del self.open[batch]
        self.store.drop_batch(batch)

    @rule(days=st.integers(1, 6), keep_pending=st.booleans())
    def purge(self, days: int, keep_pending: bool) -> None:  # noqa: FBT001 - drawn by name
        travelling = {i for batch in self.open.values() for i in batch}
        old = {
            call_id
            for call_id, state in self.state.items()
            if not state.startswith("purged")
            and int(state.split()[2]) >= days
            and call_id not in travelling
            and not (keep_pending and state.startswith("pending"))
        }
        assert self.store.purge(days, keep_pending=keep_pending) == len(old)
        for call_id in old:
            self.state[call_id] = "purged - 0"

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = Store(self.path, self.clock)

    @invariant()
    def every_call_is_where_the_model_has_it(self) -> None:
        kept = {call.id for call in self.store.newest(1_000)}
        assert kept == {i for i, state in self.state.items() if not state.startswith("purged")}
        waiting = sum(state.startswith("pending") for state in self.state.values())
        assert self.store.pending_count() == waiting
        assert self.store.withheld_count(["A"]) == sum(s.startswith("pending a") for s in self.state.values())
        aside = {each.call.id for each in self.store.quarantined(1_000)}
        assert aside == {i for i, state in self.state.items() if state.startswith("quarantined")}
        assert {batch.batch_id: list(batch.call_ids) for batch in self.store.open_batches()} == self.open

    def teardown(self) -> None:
        assert self.store.faults() == []
        self.store.close()
        self.folder.cleanup()


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=15, stateful_step_count=20)
