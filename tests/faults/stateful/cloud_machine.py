"""Rules by which Hypothesis plays with a whole installation, and what must hold after each.

Belongs here: the state machine. Does not belong here: driving the installation (`cloud_under_test`), what is right
(`ledger_model`), how often and on which database it is played (the tests).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from pipelines.verify import verify
from tests.faults.stateful.beta_alone import BetaDiary, parting
from tests.faults.stateful.cloud_records import IDS, POISON, VARIANTS, made
from tests.faults.stateful.cloud_under_test import DEVICES, SLUGS, Cloud, csv_totals, millicents, totals
from tests.faults.stateful.ledger_model import WorkspaceModel, sums_by_project, sums_of
from tests.pipelines.published import everything

_log = logging.getLogger(__name__)

PICKS = st.lists(st.tuples(st.integers(0, IDS - 1), st.sampled_from(VARIANTS)), min_size=1, max_size=8)
POISONED = st.lists(st.tuples(st.integers(0, 8), st.integers(0, len(POISON) - 1)), max_size=2)
SENDER = {"slug": st.sampled_from(SLUGS), "device": st.sampled_from(DEVICES)}
DEATHS = ("publish", "record_build", "mark_finished")
"""Steps a dying refresh does not come to: before the pointer moved, after it, after the warehouse was written down."""


@dataclass
class Budget:
    """What one example may spend on builds, and what the whole campaign did."""

    builds_each: int = 2
    sends_before_a_build: int = 3
    replays: int = 1
    done: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, name: str, by: int = 1) -> None:
        self.done[name] = self.done.get(name, 0) + by


class CloudMachine(RuleBasedStateMachine):
    """Daemons send, operators archive, processes die, builds run: the answers stay what the model says."""

    def __init__(self, new_cloud: Callable[..., Cloud], budget: Budget) -> None:
        super().__init__()
        self.budget, self.new_cloud = budget, new_cloud
        self.cloud = new_cloud(SLUGS)
        self.models = {slug: WorkspaceModel() for slug in SLUGS}
        self.sent: list[tuple[list[Any], frozenset[int]]] = []
        self.builds_left = budget.builds_each
        self.sends_since_build = 0
        self.diary = BetaDiary(self.cloud.clock.now())
        budget.count("examples")

    def tick(self, name: str, *details: object) -> None:
        """Let a second pass; every step has an instant of its own."""
        self.budget.count(name)
        self.cloud.clock.advance(timedelta(seconds=1))
        self.diary.note(self.cloud.clock.now(), name, *details)

    # -- what daemons do

    @rule(**SENDER, picks=PICKS, poison=POISONED)
    def send(self, slug: str, device: str, picks: list[tuple[int, str]], poison: list[tuple[int, int]]) -> None:
        records: list[Any] = [made(*pick) for pick in picks]
        bad: list[Any] = []
        for position, which in poison:
            bad.append(POISON[which])
            records.insert(position, POISON[which])
        spoilt = frozenset(index for index, one in enumerate(records) if any(one is other for other in bad))
        self.sent.append((records, spoilt))
        self.deliver(slug, device, records, spoilt)

    @precondition(lambda self: bool(self.sent))
    @rule(**SENDER, number=st.integers(0, 1000), turned=st.booleans())
    def resend(self, slug: str, device: str, number: int, turned: bool) -> None:  # noqa: FBT001
        records, spoilt = self.sent[number % len(self.sent)]
        if turned:
            spoilt = frozenset(len(records) - 1 - index for index in spoilt)
            records = records[::-1]
        self.deliver(slug, device, records, spoilt)

    def deliver(self, slug: str, device: str, records: list[Any], spoilt: frozenset[int]) -> None:
        """Send a batch and hold its receipt against the model: the first invariant, at the door."""
        self.tick("send", slug, device, records)
        answer = self.cloud.send(slug, device, records)
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        model, at = self.models[slug], self.cloud.clock.now()
        known = len(model.landed)
        account = model.receive(records, set(spoilt), device, receipt["batch_id"], at)
        assert account.adds_up
        said = (receipt["received"], receipt["accepted"], receipt["duplicates"], len(receipt["quarantined"]))
        assert said == (account.received, account.landed, account.duplicate, account.quarantined)
        if account.quarantined:
            assert {one["index"] for one in receipt["quarantined"]} == spoilt
        fresh = [one.record for one in model.landed[known:]]
        assert {one["project"]: one["rows"] for one in receipt["withheld"]} == model.withheld_of(fresh, at)
        self.sends_since_build += 1

    @rule(**SENDER, picks=PICKS, committed=st.booleans())
    def crash(self, slug: str, device: str, picks: list[tuple[int, str]], committed: bool) -> None:  # noqa: FBT001
        records = [made(*pick) for pick in picks]
        self.tick("crash", slug, device, records, committed)
        self.cloud.leave_half_a_file(slug)
        self.cloud.send_dying(slug, device, records, committed=committed)
        if committed:
            name = f"attempt-{self.cloud.attempts}"
            self.models[slug].receive(records, set(), device, name, self.cloud.clock.now())
        self.sent.append((records, frozenset()))
        self.sends_since_build += 1
        self.deliver(slug, device, records, frozenset())  # as a daemon does that was not answered
        # The new process swept before it took the first batch.
        assert self.cloud.landing_files_on_disk() <= self.cloud.committed_files()

    # -- what operators do

    @precondition(lambda self: any(model.projects - model.archived.keys() for model in self.models.values()))
    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        open_ones = [(slug, one) for slug, m in self.models.items() for one in sorted(m.projects - m.archived.keys())]
        slug, project = data.draw(st.sampled_from(open_ones))
        self.tick("archive", slug, project)
        self.cloud.archive(slug, project)
        self.models[slug].archived[project] = self.cloud.clock.now()

    @precondition(lambda self: any(model.archived for model in self.models.values()))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        slug, project = data.draw(
            st.sampled_from([(slug, one) for slug, m in self.models.items() for one in sorted(m.archived)])
        )
        self.tick("restore", slug, project)
        self.cloud.restore(slug, project)
        del self.models[slug].archived[project]

    # -- what the pipelines do

    def may_build(self) -> bool:
        return self.builds_left > 0 and self.sends_since_build >= self.budget.sends_before_a_build

    @precondition(may_build)
    @rule()
    def refresh(self) -> None:
        self.build("refresh")
        self.check()

    @precondition(may_build)
    @rule()
    def full_rebuild(self) -> None:
        """The fourth invariant: what grew build by build is what a build of everything makes."""
        self.build("refresh")
        grown = everything(self.cloud.home)
        self.build("full rebuild", full=True)
        assert everything(self.cloud.home) == grown
        self.check()

    @precondition(may_build)
    @rule(step=st.sampled_from(DEATHS))
    def crash_of_refresh(self, step: str) -> None:
        self.tick("crash of refresh", step)
        self.cloud.refresh_dying(step)
        self.build("refresh")
        self.check()

    @precondition(lambda self: self.builds_left < self.budget.builds_each)
    @rule(dies=st.booleans())
    def compact(self, dies: bool) -> None:  # noqa: FBT001
        """A day goes by, and what was received on it is put into few files; at times by a process that dies."""
        self.tick("compact", dies)
        self.cloud.clock.advance(timedelta(days=1))
        self.diary.note(self.cloud.clock.now(), "next day")
        merges = self.cloud.compact(dies=dies)
        self.budget.count("merges", merges)
        assert verify(self.cloud.home, self.cloud.engine).differences == []

    def build(self, name: str, *, full: bool = False) -> None:
        self.tick(name)
        self.builds_left -= 1
        self.sends_since_build = 0
        self.cloud.refresh(full=full)

    # -- what must hold of every published build

    def check(self) -> None:
        for slug in SLUGS:
            self.check_dashboards(slug)
            self.check_devices(slug)

    def check_dashboards(self, slug: str) -> None:
        """Hold dashboards and CSV against the model and each other, unfiltered and by a project and a device."""
        model, cloud = self.models[slug], self.cloud
        filters: list[tuple[dict[str, str], Callable[[Any], bool]]] = [
            ({}, lambda _: True),
            ({"project": "red"}, lambda one: one.record["project"] == "red"),
            ({"device": cloud.device_ids[slug, DEVICES[0]]}, lambda one: one.device == DEVICES[0]),
        ]
        for query, keep in filters:
            rows = [one.record for one in model.visible(keep)]
            answers = [cloud.view(slug, page, **query) for page in ("overview", "projects", "requests")]
            assert len({one["build_id"] for one in answers}) == 1
            assert [totals(one["totals"]) for one in answers] == [sums_of(rows)] * 3
            listed = cloud.csv(slug, **query)
            assert sorted(row["request_id"] for row in listed) == sorted(row["id"] for row in rows)
            assert csv_totals(listed) == sums_of(rows)
            by_project = sums_by_project(rows)
            shown = {one["project"]: one for one in answers[1]["projects"] if one["requests"]}
            assert {project: (one["requests"], millicents(one["cost_usd"])) for project, one in shown.items()} == {
                project: (sums[0], sums[4]) for project, sums in by_project.items()
            }
        assert cloud.view(slug, "overview")["withheld_requests"] == model.withheld()

    def check_devices(self, slug: str) -> None:
        """Hold each device's totals and receipts against the model."""
        model, settled = self.models[slug], self.models[slug].settled()
        self.diary.note(self.cloud.clock.now(), "ask", slug)
        told: dict[str, tuple[int, int, int, int]] = {}
        for device in DEVICES:
            held = sums_by_project(model.held_of(device))
            rows = self.cloud.daemon(
                slug, device, "reconciliation/daemon-totals", from_date="2025-01-01", to_date="2026-12-31"
            )["rows"]
            names = ("request_count", "prompt_tokens", "completion_tokens", "cost_usd_minor_units")
            summed: dict[str, tuple[int, ...]] = {}
            for row in rows:
                before = summed.get(row["project"], (0,) * len(names))
                summed[row["project"]] = tuple(one + row[name] for one, name in zip(before, names, strict=True))
            assert summed == {project: (sums[0], *sums[2:]) for project, sums in held.items()}
            for one in self.cloud.daemon(slug, device, "daemon/receipts", limit="500")["receipts"]:
                assert one["state"] == "final"
                told[one["batch_id"]] = (one["received"], one["landed"], one["duplicate"], one["quarantined"])
        assert all(account.adds_up for account in settled.values())
        assert told == {
            name: (account.received, account.landed, account.duplicate, account.quarantined)
            for name, account in settled.items()
        }
        landed = sum(account.landed for account in settled.values())
        assert landed == len(model.firsts())

    def teardown(self) -> None:
        try:
            # Hypothesis begins with its simplest example: one body, sent over and over.
            if sum(len(model.bodies) for model in self.models.values()) > 2:
                self.build("refresh")
                self.check()
                assert verify(self.cloud.home, self.cloud.engine).differences == []
                self.budget.count("examples checked to the end")
                if self.budget.replays > 0:
                    self.replay_beta_alone()
                    self.budget.replays -= 1
        finally:
            self.cloud.close()

    def replay_beta_alone(self) -> None:
        """The sixth invariant: beta's answers are the same bytes in a world without acme."""
        with_acme = self.diary.answers(self.cloud)
        self.cloud.close()
        self.cloud = self.new_cloud(("beta",))
        self.diary.replay(self.cloud)
        self.cloud.refresh()
        alone = self.diary.answers(self.cloud)
        differing = {page: parting(alone[page], with_acme[page]) for page in alone if alone[page] != with_acme[page]}
        assert not differing, differing
        self.budget.count("replays of beta alone")
