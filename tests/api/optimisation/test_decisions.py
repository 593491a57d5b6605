"""Deciding about recommendations: rules, history, audit, who may."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, select

from api.audit import OPERATOR, verify_chain
from api.db.models import AuditRecord, OptimisationDecision, Role
from api.db.session import reading, transaction
from api.errors import Refused
from api.optimisation import decisions
from api.optimisation.decisions import About, DecisionKind, decide, list_decisions, silences, withdraw_decision
from api.projects import observe_projects
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import People, Tenants
from tests.conftest import on_sqlite

SWAP = About(
    check_id="model_swap", project="api", provider="anthropic", model="sonnet", other_model="haiku",
    finding_id="5" * 64, quoted_saving_picousd=42 * 10**12,
)  # fmt: skip


@pytest.fixture
def acme(engine: Engine, workspace_id: str, clock: FixedClock) -> str:
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, ["api"], to_micros(clock.now()))
    return workspace_id


@pytest.fixture
def take(engine: Engine, acme: str, clock: FixedClock) -> Callable[..., OptimisationDecision]:
    def call(kind: DecisionKind, about: About, workspace: str = acme, reason: str = "") -> OptimisationDecision:
        with transaction(engine) as session:
            return decide(session, workspace, kind, about, reason=reason, actor=OPERATOR, at=clock.now())

    return call


def test_decisions_are_kept_and_audited_and_withdrawn_once(
    engine: Engine, acme: str, take: Any, clock: FixedClock
) -> None:
    accepted = take(DecisionKind.ACCEPT, SWAP)
    dismissed = take(DecisionKind.DISMISS, SWAP, reason="not now")
    suppressed = take(DecisionKind.SUPPRESS, About(check_id="batch_api", project="(not shared)"))
    with transaction(engine) as session:
        withdraw_decision(session, acme, dismissed.id, actor=OPERATOR, at=clock.now())
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        withdraw_decision(session, acme, dismissed.id, actor=OPERATOR, at=clock.now())
    assert (refusal.value.status, refusal.value.code) == (404, "decision_not_found")
    with reading(engine) as session:
        standing = {one.id: one.withdrawn_at_us is None for one in list_decisions(session, acme)}
        assert standing == {accepted.id: True, dismissed.id: False, suppressed.id: True}
        query = select(AuditRecord.event, AuditRecord.resource_id).where(AuditRecord.event.like("recommendation.%"))
        assert session.execute(query.order_by(AuditRecord.position)).all() == [
            ("recommendation.accepted", "5" * 64),
            ("recommendation.dismissed", "5" * 64),
            ("recommendation.suppressed", suppressed.id),
            ("recommendation.decision_withdrawn", "5" * 64),
        ]
        assert verify_chain(session, acme).differences == []


@on_sqlite
def test_the_same_decision_taken_again_is_the_one_that_stands(take: Any) -> None:
    first = take(DecisionKind.SUPPRESS, About(check_id="model_swap"))
    assert take(DecisionKind.SUPPRESS, About(check_id="model_swap"), reason="again").id == first.id
    assert take(DecisionKind.SUPPRESS, About(check_id="model_swap", project="api")).id != first.id


@on_sqlite
@pytest.mark.parametrize(
    ("about", "status", "code"),
    [
        (About(), 422, "invalid_request"),
        (About(check_id="swap_everything"), 422, "check_unknown"),
        (About(check_id="model_swap", project="absent"), 404, "project_not_found"),
    ],
)
def test_what_names_nothing_cannot_be_suppressed(take: Any, about: About, status: int, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        take(DecisionKind.SUPPRESS, about)
    assert (refusal.value.status, refusal.value.code) == (status, code)


@on_sqlite
def test_there_are_only_so_many(take: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "STANDING_MAX", 1)
    take(DecisionKind.SUPPRESS, About(check_id="model_swap"))
    with pytest.raises(Refused, match="1 decisions"):
        take(DecisionKind.SUPPRESS, About(check_id="batch_api"))


def test_many_who_decide_the_same_at_once_take_one_decision(engine: Engine, acme: str, take: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take(DecisionKind.SUPPRESS, About(check_id="model_swap")).id, range(16)))
    assert len(set(taken)) == 1
    with reading(engine) as session:
        assert len(list_decisions(session, acme)) == 1


@on_sqlite
def test_a_decision_of_another_workspace_is_absent(engine: Engine, take: Any, tenants: Tenants, clock: Any) -> None:
    decision = take(DecisionKind.SUPPRESS, About(check_id="model_swap"))
    other = tenants.workspace("Other Co")
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        withdraw_decision(session, other, decision.id, actor=OPERATOR, at=clock.now())
    assert refusal.value.status == 404


@on_sqlite
def test_a_saving_beyond_what_a_column_holds_is_the_largest_it_holds(take: Any) -> None:
    huge = About(check_id="model_swap", finding_id="6" * 64, quoted_saving_picousd=2**80)
    assert take(DecisionKind.ACCEPT, huge).quoted_saving_picousd == 2**63 - 1


def test_a_decision_silences_what_it_names_and_nothing_else() -> None:
    row = OptimisationDecision(kind="suppress", check_id=None, project="api", provider=None, model=None)
    assert silences(row, SWAP)
    assert not silences(row, About(check_id="model_swap", project="web"))
    assert not silences(OptimisationDecision(kind="accept", check_id="model_swap"), SWAP)


@on_sqlite
def test_admins_decide_over_http_and_members_look(people: People, acme: str) -> None:
    admin = people.member(acme, "admin@acme.co", Role.ADMIN)
    member = people.member(acme, "member@acme.co")
    path = "/v1/acme-co/optimization/decisions"
    taken = admin.json("POST", path, {"kind": "suppress", "check_id": "model_swap", "project": "api"})
    assert taken.status_code == 201, taken.text
    assert (taken.json()["decided_by"], taken.json()["project"]) == ("admin@acme.co", "api")
    assert member.json("POST", path, {"kind": "suppress", "check_id": "batch_api"}).status_code == 403
    assert [one["check_id"] for one in member.json("GET", path).json()["decisions"]] == ["model_swap"]
    withdrawn = admin.json("POST", f"{path}/{taken.json()['decision_id']}/withdraw")
    assert withdrawn.json()["withdrawn_by"] == "admin@acme.co"


@on_sqlite
@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"kind": "accept"}, 422),
        ({"kind": "accept", "finding_id": "5" * 64}, 404),
        ({"kind": "dismiss", "finding_id": "../etc"}, 404),
        ({"kind": "dismiss", "finding_id": "5" * 64, "project": "api"}, 422),
        ({"kind": "suppress", "finding_id": "5" * 64, "check_id": "model_swap"}, 422),
        ({"kind": "suppress"}, 422),
        ({"kind": "forget", "check_id": "model_swap"}, 422),
        ({"kind": "suppress", "check_id": "model_swap", "workspace_id": "x"}, 422),
        ({"kind": "suppress", "check_id": "model_swap", "reason": "x" * 256}, 422),
    ],
)
def test_messages_that_are_no_decision_are_refused(people: People, acme: str, message: Any, status: int) -> None:
    admin = people.member(acme, "admin@acme.co", Role.ADMIN)
    answer = admin.json("POST", "/v1/acme-co/optimization/decisions", message)
    assert answer.status_code == status, answer.text
