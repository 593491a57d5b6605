"""A workspace as an agency has one: everything there is to see, beside the others of a small home.

Belongs here: its calls, bills, budgets, cost centres. Does not belong here: what is expected of them.

Two months and a half on four providers, a day of work from nine to six in New York. Prices in USD per million tokens of
input and output: `PRICES`. The bills are those of the same calls but for what is said at `bills`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import update

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.cost_centres.centres import create_cost_centre
from api.db.models import ApiKey, Device
from api.db.session import transaction
from api.optimisation.decisions import About, DecisionKind, decide
from api.projects.settings import HourlyRate, ProjectChange, change_project
from api.tokens import secret_digest
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.lake.bills import ConnectionKind, LineCategory, bill_connections
from pipelines.lake.clock import to_micros
from tests.pipelines.analysis.golden import counted, line, state
from tests.pipelines.lake_builder import NOON, Lake, call, named_id

STUDIO: Final = named_id("workspace studio")
KEY: Final = "hm_api_StudioStudioStudioStudioStudio2Vt4fj"
"""The same in every process: workers share the home that knows it."""
DEVICES: Final = ("anna-macbook", "build-host", "vk-laptop")
SONNET, HAIKU, GPT, GEMINI, GROK = "claude-sonnet-4-6", "claude-haiku-4-5", "gpt-5", "gemini-2.5-pro", "grok-4"
PRICES: Final = {SONNET: (3, 15), HAIKU: (1, 5), GPT: ("1.25", 10), GEMINI: ("1.25", 10), GROK: (3, 15)}
PROVIDERS: Final = {GPT: "openai", GEMINI: "gemini", GROK: "xai"}
FIRST: Final = date(2026, 9, 1)
DECIDED: Final = datetime(2026, 11, 9, 12, tzinfo=UTC)
READ_US: Final = to_micros(NOON - timedelta(hours=6))
MADE_US: Final = to_micros(NOON - timedelta(days=90))
Calls = list[dict[str, Any]]


def add_studio(lake: Lake) -> None:
    """Add the workspace with everything it has; the build and the analysis are left to the caller."""
    lake.workspace("studio", "America/New_York")
    for device in DEVICES:
        lake.device(STUDIO, device)
    for slug in ("webshop", "support-bot", "research", "summariser", "nightly-reports", "faq", "tagger"):
        lake.project(STUDIO, slug)
    lake.project(STUDIO, "legacy", archived_at_us=1)
    everything = calls()
    for number, device in enumerate(DEVICES):
        mine = [row for row in everything if int(row["prompt_hash"][:8], 16) % len(DEVICES) == number]
        lake.land(STUDIO, named_id(f"device {STUDIO} {device}"), mine)
    _settle(lake)
    for kind, provider, periods in bills(everything):
        connection_id = state(lake.engine, STUDIO, provider, kind, periods)
        read = {} if kind is ConnectionKind.MANUAL else {"last_attempt_at_us": READ_US, "last_success_at_us": READ_US}
        named = update(bill_connections).where(bill_connections.c.id == connection_id)
        with lake.engine.begin() as connection:
            connection.execute(named.values(name=f"{provider}, the studio's", created_at_us=MADE_US, **read))


def calls() -> Calls:
    """Return all its calls."""
    return [*_working_days(), *_of_note(), *_tagged()]


def made(name: str, project: str | None, at: datetime, tokens: tuple[int, int], model: str, **changes: Any) -> Any:
    """Return a call of so many tokens in and out, logged at its price to the millicent."""
    prices = [Decimal(one) for one in PRICES[model]]
    cost = sum(count * price for count, price in zip(tokens, prices, strict=True)) / 10
    given = {"prompt_hash": named_id(f"prompt {name}").replace("-", "") * 2, "latency_ms": 400.0 + tokens[1], **changes}
    return call(
        f"studio {name}", project=project, provider=PROVIDERS.get(model, "anthropic"), model=model, requested_at=at,
        recorded_at=at + timedelta(seconds=2), input_tokens=tokens[0], output_tokens=tokens[1], cached_tokens=0,
        cost_logged_millicents=given.pop("cost", int(cost)), attribution_method="git", request_kind="chat",
        extra_json=json.dumps({"provider_request_id": f"req_{name.replace(' ', '_')}"}), **given,
    )  # fmt: skip


def _working_days() -> Iterator[dict[str, Any]]:
    usual = (
        ("webshop", SONNET, (52_000, 3_900)), ("webshop", GPT, (31_000, 4_100)),
        ("support-bot", GEMINI, (44_000, 2_050)), ("research", GROK, (21_000, 5_300)), (None, HAIKU, (9_000, 700)),
        ("webshop", GPT, (28_500, 3_350)), ("research", SONNET, (18_700, 2_900)),
        ("support-bot", GEMINI, (39_000, 1_400)),
    )  # fmt: skip
    for number in range((NOON.date() - FIRST).days):
        day = FIRST + timedelta(days=number)
        morning = datetime(day.year, day.month, day.day, 14, tzinfo=UTC)
        for place, (project, model, tokens) in enumerate(usual[: 2 if day.isoweekday() > 5 else 8]):
            grown = (tokens[0] + 37 * number * (place + 1), tokens[1] + 11 * number)
            at = morning + timedelta(minutes=52 * place + number % 7)
            yield made(f"day {number} {place}", project, at, grown, model)


def _of_note() -> Iterator[dict[str, Any]]:
    """Yield an hour far dearer than usual, small calls, a night of long ones, repeats, odds and ends."""
    thursday, minute = datetime(2026, 11, 19, tzinfo=UTC), timedelta(minutes=1)
    for n in range(18):
        yield made(f"spike {n}", "webshop", thursday + 1130 * minute + n * minute, (380_000, 21_000), GPT)
    for n in range(100):
        yield made(f"small {n}", "summariser", thursday + 600 * minute + n * minute, (6_000, 300), SONNET)
        yield made(f"night {n}", "nightly-reports", thursday + 120 * minute + n * minute, (5_000, 2_500), SONNET)
    for n in range(30):
        same = {"prompt_hash": "f" * 64}
        yield made(f"faq {n}", "faq", thursday + 600 * minute + 10 * n * minute, (100_000, 1_000), SONNET, **same)
    for n in range(6):
        failed = {"prompt_hash": "e" * 64, "status": "error", "http_status": 529, "error_class": "overloaded"}
        yield made(f"storm {n}", "support-bot", thursday + 900 * minute + n * minute / 12, (4_000, 0), HAIKU, **failed)
    for n in range(4):
        yield made(f"unknown {n}", "research", thursday - n * 900 * minute, (5_000, 400), GROK, cost=None)
        yield made(f"old {n}", "legacy", thursday - n * 500 * minute, (5_000, 400), HAIKU)
        own = {"billing_basis": "subscription_imputed"}
        yield made(f"plan {n}", "research", thursday - n * 700 * minute, (90_000, 4_000), SONNET, **own)


def _tagged() -> Iterator[dict[str, Any]]:
    """Yield the calls of a project that went from one model to a cheaper one when it was told to."""
    for number in range(10):
        before, after = DECIDED - timedelta(days=10 - number), DECIDED + timedelta(days=1 + number)
        for n in range(15):
            yield made(f"before {number} {n}", "tagger", before, (1_000, 100), SONNET)
            yield made(f"after {number} {n}", "tagger", after, (1_000, 100), HAIKU)


def _settle(lake: Lake) -> None:
    at, by = NOON - timedelta(days=40), OPERATOR
    changes = {
        "webshop": ProjectChange(display_name="Web shop", client_name="Globex", cost_centre="client-work",
                                 markup_basis_points=1_500, hourly_rate=HourlyRate(12_000_000, "USD")),
        "support-bot": ProjectChange(client_name="Initech", cost_centre="client-work"),
        "research": ProjectChange(cost_centre="r-d"),
    }  # fmt: skip
    budgets = (
        (60_00_000, BudgetOf(BudgetScope.WORKSPACE)), (25_00_000, BudgetOf(BudgetScope.PROJECT, "webshop")),
        (9_00_000, BudgetOf(BudgetScope.COST_CENTRE, "r-d")),
    )  # fmt: skip
    accepted = About(
        check_id="model_swap", project="tagger", provider="anthropic", model=SONNET, other_model=HAIKU,
        finding_id="5" * 64, quoted_saving_picousd=1_400_000_000_000,
    )  # fmt: skip
    with transaction(lake.engine) as session:
        session.add(
            ApiKey(
                id=named_id("key studio"), workspace_id=STUDIO, name="t", key_sha256=secret_digest(KEY), scope="read",
                created_at_us=0,
            )
        )  # fmt: skip
        seen = {"paired_at_us": MADE_US, "last_seen_at_us": to_micros(NOON), "last_batch_at_us": to_micros(NOON)}
        session.execute(update(Device).where(Device.workspace_id == STUDIO).values(**seen))
        for name in ("Client Work", "R&D"):
            create_cost_centre(session, STUDIO, name, actor=by, at=at)
        for slug, change in changes.items():
            change_project(session, STUDIO, slug, change, actor=by, at=at)
        for millicents, of in budgets:
            set_budget(session, STUDIO, millicents, of=of, alert_percents=[50, 80, 100], actor=by, at=at)
        decide(session, STUDIO, DecisionKind.ACCEPT, accepted, actor=by, at=DECIDED)


def bills(everything: Calls) -> list[tuple[ConnectionKind, str, Sequence[BilledPeriod]]]:
    """Return what the providers said: two of them day by day until the day before yesterday, Gemini once, xAI never.

    Anthropic billed a call of two models that nobody saw and gave a credit; OpenAI seven thousandths less than was
    logged; the statement of Gemini is of September and to the cent.
    """
    used: defaultdict[tuple[str, date], Calls] = defaultdict(list)
    for row in everything:
        if row.get("billing_basis") is None:
            used[row["provider"], row["requested_at"].date()].append(row)
    last = NOON.date() - timedelta(days=2)
    days = [day for day in (FIRST + timedelta(days=number) for number in range(100)) if day <= last]
    gemini = [row for row in everything if row["provider"] == "gemini" and row["requested_at"].month == FIRST.month]
    typed = line(str(sum((_cost(row) for row in gemini), Decimal(0)).quantize(Decimal("0.01"))))
    return [
        (ConnectionKind.ANTHROPIC_ANALYTICS, "anthropic", [_anthropic(day, used["anthropic", day]) for day in days]),
        (ConnectionKind.OPENAI_COSTS, "openai", [_openai(day, used["openai", day]) for day in days]),
        (ConnectionKind.MANUAL, "gemini", [BilledPeriod(first_day=FIRST, last_day=date(2026, 9, 30), lines=(typed,))]),
    ]


def _anthropic(day: date, rows: Calls) -> BilledPeriod:
    lines: list[BilledLine] = []
    by_model: defaultdict[str, Calls] = defaultdict(list)
    for row in rows:
        by_model[row["model"]].append(row)
    for model, mine in sorted(by_model.items()):
        named: dict[str, Any] = {"model": model, "key_ref": "key one"}
        unseen = 1 if day == date(2026, 10, 14) else 0
        for place, kind in enumerate(("uncached_input", "output")):
            tokens = _tokens(mine)[place] + 1_000 * unseen
            amount = Decimal(PRICES[model][place]) * tokens / 10**6
            lines.append(BilledLine(amount=amount, token_kind=kind, **named))
        tokens_in, tokens_out = _tokens(mine)
        lines += counted(tokens_in + 1_000 * unseen, tokens_out + 1_000 * unseen, len(mine) + unseen, **named)
    if day.day == 31:
        lines += [line("-0.10", LineCategory.CREDIT, description="promotion"), line("0.4", LineCategory.TAX)]
    requests = sum(one.requests or 0 for one in lines)
    return BilledPeriod(first_day=day, last_day=day, lines=tuple(lines), request_count=requests)


def _openai(day: date, rows: Calls) -> BilledPeriod:
    amount = sum((_cost(row) for row in rows), Decimal(0)) * Decimal("0.993")
    return BilledPeriod(first_day=day, last_day=day, lines=(line(str(amount), model=GPT),) if rows else ())


def _tokens(rows: Calls) -> tuple[int, int]:
    return sum(row["input_tokens"] for row in rows), sum(row["output_tokens"] for row in rows)


def _cost(row: dict[str, Any]) -> Decimal:
    return Decimal(row["cost_logged_millicents"] or 0).scaleb(-5)
