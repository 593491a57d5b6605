"""The rate book and the model aliases as Parquet, for the warehouse.

Belongs here: their Arrow schemas, writing and reading them, and remembering since when a price is known. Does not
belong here: which models ever landed or what a workspace negotiated (the caller says both).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.lake.rate_book import Rate, rate_book_version
from pipelines.lake.rate_book_file import RATE_BOOK_SCHEMA, rate_row
from pipelines.rates.aliases import resolve_models
from pipelines.rates.seed import seed_rates

_log = logging.getLogger(__name__)

MODEL_ALIASES_SCHEMA = pa.schema(
    [
        pa.field("provider", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_ref", pa.string()),
        pa.field("display_name", pa.string(), nullable=False),
    ]
)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a small Parquet file so that readers see the old one or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, unfinished, compression="zstd", write_page_checksum=True)
    unfinished.replace(path)


def write_rate_book(path: Path, *, now: datetime, negotiated: Sequence[Rate] = ()) -> str:
    """Write the seed's prices and the workspaces' own.

    The package's data bears no date, and holds prices that only start in the future. So a seed price is known from
    the first time it was written here: rows of the file being replaced keep their `known_from`; a damaged file is set
    aside, and what it knew is lost unless a backup has it. The file's own metadata
    says, as `changed_at`, since when its content is what it is: a price that was withdrawn leaves no other trace.

    Args:
        path: `rate_book.parquet`, replaced atomically.
        now: instant, aware.
        negotiated: rates with a `workspace_id`; they bring their own `known_from`.

    Returns:
        The book's version, see `rate_book_version`.
    """
    known = _known_from(path)
    seed = [replace(rate, known_from=known.get(rate.rate_id, now)) for rate in seed_rates()]
    rates = [*seed, *negotiated]
    version = rate_book_version(rates)
    table = pa.Table.from_pylist([rate_row(rate) for rate in rates], schema=RATE_BOOK_SCHEMA)
    known_as = {"version": version, "changed_at": _changed_at(path, version, now)}
    write_table(path, table.replace_schema_metadata(known_as))
    return version


def write_model_aliases(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write what each (provider, model) ever landed stands for.

    Args:
        path: `model_aliases.parquet`, replaced atomically.
        pairs: wire provider and model, in any order, repeats allowed.
    """
    rows = [vars(alias) for alias in resolve_models(pairs)]
    write_table(path, pa.Table.from_pylist(rows, schema=MODEL_ALIASES_SCHEMA))


def _changed_at(path: Path, version: str, now: datetime) -> str:
    """Return since when the book has this content, ISO 8601: now, unless the file being replaced has it too."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        metadata = {}
    same = metadata.get(b"version") == version.encode()
    return metadata[b"changed_at"].decode() if same else now.isoformat()


def _known_from(path: Path) -> dict[str, datetime]:
    columns = ["rate_id", "known_from"]
    try:
        rows: list[dict[str, Any]] = pq.read_table(path, columns=columns, page_checksum_verification=True).to_pylist()
    except FileNotFoundError:
        return {}
    except (pa.ArrowException, OSError) as fault:
        aside = path.with_name(f"damaged-{path.name}")
        path.replace(aside)
        _log.error(
            "the rate book is damaged and lies at %s; prices are known since now unless a backup's is put back: %s",
            aside,
            fault,
        )
        return {}
    return {row["rate_id"]: row["known_from"] for row in rows}
