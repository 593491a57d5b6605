"""Bills as connectors leave them in the app database, without a provider.

Belongs here: writing their rows. Does not belong here: assertions.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from sqlalchemy import Engine, insert, select, update

from pipelines.lake.bills import bill_connections, bill_lines, bill_periods

READ_AT_US = 1_763_600_000_000_000


def bill(engine: Engine, workspace_id: str, dollars: str, day: str) -> str:
    """Write a day's bill of one line; an earlier one of the day is superseded.

    Returns:
        Id of the period.
    """
    period_id = str(uuid4())
    with engine.begin() as connection:
        found = connection.execute(
            select(bill_connections.c.id).where(bill_connections.c.workspace_id == workspace_id)
        ).scalar()
        connection_id = found or str(uuid4())
        if found is None:
            connection.execute(
                insert(bill_connections).values(
                    id=connection_id, workspace_id=workspace_id, provider="anthropic", kind="manual", name="Invoices",
                    settings="{}", created_at_us=0, created_by="test",
                )
            )  # fmt: skip
        same = (bill_periods.c.connection_id == connection_id) & (bill_periods.c.first_day == day)
        revision = len(connection.execute(select(bill_periods.c.id).where(same)).all()) + 1
        connection.execute(update(bill_periods).where(same).values(superseded_at_us=READ_AT_US + revision))
        connection.execute(
            insert(bill_periods).values(
                id=period_id, workspace_id=workspace_id, connection_id=connection_id, first_day=day, last_day=day,
                revision=revision, read_at_us=READ_AT_US + revision, read_by="test", is_complete=True, sha256="0" * 64,
                note="",
            )
        )  # fmt: skip
        connection.execute(
            insert(bill_lines).values(
                period_id=period_id, line_number=1, category="usage", description="Tokens", amount_text=dollars,
                amount_picousd=int(Decimal(dollars) * 10**12), currency="USD",
            )
        )  # fmt: skip
    return period_id
