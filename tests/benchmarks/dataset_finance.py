"""What a finance team adds to the benchmarks' data: bills, budgets, a closed month, decisions about recommendations.

Belongs here: rows of the app database that only an analysis reads, made from what the marts of a home say. Does not
belong here: calls (`dataset`), measuring (`analysis`).

Every day of Anthropic's and OpenAI's is billed as a connector leaves it, a line per model and kind of tokens, under two
keys; Gemini by a statement a month. Bills are a percent above the rate book, so that every day has a variance.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.db.models import MonthClose, MonthCloseTotal, OptimisationDecision
from pipelines.billing.bills import TOKEN_KINDS, BilledLine, BilledPeriod
from pipelines.billing.recording import record_periods
from pipelines.lake.bills import ConnectionKind, bill_connections
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import to_micros
from pipelines.lake.database import open_database
from tests.benchmarks.dataset import Dataset
from tests.benchmarks.dataset_ledger import PROJECTS, Workspace

_BILLED_BY: Final = {
    "anthropic": ConnectionKind.ANTHROPIC_COST_REPORT,
    "openai": ConnectionKind.OPENAI_COSTS,
    "gemini": ConnectionKind.MANUAL,
}
_MARK_UP: Final = Decimal("1.01")
_BUDGET_MILLICENTS: Final = 50_000_000
_PROJECTS_DECIDED: Final = 8
_DECIDED: Final = ("model_swap", "prompt_cache_missing", "newer_version", "cache_writes_unread")
_DECIDED_DAYS_AGO: Final = 30
_USAGE: Final = """
select provider, requested_on as day, model, count(*) as requests,
    coalesce(sum(uncached_input_tokens), 0)::bigint as uncached_input,
    coalesce(sum(cache_read_tokens), 0)::bigint as cache_read,
    coalesce(sum(cache_write_5m_tokens), 0)::bigint as cache_write_5m,
    coalesce(sum(cache_write_1h_tokens), 0)::bigint as cache_write_1h,
    coalesce(sum(billable_output_tokens), 0)::bigint as output,
    coalesce(sum(cost_priced_picousd), 0)::hugeint as picousd
