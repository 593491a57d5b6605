"""A workspace whose every figure is worked out by hand, beside the others of a small home.

Belongs here: its calls, bills and close. Does not belong here: what is expected of them (the tests say so).

Prices: claude-sonnet-4-5 3 USD per million tokens of input and 15 of output, above 200,000 tokens of input 6 and 22.50;
gpt-4.1-mini 0.40 USD per million tokens of input. A picodollar is 10^-12 USD, a millicent 10^7 picodollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Engine, insert

from api.db.models import ApiKey
from api.db.models.closes import MonthClose, MonthCloseTotal
from api.db.session import transaction
from api.tokens import secret_digest
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.billing.recording import record_periods
from pipelines.lake.bills import ConnectionKind, LineCategory, bill_connections
from tests.pipelines.lake_builder import NOON, Lake, call, named_id

GOLDEN: Final = named_id("workspace golden")
LAPTOP: Final = named_id(f"device {GOLDEN} laptop")
KEY: Final = "hm_api_GoldenGoldenGoldenGoldenGolden3ElKrZ"
"""The same in every process: workers share the home that knows it."""
CLOSE: Final = named_id("close of september")


def add_golden(lake: Lake) -> None:
    """Add the workspace with everything it has; the build and the analysis are left to the caller."""
    lake.workspace("golden")
    lake.device(GOLDEN, "laptop")
    lake.project(GOLDEN, "atlas")
    lake.project(GOLDEN, "secret", archived_at_us=1)
    signed = lake.land(GOLDEN, LAPTOP, first_upload())
    lake.land(GOLDEN, LAPTOP, second_upload())
    with transaction(lake.engine) as session:
        session.add(
            ApiKey(
                id=named_id("key golden"), workspace_id=GOLDEN, name="t", key_sha256=secret_digest(KEY), scope="read",
                created_at_us=0,
            )
        )  # fmt: skip
    for kind, provider, periods in bills():
        state(lake.engine, GOLDEN, provider, kind, periods)
    _close_september(lake.engine, signed)


def made(
    name: str,
    at: str,
    tokens: tuple[int, int],
    millicents: int | None,
    *,
    model: str = "claude-sonnet-4-5",
    **changes: Any,
) -> dict[str, Any]:
    """Return a call of so many tokens in and out, as it landed."""
    instant = datetime.fromisoformat(f"2026-{at}").replace(tzinfo=UTC)
    provider = "openai" if model.startswith("gpt") else "anthropic"
    return call(
        name, model=model, provider=provider, requested_at=instant, recorded_at=instant, input_tokens=tokens[0],
        output_tokens=tokens[1], cached_tokens=0, cost_logged_millicents=millicents, attribution_method="git",
        **changes,
    )  # fmt: skip


def first_upload() -> list[dict[str, Any]]:
    """Return what was there when September was closed."""
    return [made("s1", "09-15 10:00", (24_750_000, 0), 990_000, model="gpt-4.1-mini")]


def second_upload() -> list[dict[str, Any]]:
    """Return a late call of September, and October."""
    return [
        made("s2", "09-16 10:00", (200_000, 0), 8_000, model="gpt-4.1-mini"),
        # the 5th: one exact, one rounded down, one without a cost, one at another price, one above 200,000 tokens
        made("a1", "10-05 08:00", (10_000, 1_000), 4_500),
        made("a2", "10-05 09:00", (1_001, 0), 300),
        made("a3", "10-05 10:00", (20_000, 2_000), None),
        made("a4", "10-05 11:00", (10_000, 1_000), 5_000),
        made("a5", "10-05 12:00", (250_000, 1_000), 76_500),
        # the 6th: one of two that were billed
        made("b1", "10-06 10:00", (10_000, 1_000), 4_500),
        # the 7th: batch on the bill, standard in the log; of an archived project
        made("c1", "10-07 10:00", (100_000, 0), 30_000, project="secret"),
        # the 8th: billed on the 9th
        made("d1", "10-08 23:58", (10_000, 1_000), 4_500),
        # the 10th: a person typed whole cents
        made("f1", "10-10 10:00", (100_001, 0), 30_000),
        # the 11th: 2 USD, on the bill as 200
        made("g1", "10-11 10:00", (5_000_000, 0), 200_000, model="gpt-4.1-mini"),
        # the 12th: no bill yet
        made("h1", "10-12 10:00", (5_000_000, 0), 200_000, model="gpt-4.1-mini"),
    ]


def bills() -> list[tuple[ConnectionKind, str, list[BilledPeriod]]]:
    """Return what the providers said."""
    fifth = [
        usage("1.605503", "1.705503", token_kind="uncached_input"),
        line("-0.05", LineCategory.CREDIT, description="promotion"),
        line("0.001", LineCategory.ADJUSTMENT),
        line("0.2", LineCategory.TAX),
        line("20", LineCategory.PREPAID),
        *counted(291_001, 5_000, 5),
    ]
    sixth = [
        usage("0.09", token_kind="uncached_input"),
        usage("0.045", token_kind="output"),
        *counted(30_000, 3_000, 2),
    ]
    seventh = [
        usage("0.15", token_kind="uncached_input", service_tier="batch", key_ref="key two"),
        *counted(100_000, 0, 1, service_tier="batch", key_ref="key two"),
    ]
    ninth = [
        usage("0.03", token_kind="uncached_input"),
        usage("0.015", token_kind="output"),
        *counted(10_000, 1_000, 1),
    ]
    return [
        (
            ConnectionKind.ANTHROPIC_ANALYTICS,
            "anthropic",
            [on(5, fifth, 5), on(6, sixth, 2), on(7, seventh, 1), on(8, [], 0), on(9, ninth, 1)],
        ),
        # The 5th is said here too: the provider's own figure goes before it.
        (ConnectionKind.MANUAL, "anthropic", [on(5, [line("1")]), on(10, [line("0.3")])]),
        (ConnectionKind.OPENAI_COSTS, "openai", [on(11, [line("200")])]),
        (
            ConnectionKind.MANUAL,
            "openai",
            [BilledPeriod(first_day=date(2026, 9, 1), last_day=date(2026, 9, 30), lines=(line("10"),))],
        ),
    ]


def usage(amount: str, listed: str | None = None, **named: Any) -> BilledLine:
    """Return a line of money of the model."""
    named = {"model": "claude-sonnet-4-5-20250929", "key_ref": "key one", **named}
    return BilledLine(amount=Decimal(amount), list_amount=None if listed is None else Decimal(listed), **named)


def line(amount: str, category: LineCategory = LineCategory.USAGE, **named: Any) -> BilledLine:
    """Return a line of money alone."""
    return BilledLine(amount=Decimal(amount), category=category, **named)


def counted(tokens_in: int, tokens_out: int, requests: int, **named: Any) -> list[BilledLine]:
    """Return the lines of no money that tell tokens and requests."""
    named = {"model": "claude-sonnet-4-5-20250929", "key_ref": "key one", **named}
    kinds = (("uncached_input", tokens_in), ("output", tokens_out))
    lines = [BilledLine(token_kind=kind, quantity=count, **named) for kind, count in kinds if count]
    return [*lines, BilledLine(requests=requests, **named)]


def on(day: int, lines: Sequence[BilledLine], requests: int | None = None) -> BilledPeriod:
    """Return the bill of a day of October."""
    at = date(2026, 10, day)
    return BilledPeriod(first_day=at, last_day=at, lines=tuple(lines), request_count=requests)


def state(
    engine: Engine, workspace_id: str, provider: str, kind: ConnectionKind, periods: Sequence[BilledPeriod]
) -> str:
    """Write a connection with its periods, as a connector leaves them.

    Returns:
        Id of the connection.
    """
    connection_id = str(uuid4())
    with engine.begin() as connection:
        connection.execute(
            insert(bill_connections).values(
                id=connection_id, workspace_id=workspace_id, provider=provider, kind=kind.value, name="bills",
                settings="{}", created_at_us=0, created_by="test",
            )
        )  # fmt: skip
        record_periods(connection, connection_id, periods, read_by="test", at=NOON)
    return connection_id


def _close_september(engine: Engine, max_file_seq: int) -> None:
    with transaction(engine) as session:
        session.add(
            MonthClose(
                id=CLOSE, workspace_id=GOLDEN, month="2026-09-01", number=1, closed_at_us=1_760_000_000_000_000,
                closed_by="ada@golden.example", build_id="b1", analysis_id="a1", max_file_seq=max_file_seq,
                document="{}", digest="0" * 64, public_key="0" * 64, signature="0",
            )
        )  # fmt: skip
        session.flush()
        said = {"logged_picousd": "9900000000000", "priced_picousd": "9900000000000", "billed_picousd": "9500000000000"}
        for provider in ("openai", "all"):
            session.add(
                MonthCloseTotal(
                    close_id=CLOSE, provider=provider, workspace_id=GOLDEN, requests=1, unpriced_requests=0,
                    variance_picousd="400000000000", **said,
                )
            )  # fmt: skip
