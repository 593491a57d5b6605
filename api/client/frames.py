"""Rows of answers as data frames, for those who have polars.

Belongs here: exact columns from the API's decimal text. Does not belong here: plotting, and what frames do themselves.

    from api.client.frames import to_polars

    to_polars(client.all_requests(range="last_30d")).group_by("project").agg(pl.col("cost_usd").sum())
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def to_polars(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame: `…_usd` as exact decimals, `…_at` as instants in UTC, the rest as it is.

    Args:
        rows: of an answer, or of one of the client's `all_…` iterators.

    Raises:
        ImportError: polars is not installed.
    """
    import polars as pl  # noqa: PLC0415 - the client works without it

    frame = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(  # pyright: ignore[reportUnknownMemberType]
        *(pl.col(name).cast(pl.Decimal(38, 12)) for name in text if name.endswith("_usd")),
        *(pl.col(name).str.to_datetime(time_zone="UTC") for name in text if name.endswith("_at")),
    )
