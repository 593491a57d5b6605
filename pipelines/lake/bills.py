"""Tables of providers' bills: where they are read from, which days they cover, and their lines.

Belongs here: the columns, shared by the pipelines that read bills and the API that shows and takes them, and the words
they may hold. Does not belong here: reading a provider (`pipelines.billing`), comparing bills with what was logged.

A period is never changed: one that a provider states anew supersedes the one before, which stays with the instant it
was replaced at. What counts is the rows whose `superseded_at_us` is null. Days are the provider's, in UTC. Money is
both the exact decimal text of USD and whole picodollars (10^12 to the dollar).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pipelines.lake.ledger import Uuid36, metadata

AMOUNT_TEXT_LENGTH: Final = 80
DESCRIPTION_LENGTH: Final = 500
ERROR_LENGTH: Final = 500


class ConnectionKind(StrEnum):
    """How a provider's bills arrive."""

    ANTHROPIC_ANALYTICS = "anthropic_analytics"
    ANTHROPIC_COST_REPORT = "anthropic_cost_report"
    OPENAI_COSTS = "openai_costs"
    XAI_USAGE = "xai_usage"
    GEMINI_EXPORT = "gemini_export"
    MANUAL = "manual"


class LineCategory(StrEnum):
    """What a line of a bill is; credits and discounts have negative amounts."""

    USAGE = "usage"
    CREDIT = "credit"
    DISCOUNT = "discount"
    TAX = "tax"
    PREPAID = "prepaid"
    ADJUSTMENT = "adjustment"


# One row per way a workspace's bills of one provider arrive. `sealed_credential` opens with keys of the home only
# (`pipelines.billing.credentials`); a disconnected row has none any more, and its periods stay.
bill_connections = Table(
    "bill_connections",
    metadata,
    Column("id", Uuid36, primary_key=True),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("provider", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("sealed_credential", Text, nullable=True),
    Column("settings", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("created_by", String(320), nullable=False),
    Column("disabled_at_us", BigInteger, nullable=True),
    Column("last_attempt_at_us", BigInteger, nullable=True),
    Column("last_success_at_us", BigInteger, nullable=True),
    Column("last_error", String(ERROR_LENGTH), nullable=True),
)

# One row per span of days as a provider stated it at one time, first and last day inclusive. `request_count` is what
# the provider says it served, null where it does not say; `sha256` is of the lines in their canonical form.
bill_periods = Table(
    "bill_periods",
    metadata,
    Column("id", Uuid36, primary_key=True),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("connection_id", Uuid36, ForeignKey("bill_connections.id"), nullable=False),
    Column("first_day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("read_at_us", BigInteger, nullable=False),
    Column("read_by", String(320), nullable=False),
    Column("superseded_at_us", BigInteger, nullable=True),
    Column("is_complete", Boolean, nullable=False),
    Column("request_count", BigInteger, nullable=True),
    Column("sha256", String(64), nullable=False),
    Column("note", String(DESCRIPTION_LENGTH), nullable=False),
    UniqueConstraint("connection_id", "first_day", "last_day", "revision"),
)
Index(
    "ix_bill_periods_current",
    bill_periods.c.connection_id,
    bill_periods.c.first_day,
    bill_periods.c.last_day,
    unique=True,
    sqlite_where=bill_periods.c.superseded_at_us.is_(None),
    postgresql_where=bill_periods.c.superseded_at_us.is_(None),
)

# One row per line. Tokens and requests stand once each: lines that carry money have neither `quantity` nor `requests`
# where the provider tells them apart, lines of 0 carry those. So both may be summed over any set of lines.
bill_lines = Table(
    "bill_lines",
    metadata,
    Column("period_id", Uuid36, ForeignKey("bill_periods.id"), primary_key=True),
    Column("line_number", Integer, primary_key=True, autoincrement=False),
    Column("category", String(16), nullable=False),
    Column("model", String(255), nullable=True),
    Column("key_ref", String(255), nullable=True),
    Column("service_tier", String(64), nullable=True),
    Column("token_kind", String(32), nullable=True),
    Column("description", String(DESCRIPTION_LENGTH), nullable=False),
    Column("amount_text", String(AMOUNT_TEXT_LENGTH), nullable=False),
    Column("amount_picousd", BigInteger, nullable=False),
    Column("list_amount_picousd", BigInteger, nullable=True),
    Column("currency", String(3), nullable=False),
    Column("quantity", BigInteger, nullable=True),
    Column("requests", BigInteger, nullable=True),
)
