"""The rate table daemons are offered, read from the exported rate book.

Belongs here: choosing today's base price of each model and putting it in the strict shape daemons accept. Does not
belong here: making the rate book (`pipelines.rates`) or pricing rows (`dbt_project`).

A price is offered when it is the standard tier's, the base band's, in force now, and complete for input and output. A
workspace's negotiated price wins over the general one. A kind without a price of its own costs what the daemon's
counting makes it: cache reads and writes as input, thinking as output.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import duckdb

from daemon.wire.pricing import ModelRates, PricingRates
from pipelines.lake.clock import EPOCH
from pipelines.lake.paths import Home

_PROVIDERS: Final = {"anthropic": "anthropic", "openai": "openai", "gemini": "google", "xai": "xai", "groq": "groq"}
"""Names in daemons' price tables by wire name."""
_PICOUSD_PER_TOKEN_PER_USD_MTOK: Final = 1_000_000
_USD_PER_MTOK_MAX: Final = 1000.0
_IN_FORCE: Final = """
    select
        provider, model_ref, uncached_input_picousd_per_token, output_picousd_per_token,
        cache_read_picousd_per_token, cache_write_5m_picousd_per_token
    from read_parquet($book)
    where service_tier = 'standard' and context_over_tokens = 0 and currency = 'USD'
        and valid_from <= $now and $now < valid_to
        and (workspace_id is null or workspace_id::varchar = $workspace_id)
        and uncached_input_picousd_per_token is not null and output_picousd_per_token is not null
    qualify row_number() over (
        partition by provider, model_ref order by workspace_id is null, known_from desc, valid_from desc, rate_id desc
    ) = 1
    order by provider, model_ref
"""
# A price's beginning, our learning of it and its end, for everyone or this workspace; and whatever changed the book.
_CHANGED_AT: Final = """
    with prices as (
        select greatest(valid_from, known_from)::timestamp as began, valid_to::timestamp as ended
        from read_parquet($book)
        where workspace_id is null or workspace_id::varchar = $workspace_id
    ),
    instants as (
        select began as instant from prices
        union all
        select ended from prices
        union all
        select try_cast(decode(value) as timestamptz)::timestamp
        from parquet_kv_metadata($book)
        where decode(key) = 'changed_at'
    )
    select max(instant) from instants where instant <= $now
"""
_Row = tuple[str, str, int, int, int | None, int | None]

NO_OFFER: Final = PricingRates(
    schema_version=1, bundled_rates_date="1970-01-01", rates_version=0, currency="USD", providers={}
)
"""What daemons never apply: version 0."""

_cache_lock = Lock()
_cache: dict[tuple[str, str], tuple[tuple[int, int, int], PricingRates]] = {}
_CACHED_OFFERS: Final = 64


def rate_offer(home: Home, workspace_id: str, now: datetime) -> PricingRates:
    """Return the offer to one workspace's daemons at `now`; `NO_OFFER` when there is no readable rate book.

    `rates_version` is the newest instant, in seconds since 1970, at which a price began to hold, became known, ended or
    was withdrawn: it rises when the offer changes, and `bundled_rates_date` is its day. Daemons apply only what is
    newer, so a negotiated price that is over must raise it too.
    """
    book = home.exports / "rate_book.parquet"
    try:
        stat = book.stat()
        # One reading per book and hour: a price's beginning is noticed within the hour.
        seen = (stat.st_mtime_ns, stat.st_size, int(now.timestamp()) // 3600)
        with _cache_lock:
            known = _cache.get((str(book), workspace_id))
        if known is not None and known[0] == seen:
            return known[1]
        offer = _read(book, workspace_id, now)
    except (OSError, duckdb.Error):
        return NO_OFFER
    with _cache_lock:
        if len(_cache) >= _CACHED_OFFERS:
            _cache.clear()
        _cache[str(book), workspace_id] = (seen, offer)
    return offer


def _read(book: Path, workspace_id: str, now: datetime) -> PricingRates:
    naive = now.astimezone(UTC).replace(tzinfo=None)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        parameters = {"book": str(book), "now": naive, "workspace_id": workspace_id}
        rows: list[_Row] = connection.execute(_IN_FORCE, parameters).fetchall()
        changed = connection.execute(_CHANGED_AT, parameters).fetchone()
    providers: dict[str, list[ModelRates]] = {}
    for provider, model, uncached_input, output, cache_read, cache_write in rows:
        rates = ModelRates(
            model=model,
            input=_usd_per_mtok(uncached_input),
            output=_usd_per_mtok(output),
            thinking=_usd_per_mtok(output),
            cache_read=_usd_per_mtok(uncached_input if cache_read is None else cache_read),
            cache_write=_usd_per_mtok(uncached_input if cache_write is None else cache_write),
        )
        name = _PROVIDERS.get(provider)
        if name is None or not _acceptable(rates):
            continue
        providers.setdefault(name, []).append(rates)
    newest: datetime = EPOCH if changed is None or changed[0] is None else changed[0].replace(tzinfo=UTC)
    if not providers:
        return NO_OFFER
    return PricingRates(
        schema_version=1,
        bundled_rates_date=newest.date().isoformat(),
        rates_version=int(newest.timestamp()),
        currency="USD",
        providers=providers,
    )


def _usd_per_mtok(picousd_per_token: int) -> float:
    # The protocol's floats, at the edge; nothing is computed from them here.
    return picousd_per_token / _PICOUSD_PER_TOKEN_PER_USD_MTOK


def _acceptable(rates: ModelRates) -> bool:
    """Whether daemons take it: they refuse the whole table for one price above 1,000 USD per million tokens."""
    prices = (rates.input, rates.output, rates.thinking, rates.cache_read, rates.cache_write)
    return all(0 <= price <= _USD_PER_MTOK_MAX for price in prices)
