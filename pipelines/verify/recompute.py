"""Recomputing every total from landed files with polars and plain Python.

Belongs here: the second opinion on de-duplication, conflicts, prices, buckets and days. Does not belong here: SQL of
any kind, or a look at what was published (`mart_checks`).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import polars as pl

from daemon.wire.record import RECORD_KEYS
from pipelines.lake.arrow import parquet
from pipelines.lake.pricing import RateIndex, extra_values, price_picousd, token_kinds
from pipelines.lake.rate_book import Rate
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS
from pipelines.verify.attribution import Reattributions

IDENTITY: Final = ["workspace_id", "request_id"]
NOT_SHARED: Final = "(not shared)"
MEASURES: Final = (
    "requests", "unpriced_requests", "unrated_requests", "error_requests", "cost_logged_millicents",
    "cost_priced_picousd", "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens",
    "uncached_input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "billable_output_tokens",
)  # fmt: skip
"""Measures of every roll-up; sums of integers, money in millicents (logged) and picodollars (priced)."""
DIMENSIONS: Final = ("workspace_id", "project", "provider", "model", "device_id", "spend_kind", "withheld_reason")

_READ: Final = [
    "request_id", "workspace_id", "device_id", "batch_key", "row_index", "received_at", "project", "provider", "model",
    "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens",
    "cost_logged_millicents", "requested_at", "recorded_at", "status", "billing_basis", "extra_json",
]  # fmt: skip
# A field that privacy settings withhold, or that a later release added: absent in one copy is no contradiction.
_MAY_BE_ABSENT: Final = frozenset({
    "project", "source_workdir", "source_machine", "prompt_hash", "attribution_method", "error_class",
    "provider_error_code", "http_status", "retryable", "billing_basis", "extra_json", "fx_rate",
})  # fmt: skip
_CONTENT: Final = [
    *[key for key in RECORD_KEYS if key not in {"id", "cost_millicents", "cost_usd_minor_units"}],
    "cost_logged_millicents",
    "extra_json",
]
_ORDER: Final = ["file_seq", "file_row_number"]
_UUIDS: Final = ["request_id", "workspace_id", "device_id", "batch_key"]


@dataclass(frozen=True)
class Withholding:
    """Since when and why a project's rows are withheld."""

    since: datetime
    reason: str


@dataclass(frozen=True)
class Recomputed:
    """Everything the landed files say.

    Attributes:
        requests: first copy of each request, with price, bucket and visibility.
        repeats: every later copy, with `is_conflict`.
        expired: rows past retention per batch; they are in neither of the others.
    """

    requests: pl.DataFrame
    repeats: pl.DataFrame
    expired: dict[str, int]


@dataclass(frozen=True)
class Stored:
    """A file of the record, and which landing files' rows are wanted of it.

    Attributes:
        path: the file.
        file_seqs: those landing files: a single one, whose rows carry no origin, unless the file is compacted.
        compacted: whether each row tells which landing file and row it was.
    """

    path: Path
    file_seqs: Collection[int]
    compacted: bool


def recompute(
    files: Collection[Stored],
    rates: list[Rate],
    models: Mapping[tuple[str, str], str | None],
    withheld: Mapping[tuple[str, str], Withholding],
    horizons: Mapping[str, date],
    moved: Reattributions,
) -> Recomputed:
    """De-duplicate, price and place every landed row that is kept.

    Args:
        files: where the landed rows are.
        rates: the rate book.
        models: (provider, model) to the priced model's name, None when it has no known price.
        withheld: (workspace id as 32 hex digits, project) to its withholding.
        horizons: workspace id as 32 hex digits to the first UTC day whose requests are kept, where not all are.
        moved: the decisions that requests of one project count for another.
    """
    everything = _read(files, _READ)
    is_kept = _kept(horizons)
    expired = everything.filter(~is_kept).group_by("batch_key").len()
    landed = everything.filter(is_kept)
    firsts = landed.unique(subset=IDENTITY, keep="first", maintain_order=True)
    repeats = landed.join(firsts.select(_ORDER), on=_ORDER, how="anti")
    return Recomputed(
        requests=_described(firsts, RateIndex(rates), models, withheld, moved),
        repeats=_judged(files, firsts, repeats),
        expired=dict(expired.iter_rows()),
    )


def _kept(horizons: Mapping[str, date]) -> pl.Expr:
    kept = pl.lit(value=True)
    for workspace_id, first_day in horizons.items():
        begins = datetime.combine(first_day, time.min, UTC)
        kept &= (pl.col("workspace_id") != workspace_id) | (pl.col("requested_at") >= begins)
    return kept


def _read(files: Collection[Stored], columns: list[str]) -> pl.DataFrame:
    """Read columns of all rows, each with where it landed, in that order."""
    frames = [_read_one(stored, columns) for stored in files] or [_nothing(columns)]
    known = [name for name in _UUIDS if name in columns]
    return pl.concat(frames).with_columns(pl.col(known).bin.encode("hex")).sort(_ORDER)


