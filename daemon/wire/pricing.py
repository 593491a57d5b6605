"""Prices a server offers its daemons: `GET /v1/pricing/rates`.

Belongs here: the strict shape daemons from 0.3.11 on accept (extra keys are refused, all or nothing). Does not belong
here: the warehouse's own rate book (`pipelines.rates`). Floats are the protocol's; money is never computed from them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

UsdPerMillionTokens = Annotated[float, Meta(ge=0, le=1000)]


class ModelRates(msgspec.Struct, kw_only=True, frozen=True):
    """Prices of one model, USD per million tokens."""

    model: str
    input: UsdPerMillionTokens
    output: UsdPerMillionTokens
    thinking: UsdPerMillionTokens
    cache_read: UsdPerMillionTokens
    cache_write: UsdPerMillionTokens


class PricingRates(msgspec.Struct, kw_only=True, frozen=True):
    """The rate table a daemon overlays on its own.

    Attributes:
        rates_version: applied only when greater than the one the daemon holds; 0 never applies.
        bundled_rates_date: `YYYY-MM-DD`; older than the daemon's own table means ignored.
        providers: keys are daemon price-table names (`google`, not `gemini`).
    """

    schema_version: int
    bundled_rates_date: str
    rates_version: int
    currency: str
    providers: dict[str, list[ModelRates]]