from fct_requests where workspace_id = $workspace_id and spend_kind = 'metered' group by all order by all
"""


def add_finance(data: Dataset) -> None:
    """Give every workspace of a built home bills and budgets, and the big one a closed month and decisions."""
    engine = open_database(f"sqlite:///{data.home.root / 'app.sqlite'}")
    try:
        for workspace in data.workspaces:
            usage = _usage(data, workspace)
            with engine.begin() as connection:
                _add_bills(connection, data, workspace, usage)
            with Session(engine) as session, session.begin():
                _add_budgets(session, data, workspace)
                if workspace is data.big:
                    _close_first_month(session, data, workspace, usage)
                    _decide(session, data, workspace)
    finally:
        engine.dispose()


def _usage(data: Dataset, workspace: Workspace) -> list[dict[str, Any]]:
    reader = SnapshotReader(data.home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        rows = cursor.execute(_USAGE, {"workspace_id": UUID(workspace.workspace_id)}).fetchall()
        found = [dict(zip(cursor.columns, row, strict=True)) for row in rows]
    reader.close()
    return found


def _add_bills(connection: Connection, data: Dataset, workspace: Workspace, usage: list[dict[str, Any]]) -> None:
    for provider, kind in _BILLED_BY.items():
        connection_id = str(uuid4())
        connection.execute(
            insert(bill_connections).values(
                id=connection_id, workspace_id=workspace.workspace_id, provider=provider, kind=kind.value,
                name=provider, settings="{}", created_at_us=to_micros(data.begin), created_by="benchmark",
            )
        )  # fmt: skip
        rows = [row for row in usage if row["provider"] == provider]
        key = _month if kind is ConnectionKind.MANUAL else _day
        periods = [_period(list(group)) for _, group in groupby(rows, key=key)]
        record_periods(connection, connection_id, periods, read_by="benchmark", at=data.until)


def _period(rows: list[dict[str, Any]]) -> BilledPeriod:
    lines = [line for row in rows for line in _lines(row)]
    return BilledPeriod(
        first_day=min(row["day"] for row in rows), last_day=max(row["day"] for row in rows), lines=tuple(lines),
        request_count=sum(row["requests"] for row in rows),
    )  # fmt: skip


def _lines(row: dict[str, Any]) -> Iterable[BilledLine]:
    key = f"key-{len(row['model']) % 2}"
    yield BilledLine(model=row["model"], key_ref=key, requests=row["requests"], description="Requests")
    kinds = [kind for kind in TOKEN_KINDS if row[kind]]
    # Split evenly: which kind cost what changes no work, only its result.
    amount = (Decimal(row["picousd"] // max(1, len(kinds))) * _MARK_UP).to_integral_value().scaleb(-12)
    for kind in kinds:
        yield BilledLine(
            amount=amount, model=row["model"], key_ref=key, token_kind=kind, quantity=row[kind], description="Tokens"
        )


def _day(row: dict[str, Any]) -> date:
    return row["day"]


def _month(row: dict[str, Any]) -> date:
    return row["day"].replace(day=1)


def _add_budgets(session: Session, data: Dataset, workspace: Workspace) -> None:
    for number in range(PROJECTS):
        of = BudgetOf(BudgetScope.PROJECT, f"project-{number:02d}")
        set_budget(
            session, workspace.workspace_id, _BUDGET_MILLICENTS, of=of, alert_percents=(50, 80, 100), actor=OPERATOR,
            at=data.begin,
        )  # fmt: skip


def _close_first_month(session: Session, data: Dataset, workspace: Workspace, usage: list[dict[str, Any]]) -> None:
    """Close the first whole month at half of its requests, so that the rest came late."""
    month = (data.begin.date().replace(day=1) + timedelta(days=31)).replace(day=1)
    close = MonthClose(
        id=str(uuid4()), workspace_id=workspace.workspace_id, month=month.isoformat(), number=1,
        closed_at_us=to_micros(data.until), closed_by="benchmark", build_id="b", analysis_id="a", max_file_seq=1,
        document="{}", digest="0" * 64, public_key="-", signature="-",
    )  # fmt: skip
    session.add(close)
    session.flush()
    of_month = [row for row in usage if _month(row) == month]
    for provider in ("all", *_BILLED_BY):
        rows = [row for row in of_month if provider in ("all", row["provider"])]
        picousd = str(sum(int(row["picousd"]) for row in rows) // 2)
        session.add(
            MonthCloseTotal(
                close_id=close.id, provider=provider, workspace_id=workspace.workspace_id,
                requests=sum(row["requests"] for row in rows) // 2, unpriced_requests=0, logged_picousd=picousd,
                priced_picousd=picousd, billed_picousd=picousd, variance_picousd="0",
            )
        )  # fmt: skip


def _decide(session: Session, data: Dataset, workspace: Workspace) -> None:
    """Accept recommendations about several projects, long enough ago that their effect is measured."""
    decided = select(OptimisationDecision.id).where(OptimisationDecision.workspace_id == workspace.workspace_id)
    assert session.execute(decided).first() is None, "decisions are added once"
    for number in range(_PROJECTS_DECIDED):
        check = _DECIDED[number % len(_DECIDED)]
        session.add(
            OptimisationDecision(
                id=str(uuid4()), workspace_id=workspace.workspace_id, kind="accept", check_id=check,
                project=f"project-{number:02d}", provider="anthropic", model="claude-sonnet-4-5-20250929",
                quoted_saving_picousd=10**12, reason="", decided_by="benchmark",
                decided_at_us=to_micros(data.until - timedelta(days=_DECIDED_DAYS_AGO)),
            )
        )  # fmt: skip
