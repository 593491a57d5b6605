"""The cloud worker, tick by tick, against a cloud that may do anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.cloud.link import switch_off
from daemon.cloud.turn import turn
from daemon.cloud.worker import Outcome
from tests.daemon.cloud.laptop import SECRET, Laptop, left
from tests.daemon.cloud.ledger_cloud import (
    BATCH,
    LedgerCloud,
    answers,
    answers_for_another,
    hangs_up,
    loses_the_answer,
    miscounts,
)
from tests.daemon.conftest import Answer


def test_a_tick_sends_all_that_waits_in_order_and_in_pages(laptop: Laptop, ledger: LedgerCloud) -> None:
    calls = laptop.record(1247)
    result = laptop.worker().tick()
    assert (result.outcome, result.tally.accepted, result.tally.batches, result.tally.status) == ("done", 1247, 3, 200)
    assert list(ledger.landed) == [call.id for call in calls]
    assert laptop.store.pending_count() == 0
    assert all(count == 1 for count in ledger.sightings.values())


def test_pages_stay_below_the_size_that_proxies_take(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(40, model="m" * 255, idempotency_key="k" * 255, provider_request_id="r" * 255)
    laptop.worker(page_bytes=20_000).tick()
    sizes = [int(seen.headers["content-length"]) for seen in ledger.requests(BATCH) if not _zipped(seen)]
    assert sizes
    assert max(sizes) <= 20_000
    assert len(ledger.landed) == 40


def test_bodies_are_compressed_once_the_cloud_is_known_to_read_them(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(10)
    worker = laptop.worker()
    worker.tick()
    laptop.record(10)
    worker.tick()
    assert [_zipped(seen) for seen in ledger.requests(BATCH)] == [False, True]


def test_a_cloud_that_reads_no_gzip_any_more_is_sent_plain_json(laptop: Laptop, ledger: LedgerCloud) -> None:
    worker = laptop.worker()
    for faults in ([], [answers(415)], []):
        ledger.faults = list(faults)
        laptop.record(5)
        assert worker.tick().outcome is Outcome.DONE
    assert [_zipped(seen) for seen in ledger.requests(BATCH)] == [False, True, False, False]
    assert len(ledger.landed) == 15


def test_nothing_is_sent_without_the_owners_switch(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    switch_off(laptop.home)
    assert laptop.worker().tick().outcome is Outcome.NOT_CONFIGURED
    assert ledger.seen == []


def test_nothing_is_sent_without_credentials(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    laptop.home.wipe()
    assert laptop.worker().tick().outcome is Outcome.NOT_CONFIGURED
    assert ledger.seen == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[cloud.upload]\npreset = "paranoid"', "preset"),
        ("[cloud.upload]\nprest = 1", "prest"),
        ("[cloud.upload.fields]\nworkdir = false", "workdir"),
        ("[cloud.upload.fields]\nmodel = false", "model"),
        ('[cloud.upload.fields]\nproject = "no"', "config.toml"),
        ('[cloud.upload.per_project."a"]\nuplod = false', "uplod"),
        ('[cloud.upload.per_project."a".fields]\nidd = false', "idd"),
        ('[cloud.upload.per_project." "]\nupload = false', "no project"),
        ("[cloud", "config.toml"),
    ],
)
def test_a_rule_that_cannot_be_understood_stops_everything(
    laptop: Laptop, ledger: LedgerCloud, line: str, said: str
) -> None:
    laptop.record(3)
    laptop.home.config_path.write_text(laptop.home.config_path.read_text() + f"\n{line}\n")
    result = laptop.worker().tick()
    assert result.outcome is Outcome.BLOCKED
    assert result.error is not None
    assert said in result.error
    assert ledger.seen == []
    assert laptop.store.cloud_state().last_error == result.error


@pytest.mark.parametrize(
    ("name", "value"), [("workspace_id", "another"), ("base_url", "http://127.0.0.1:9")], ids=["workspace", "cloud"]
)
def test_config_and_credentials_that_disagree_stop_everything(
    laptop: Laptop, ledger: LedgerCloud, name: str, value: str
) -> None:
    laptop.record(3)
    text = laptop.home.config_path.read_text()
    laptop.home.config_path.write_text("\n".join(f'{name} = "{value}"' if name in k else k for k in text.splitlines()))
    result = laptop.worker().tick()
    assert (result.outcome, ledger.seen) == (Outcome.BLOCKED, [])


def test_withheld_rows_never_leave_and_never_block_those_behind_them(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.set_upload(per_project={"personal": {"upload": False}})
    laptop.record(1200, "personal")
    laptop.record(700, "Personal ", model="hidden-model")
    shared = laptop.record(30, "acme-api")
    assert laptop.worker().tick().outcome is Outcome.DONE
    assert set(ledger.landed) == {call.id for call in shared}
    assert "hidden-model" not in left(ledger)
    assert laptop.store.pending_count() == 1900


def test_rows_leave_once_their_project_may(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.set_upload(per_project={"personal": {"upload": False}})
    laptop.record(3, "personal")
    worker = laptop.worker()
    worker.tick()
    assert ledger.landed == {}
    laptop.set_upload(per_project={})
    worker.tick()
    assert len(ledger.landed) == 3


def test_a_rule_set_while_pages_go_counts_for_the_very_next_page(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(20)

    def then_withhold(cloud: LedgerCloud, seen: Any) -> Answer:
        laptop.set_upload(per_project={"acme-api": {"upload": False}})
        return cloud.receive(seen)

    ledger.faults = [then_withhold]
    worker = laptop.worker(page_rows=5)
    assert worker.tick().outcome is Outcome.MORE
    worker.tick()
    assert len(ledger.landed) == 5


def test_a_batch_whose_answer_was_lost_goes_again_with_the_same_bytes_and_name(
    laptop: Laptop, ledger: LedgerCloud
) -> None:
    laptop.record(7)
    ledger.faults = [loses_the_answer]
    worker = laptop.worker()
    assert worker.tick().outcome is Outcome.FAILED
    laptop.record(3)
    laptop.clock.pass_by(60)
    assert worker.tick().outcome is Outcome.DONE
    first, again, rest = ledger.requests(BATCH)
    assert first.body == again.body
    assert len(rest.body["records"]) == 3
    assert (len(ledger.landed), laptop.store.pending_count()) == (10, 0)


def test_a_lost_batch_whose_rules_changed_does_not_go_again(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(7, "personal")
    ledger.faults = [hangs_up]
    laptop.worker().tick()
    laptop.set_upload(per_project={"personal": {"upload": False}})
    assert laptop.worker().tick().outcome is Outcome.DONE
    assert len(ledger.requests(BATCH)) == 1
    assert laptop.store.open_batches() == []
    assert laptop.store.pending_count() == 7


def test_a_lost_batch_goes_again_under_todays_rules(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.set_upload(preset="full")
    laptop.record(2)
    ledger.faults = [hangs_up]
    laptop.worker().tick()
    laptop.set_upload(preset="minimal")
    laptop.worker().tick()
    first, again = ledger.requests(BATCH)
    assert SECRET in json.dumps(first.body)
    assert SECRET not in json.dumps(again.body)
    assert first.body["batch_id"] != again.body["batch_id"]
    assert len(ledger.landed) == 2


NO_ACKNOWLEDGEMENT = [
    *(pytest.param(answers(status), id=f"empty-{status}") for status in (301, 302, 307, 308)),
    pytest.param(answers(200, b"<html>Welcome</html>"), id="a-hotel"),
    pytest.param(answers(200, b"[]"), id="no-object"),
    pytest.param(answers(200, {"ok": True}), id="somebody-else"),
    pytest.param(answers_for_another, id="another-batch"),
    pytest.param(miscounts, id="miscounted"),
    pytest.param(hangs_up, id="hung-up"),
    *(pytest.param(answers(status), id=str(status)) for status in (400, 404, 405, 409, 415, 422, 425, 500, 503)),
]


@pytest.mark.parametrize("fault", NO_ACKNOWLEDGEMENT)
def test_what_is_no_acknowledgement_costs_no_row(laptop: Laptop, ledger: LedgerCloud, fault: Any) -> None:
    calls = laptop.record(6)
    worker = laptop.worker()
    ledger.faults = [fault] * 99
    for _ in range(3):
        assert worker.tick().outcome is Outcome.FAILED
        laptop.clock.pass_by(60)
    assert laptop.store.pending_count() == 6
    assert laptop.store.quarantined(10) == []
    assert laptop.store.cloud_state().consecutive_failures == 3
    ledger.faults = []
    assert worker.tick().outcome is Outcome.DONE
    assert set(ledger.landed) == {call.id for call in calls}
    assert laptop.store.cloud_state().consecutive_failures == 0
    assert laptop.store.cloud_state().last_error is None


def test_an_empty_answer_counts_only_until_the_cloud_has_given_a_receipt(laptop: Laptop, ledger: LedgerCloud) -> None:
    worker = laptop.worker()
    ledger.faults = [answers(204)]
    laptop.record(2)
    assert worker.tick().outcome is Outcome.DONE
    assert laptop.store.pending_count() == 0
    laptop.record(2)
    assert worker.tick().outcome is Outcome.DONE
    laptop.record(2)
    ledger.faults = [answers(204)]
    assert worker.tick().outcome is Outcome.FAILED
    assert laptop.store.pending_count() == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("token_revoked", "paused_unauthorised"),
        ("token_unknown", "paused_unauthorised"),
        ("workspace_deleted", "paused_workspace_deleted"),
        (None, "paused_unauthorised"),
    ],
)
def test_a_dead_token_pauses_with_the_clouds_reason_and_keeps_every_row(
    laptop: Laptop, ledger: LedgerCloud, code: str | None, reason: str
) -> None:
    laptop.record(6)
    ledger.faults = [answers(401, {"error": {"code": code, "message": "Gone."}} if code else None)]
    worker = laptop.worker()
    assert worker.tick().outcome is Outcome.PAUSED
    assert laptop.store.cloud_state().paused_reason == reason
    assert worker.tick().outcome is Outcome.PAUSED
    assert len(ledger.seen) == 1
    assert laptop.store.pending_count() == 6
    assert laptop.store.open_batches() == []


def test_lost_membership_pauses(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    ledger.faults = [answers(403)]
    laptop.worker().tick()
    assert laptop.store.cloud_state().paused_reason == "paused_forbidden"


@pytest.mark.parametrize("status", [429, 503])
def test_the_cloud_is_left_alone_for_as_long_as_it_asks(laptop: Laptop, ledger: LedgerCloud, status: int) -> None:
    laptop.record(1)
    ledger.faults = [answers(status, None, Retry_After="120")]
    worker = laptop.worker()
    assert worker.tick().wait_seconds == 120
    laptop.clock.pass_by(119)
    assert worker.tick().outcome is Outcome.WAITING
    assert len(ledger.seen) == 1
    laptop.clock.pass_by(2)
    assert worker.tick().outcome is Outcome.DONE


def test_waits_grow_up_to_a_cap(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    ledger.faults = [hangs_up] * 5
    worker = laptop.worker()
    waits: list[float] = []
    for _ in range(5):
        waits.append(worker.tick().wait_seconds)
        laptop.clock.pass_by(waits[-1])
    assert waits == [10, 20, 40, 40, 40]
    assert worker.tick().outcome is Outcome.DONE


def test_a_page_that_is_too_large_is_halved_until_it_fits(laptop: Laptop, ledger: LedgerCloud) -> None:
    calls = laptop.record(500)
    ledger.most_rows = 40
    assert laptop.worker().tick().outcome is Outcome.DONE
    assert list(ledger.landed) == [call.id for call in calls]
    assert laptop.store.pending_count() == 0
    assert len(ledger.seen) < 60


def test_a_single_row_that_is_too_large_is_set_aside_when_others_get_through(
    laptop: Laptop, ledger: LedgerCloud
) -> None:
    calls = laptop.record(20)
    ledger.too_large = {calls[7].id}
    assert laptop.worker().tick().outcome is Outcome.DONE
    assert len(ledger.landed) == 19
    [aside] = laptop.store.quarantined(10)
    assert (aside.call.id, aside.code) == (calls[7].id, "too_large")


def test_a_proxy_that_refuses_everything_as_too_large_costs_no_row(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(20)
    ledger.most_rows = 0
    assert laptop.worker().tick().outcome is Outcome.FAILED
    assert laptop.store.quarantined(10) == []
    assert laptop.store.pending_count() == 20


def test_rows_the_cloud_sets_aside_are_known_by_their_place(laptop: Laptop, ledger: LedgerCloud) -> None:
    calls = laptop.record(9)
    ledger.poison = {calls[4].id}
    result = laptop.worker().tick()
    assert (result.tally.accepted, result.tally.quarantined) == (8, 1)
    [aside] = laptop.store.quarantined(10)
    assert (aside.call.id, aside.code, aside.detail) == (calls[4].id, "bad_instant", "No such day.")


def test_a_pause_counts_at_the_next_page(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(20)

    def then_pause(cloud: LedgerCloud, seen: Any) -> Answer:
        laptop.store.set_cloud_state(paused_reason="paused_manual")
        return cloud.receive(seen)

    ledger.faults = [then_pause]
    worker = laptop.worker(page_rows=5)
    worker.tick()
    assert worker.tick().outcome is Outcome.PAUSED
    assert len(ledger.landed) == 5


def test_who_pairs_anew_while_the_old_token_dies_is_not_paused(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)

    def then_disconnect(cloud: LedgerCloud, seen: Any) -> Answer:
        switch_off(laptop.home)
        laptop.store.clear_cloud_state()
        return Answer(401)

    ledger.faults = [then_disconnect]
    laptop.worker().tick()
    assert laptop.store.cloud_state().paused_reason is None


def test_only_one_process_sends_at_a_time(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    with turn(laptop.home) as mine:
        assert mine
        assert laptop.worker().tick().outcome is Outcome.BUSY
    assert laptop.worker().tick().outcome is Outcome.DONE


def test_a_long_queue_is_left_at_the_end_of_its_time(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(20)

    def slowly(cloud: LedgerCloud, seen: Any) -> Answer:
        laptop.clock.pass_by(4)
        return cloud.receive(seen)

    ledger.faults = [slowly] * 3
    worker = laptop.worker(page_rows=5)
    assert worker.tick().outcome is Outcome.MORE
    assert len(ledger.landed) == 15
    assert worker.tick().outcome is Outcome.DONE


def test_a_queue_that_grows_is_remembered_look_by_look(laptop: Laptop, ledger: LedgerCloud) -> None:
    worker = laptop.worker(page_rows=5)
    ledger.faults = [hangs_up] * 3
    for _ in range(3):
        laptop.record(10)
        worker.tick()
        laptop.clock.pass_by(60)
    assert [pending for _, pending in laptop.store.cloud_state().queue_history] == [10, 20, 30]


def _zipped(seen: Any) -> bool:
    return seen.headers.get("content-encoding") == "gzip"


def test_the_digest_written_down_is_that_of_the_bytes(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(12, "prójekt")
    laptop.worker().tick()
    assert {batch.batch_id: batch.records_sha256 for batch in laptop.store.batches(5)} == ledger.digests
