"""Answers of `exports` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import TypedDict


class FocusAnswer(TypedDict):
    """A page of spend and credits in the columns of FOCUS 1.2."""

    focus_version: str
    billing_period: str
    build_id: str | None
    analysis_id: str | None
    data_as_of: str | None
    columns: list[str]
    rows: list[dict[str, str | None]]
    limit: int
    next_cursor: str | None
    csv_path: str
