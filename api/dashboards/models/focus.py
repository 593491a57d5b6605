"""Answers of the FOCUS route.

Belongs here: its struct and example. Does not belong here: the columns (`pipelines.exports.focus`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from api.dashboards.models.answer import Instant, Shape


class FocusAnswer(Shape, kw_only=True, frozen=True):
    """A page of spend and credits in the columns of FOCUS 1.2."""

    focus_version: str
    billing_period: Annotated[str, Meta(description="The month of the providers' days in UTC, YYYY-MM.")]
    build_id: Annotated[
        str | None, Meta(description="Build of the marts the analysis was made of; null before the first.")
    ]
    analysis_id: str | None
    data_as_of: Instant | None
    columns: Annotated[list[str], Meta(description="All 57, in the specification's order.")]
    rows: Annotated[
        list[dict[str, str | None]],
        Meta(description="By column; decimals and instants are text, null is null."),
    ]
    limit: int
    next_cursor: Annotated[str | None, Meta(description="Of the next page; null on the last one.")]
    csv_path: Annotated[str, Meta(description="The whole period as CSV.")]


FOCUS: Final[dict[str, Any]] = {
    "focus_version": "1.2",
    "billing_period": "2026-06",
    "build_id": "b20260701T090000-1a2b3c4d",
    "analysis_id": "a20260701T090100-5e6f7a8b",
    "data_as_of": "2026-07-01T08:59:58Z",
    "columns": ["AvailabilityZone", "BilledCost"],
    "rows": [{"AvailabilityZone": None, "BilledCost": "0.0644233"}],
    "limit": 500,
    "next_cursor": None,
    "csv_path": "/v1/acme/focus.csv?month=2026-06",
}
