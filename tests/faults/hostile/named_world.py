"""An installation in which everybody and everything is called something hostile.

Belongs here: putting the corpus into every text that outsiders or people can set, past our own doors where those refuse
it. Does not belong here: the corpus (`names`), what becomes of it (the tests).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from sqlalchemy import update

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.cost_centres.centres import create_cost_centre
from api.db.models import Alert, ApiKey, Device, Project, Role, Workspace
from api.db.session import transaction
from api.optimisation.decisions import About, DecisionKind, decide
from api.projects.settings import HourlyRate, ProjectChange, change_project
from pipelines.lake.clock import to_micros
from tests.api.conftest import Browser, People
from tests.api.dashboards import facts, snapshot, world
from tests.api.dashboards.facts import identifier, workspace_id
from tests.api.dashboards.planned import analyse, planned
from tests.api.dashboards.world import World, build_world
from tests.api.pages.analysed import finding, optimised
from tests.faults.hostile.named_finance import close_months, upload_invoice
from tests.faults.hostile.names import NAMES, TYPED

ACME: Final = workspace_id("acme")
CLIENT: Final = TYPED[0]
WORKSPACE: Final = TYPED[3]
CLUSTER: Final = "c" * 64
PICO: Final = 10**12
ROWS: Final = 360


@dataclass
class NamedWorld:
    """The installation, its Owner's browser, and the day its analysis speaks of.

    Attributes:
        looked_at: the pages that showed an uploaded invoice before it was taken.
        bill: id of what became of it.
    """

    world: World
    owner: Browser
    day: str
    month: str
    looked_at: str
    bill: str


@contextmanager
def opened_named_world(root: Path) -> Iterator[NamedWorld]:
    """Build it; two workspaces beside `acme` have the usual names."""
    projects = (*facts.PROJECTS, *NAMES)
    models = (*facts.MODELS, *((name[:64], other) for name, other in zip(NAMES, reversed(NAMES), strict=True)))
    with pytest.MonkeyPatch.context() as patched:
        for module in (facts, snapshot, world):
            patched.setattr(module, "PROJECTS", projects)
        for module in (facts, snapshot):
            patched.setattr(module, "MODELS", models)
        made = build_world(root, rows_each=ROWS, published=False)
        _call_names(made)
        made.publish("b20260407T030900-00000001")
    at = made.clock.now()
    _settle(made)
    _price(made)
    day = (at - timedelta(days=1)).date()
    analyse(made.home, "a20260407T000000-00000009", _analysis(made))
    close_months(made.engine, made.home, ACME, day.replace(day=1), at)
    owner = People(made.app, made.engine, made.clock).member(ACME, "owner@names.example", Role.OWNER)
    yield NamedWorld(made, owner, day.isoformat(), f"{day:%Y-%m}", *upload_invoice(owner, f"{day:%Y-%m}"))
    made.close()


def _call_names(made: World) -> None:
    """Give every text of a request to the corpus, as the wire allows it."""
    names, devices = cycle(NAMES), [facts.device_id("acme", number) for number in range(3)]
    for row in made.rows:
        if row["workspace_id"] != ACME:
            continue
        name = next(names)
        row.update(
            status=name[:64] if row["status"] != "success" else "success",
            request_kind=name[:64], source_machine=name, source_workdir=name, idempotency_key=name,
            error_class=name[:64], provider_error_code=name, attribution_method=name[:32], prompt_hash=name[:128],
            billing_basis=name[:24], fx_rate=name[:32], service_tier=name,
            extra_json=json.dumps({"provider_request_id": name, name: name}),
        )  # fmt: skip
    with transaction(made.engine) as session:
        for device, name in zip(devices, names, strict=False):
            told = {"hostname": name, "platform": name[:64], "daemon_version": name[:32]}
            session.execute(update(Device).where(Device.id == device).values(**told, display_name=None))
        session.execute(update(Device).where(Device.id == devices[0]).values(display_name=TYPED[1]))
        session.execute(update(Workspace).where(Workspace.id == ACME).values(name=WORKSPACE))
        session.execute(update(ApiKey).where(ApiKey.workspace_id == ACME).values(name=TYPED[2]))


def _settle(made: World) -> None:
    """Type the corpus into what people can type into."""
    at, typed = made.clock.now(), cycle(TYPED)
    with transaction(made.engine) as session:
        centres = [create_cost_centre(session, ACME, name, actor=OPERATOR, at=at).slug for name in TYPED]
        for project, centre in zip([name for name in facts.PROJECTS if name] + list(NAMES), cycle(centres)):
            client = CLIENT if project in ("web", *NAMES[:3]) else next(typed)
            change = ProjectChange(
                display_name=next(typed), client_name=client, cost_centre=centre, markup_basis_points=1_500,
                hourly_rate=HourlyRate(12_000_000, "USD"),
            )  # fmt: skip
            change_project(session, ACME, project, change, actor=OPERATOR, at=at)
        # Half of the projects keep what their machines call them.
        kept = update(Project).where(Project.workspace_id == ACME, Project.slug.in_(NAMES[::2]))
        session.execute(kept.values(display_name=None))
        set_budget(session, ACME, 10**9, of=BudgetOf(BudgetScope.PROJECT, NAMES[0]), alert_percents=[1], actor=OPERATOR,
                   at=at)  # fmt: skip
        set_budget(session, ACME, 10**9, of=BudgetOf(BudgetScope.COST_CENTRE, centres[0]), actor=OPERATOR, at=at)
        about = About(check_id="model_swap", project=NAMES[2], provider=NAMES[1], model=NAMES[0])
        decide(session, ACME, DecisionKind.SUPPRESS, about, reason=TYPED[4], actor=OPERATOR, at=at)
        for number, name in enumerate(NAMES):
            session.add(
                Alert(
                    id=identifier("alert", number), workspace_id=ACME, crossing=f"{number:064x}", kind="anomaly",
                    noticed_at_us=to_micros(at), build_id="b1", is_told=True, mails=1, spent_millicents=123_456,
                    limit_millicents=100_000, anomaly_id=f"{number:064x}", project=name, provider=name[:64], model=name,
                    hour_starts_at_us=to_micros(at),
                )
            )  # fmt: skip


def _price(made: World) -> None:
    """Put the corpus into the rate book, where an imported price list could."""
    path = made.home.exports / "rate_book.parquet"
    book = pq.read_table(path)
    for name in ("valid_from", "valid_to", "known_from"):
        place = book.schema.get_field_index(name)
        book = book.set_column(place, name, book[name].cast(pa.timestamp("us", "UTC")))
    (rate,) = book.to_pylist()
    rate |= {"valid_from": facts.NOW - timedelta(days=99), "valid_to": facts.NOW + timedelta(days=99)}
    called = [
        {"rate_id": f"r{n}", "provider": name[:64], "model_ref": name, "source": name[:32]}
        for n, name in enumerate(NAMES)
    ]
    pq.write_table(pa.Table.from_pylist([rate, *(rate | one for one in called)], book.schema), path)


def _analysis(made: World) -> dict[str, list[dict[str, Any]]]:
    """Return an analysis with the corpus in each of its texts that comes from outside."""
    at = made.clock.now()
    day, mine = (at - timedelta(days=1)).date(), {"workspace_id": ACME}
    hour, month = at.replace(minute=0, second=0, microsecond=0, tzinfo=None), day.replace(day=1)
    tables = {**planned(made, hour=at), **optimised()}
    amounts = {
        "logged_picousd": 10 * PICO,
        "billed_picousd": 9 * PICO,
        "variance_picousd": PICO,
        "priced_picousd": PICO,
    }
    counts = dict.fromkeys(("unpriced_requests", "unrated_requests", "withheld_requests", "awaiting_picousd",
                            "tax_picousd", "prepaid_picousd"), 0)  # fmt: skip
    compared = {**mine, **amounts, **counts, "requests": 3, "source": "usage", "is_complete": True, "colour": "red"}
    tables["mart_reconciliation_monthly"] = [
        {**compared, "utc_month": month, "provider": name[:64], "statements_across": 0} for name in NAMES
    ]
    tables["mart_reconciliation_daily"] = [
        {**compared, "utc_day": day, "provider": name[:64], "billed_by": "day"} for name in NAMES
    ]
    tables["mart_restatements"] = [
        {**mine, "close_id": identifier("close"), "utc_month": month, "closed_at": hour, "provider": name[:64],
         "measure": "logged", "cause": "late_arrivals", "said_picousd": PICO, "change_picousd": PICO,
         "now_picousd": 2 * PICO, "requests": 1}
        for name in NAMES
    ]  # fmt: skip
    tables["mart_variance_parts"] = [
        {**mine, "provider": name[:64], "first_day": day, "last_day": day, "utc_month": month, "counts_in_month": True,
         "position": 1, "part": "rounding", "amount_picousd": PICO, "requests": 1, "reason": name}
        for name in NAMES
    ]  # fmt: skip
    tables["mart_divergent_requests"] = [
        {**mine, "utc_day": day, "provider": name[:64], "request_id": identifier("request", number),
         "requested_at": hour, "project": name, "model": name, "device_id": facts.device_id("acme", 1),
         "attribution_method": name[:32], "cause": "price", "logged_picousd": PICO, "priced_picousd": 2 * PICO,
         "contribution_picousd": PICO, "weight_picousd": PICO}
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    tables["mart_coverage_daily"] = [
        {**mine, "utc_day": day, "provider": name[:64], "key_ref": name, "unit": "requests", "billed": 9, "seen": 8,
         "covered": 8, "seen_basis": "requests", "is_over": False}
        for name in NAMES
    ]  # fmt: skip
    tables["mart_unattributed_spend"] = [
        {**mine, "utc_month": month, "provider": name[:64], "attribution_method": name[:32], "requests": 1,
         "unpriced_requests": 0, "cost_logged_millicents": 9, "cost_priced_picousd": PICO}
        for name in NAMES
    ]  # fmt: skip
    tables["mart_clusters"] = [
        {**mine, "cluster_id": f"{number:064x}", "kind": "exact_duplicate", "prompt_hash": name[:128],
         "provider": name[:64], "model": name, "project": name, "device_id": facts.device_id("acme", 1), "requests": 9,
         "devices": 1, "device_ids": [facts.device_id("acme", 1)], "projects": 1, "first_seen_at": hour,
         "last_seen_at": hour, "unpriced_requests": 0, "spend_picousd": 9 * PICO, "repeat_cost_picousd": 8 * PICO,
         "estimated_saving_picousd": 8 * PICO, "sample_request_ids": [identifier("request", 1)],
         "evidence": json.dumps({name: name, "error_class": name})}
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    tables["mart_optimisation_findings"] += [
        finding(f"{number:064x}", "model_swap", name, 100 + number, provider=name[:64], model=name, other_model=name,
                confidence_reason=name, evidence=json.dumps({name: name, "what_else": name}))
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    tables["mart_spend_anomalies"] += [
        {**mine, "anomaly_id": f"{number:064x}", "project": name, "provider": name[:64], "model": name,
         "hour_starts_at": hour, "baseline": "hour_of_week", "weeks_compared": 8, "requests": 3, "unpriced_requests": 0,
         "spent_millicents": 900_000, "expected_millicents": 100_000, "limit_millicents": 200_000,
         "sample_request_ids": [identifier("request", 1)]}
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    texts = [name for name, kind in snapshot.contracts()["mart_focus_1_2"].items() if kind == "varchar"]
    tables["mart_focus_1_2"] = [
        {**mine, **dict.fromkeys(texts, name), "billed_cost": "1.5", "effective_cost": "1.5", "list_cost": "1.5",
         "contracted_cost": "1.5", "billing_period_start": f"{month} 00:00:00", "billing_period_end": f"{day} 00:00:00",
         "charge_period_start": f"{day} 00:00:00", "charge_period_end": f"{day} 01:00:00"}
        for name in NAMES
    ]  # fmt: skip
    return tables


@contextmanager
def served(made: World) -> Iterator[str]:
    """Serve the installation on loopback; gives its address."""
    configuration = uvicorn.Config(made.app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