def _read_one(stored: Stored, columns: list[str]) -> pl.DataFrame:
    if not stored.compacted:
        (file_seq,) = stored.file_seqs
        numbered = pl.read_parquet(stored.path, columns=columns).with_row_index("file_row_number")
        return numbered.with_columns(
            pl.lit(file_seq, dtype=pl.Int64).alias("file_seq"), pl.col("file_row_number").cast(pl.Int64)
        ).select(*_ORDER, *columns)
    origin: dict[str, str] = dict(zip(ORIGIN_COLUMNS, _ORDER, strict=True))
    read = pl.read_parquet(stored.path, columns=[*columns, *origin]).rename(origin)
    return read.filter(pl.col("file_seq").is_in(list(stored.file_seqs))).select(*_ORDER, *columns)


def _nothing(columns: list[str]) -> pl.DataFrame:
    """Return no rows, in the types that landing files have."""
    sink = io.BytesIO()
    parquet.write_table(LANDING_SCHEMA.empty_table(), sink)
    empty = pl.read_parquet(sink.getvalue(), columns=columns)
    return empty.with_columns(pl.lit(0, dtype=pl.Int64).alias(name) for name in _ORDER).select(*_ORDER, *columns)


def _described(
    firsts: pl.DataFrame,
    rates: RateIndex,
    models: Mapping[tuple[str, str], str | None],
    withheld: Mapping[tuple[str, str], Withholding],
    moved: Reattributions,
) -> pl.DataFrame:
    priced = pl.DataFrame(
        [_priced(row, rates, models, withheld, moved) for row in firsts.iter_rows(named=True)],
        schema=_PRICED_SCHEMA,
        orient="row",
    )
    return firsts.with_columns(
        pl.col("project").fill_null(NOT_SHARED).alias("project_as_logged"),
        pl.col("billing_basis").fill_null("metered").alias("spend_kind"),
        pl.col("requested_at").dt.truncate("15m").alias("bucket_starts_at"),
        pl.lit(1).alias("requests"),
        pl.col("cost_logged_millicents").is_null().cast(pl.Int64).alias("unpriced_requests"),
        (pl.col("status") != "success").cast(pl.Int64).alias("error_requests"),
        *priced.get_columns(),
        priced["cost_priced_picousd"].is_null().cast(pl.Int64).alias("unrated_requests"),
    )


_PRICED_SCHEMA: Final = {
    "uncached_input_tokens": pl.Int64,
    "cache_read_tokens": pl.Int64,
    "cache_write_5m_tokens": pl.Int64,
    "cache_write_1h_tokens": pl.Int64,
    "billable_output_tokens": pl.Int64,
    "cost_priced_picousd": pl.Int64,
    "project": pl.String,
    "withheld_reason": pl.String,
}


def _priced(
    row: dict[str, Any],
    rates: RateIndex,
    models: Mapping[tuple[str, str], str | None],
    withheld: Mapping[tuple[str, str], Withholding],
    moved: Reattributions,
) -> tuple[int | str | None, ...]:
    tier, one_hour = extra_values(row["extra_json"])
    kinds = token_kinds(
        row["provider"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        thinking_tokens=row["thinking_tokens"],
        cached_tokens=row["cached_tokens"],
        cache_write_tokens=row["cache_write_tokens"],
        one_hour_tokens=one_hour,
    )
    model_ref = models.get((row["provider"], row["model"]))
    rate = None
    if model_ref is not None:
        rate = rates.find(
            provider=row["provider"],
            model_ref=model_ref,
            service_tier=tier,
            at=row["requested_at"],
            total_input=kinds.total_input,
            workspace_id=row["workspace_id"],
        )
    logged = NOT_SHARED if row["project"] is None else row["project"]
    project = moved.project_of(row["workspace_id"], logged, row["device_id"], row["requested_at"])
    hold = withheld.get((row["workspace_id"], project))
    reason = hold.reason if hold and row["received_at"] >= hold.since else None
    cost = price_picousd(kinds, rate.rates) if rate else None
    return (
        kinds.uncached_input, kinds.cache_read, kinds.cache_write_5m, kinds.cache_write_1h, kinds.output, cost, project,
        reason,
    )  # fmt: skip


def _judged(files: Collection[Stored], firsts: pl.DataFrame, repeats: pl.DataFrame) -> pl.DataFrame:
    """Tell which repeats contradict their first copy, reading whole rows only of ids that repeat."""
    if repeats.is_empty():
        return repeats.with_columns(pl.lit(value=False).alias("is_conflict"))
    ids = repeats.select(IDENTITY).unique()
    copies = pl.concat([_read([stored], [*IDENTITY, *_CONTENT]).join(ids, on=IDENTITY, how="semi") for stored in files])
    originals = copies.join(firsts.select(_ORDER), on=_ORDER, how="semi").drop(_ORDER)
    pairs = copies.join(originals, on=IDENTITY, suffix="_first").with_columns(
        pl.any_horizontal([_contradicts(name) for name in _CONTENT]).alias("is_conflict")
    )
    return repeats.join(pairs.select([*_ORDER, "is_conflict"]), on=_ORDER)


def _contradicts(name: str) -> pl.Expr:
    one, first = pl.col(name), pl.col(f"{name}_first")
    return (one != first).fill_null(value=False) if name in _MAY_BE_ABSENT else one.ne_missing(first)
