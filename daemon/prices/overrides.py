"""A person's own prices: `prices.toml`.

Belongs here: reading and checking the file. Does not belong here: how its prices meet the bundled ones (`book`).

    [[price]]
    provider = "openai"
    model = "gpt-4o"
    valid_from = 2026-10-01         # since ever when left out; the next entry of the same model takes over
    tier = "standard"               # the default
    context_over_tokens = 0         # the default: calls of any size
    uncached_input = "2.25"         # USD per million tokens, as is every kind
    cache_read = "1.125"
    cache_write_5m = "2.25"
    cache_write_1h = "2.25"
    output = "9"

Numbers are read as they are written, never as floats.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from daemon.credentials import MeterHome, UnreadableStateError
from daemon.prices.book import OwnPrice, PriceBook
from daemon.prices.rates import KINDS, STANDARD, Picodollars, Rate, picodollars_per_token
from daemon.prices.table import bundled_table, start_of_day_us

_SIZE_MAX: Final = 1_000_000
_DIGITS_MAX: Final = 32

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class _Entry(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    provider: Name
    model: Name
    valid_from: Any = None
    tier: Name = STANDARD
    context_over_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    uncached_input: Any = None
    cache_read: Any = None
    cache_write_5m: Any = None
    cache_write_1h: Any = None
    output: Any = None


class _File(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    price: list[dict[str, Any]] = []


def load_prices(home: MeterHome) -> PriceBook:
    """Return the bundled prices with those of the home's `prices.toml` over them, where there is one.

    Raises:
        UnreadableStateError: the file cannot be read or understood; the message names the place.
    """
    return PriceBook(bundled_table(), own_prices(home.prices_path))


def own_prices(path: Path) -> list[OwnPrice]:
    """Return the prices of a file, none where there is no file.

    Raises:
        UnreadableStateError: as `load_prices`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_SIZE_MAX + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableStateError(f"{path} cannot be read: {error}") from error
    try:
        if len(content) > _SIZE_MAX:
            raise ValueError("it is larger than a megabyte")  # noqa: TRY301 - every reason is told the same way
        # Decimal of a long or hostile number would take long, or overflow: `_decimal` decides what a number is.
        document = tomllib.loads(content.decode(), parse_float=str)
        entries = msgspec.convert(document, _File).price
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise UnreadableStateError(f"{path} cannot be understood: {error}") from error
    return _checked(path, entries)


def _checked(path: Path, entries: list[dict[str, Any]]) -> list[OwnPrice]:
    prices: list[OwnPrice] = []
    seen: set[tuple[object, ...]] = set()
    for number, entry in enumerate(entries, start=1):
        try:
            price = _own_price(msgspec.convert(entry, _Entry))
            rate = price.rate
            key = (price.provider, price.model.lower(), rate.tier, rate.context_over_tokens, rate.from_us)
            if key in seen:
                raise ValueError("an entry before sets the same price")  # noqa: TRY301 - told the same way
            seen.add(key)
        except (ValueError, msgspec.ValidationError) as error:
            raise UnreadableStateError(f"{path} cannot be understood: [[price]] number {number}: {error}") from error
        prices.append(price)
    return prices


def _own_price(entry: _Entry) -> OwnPrice:
    read = {kind: _picodollars(kind, getattr(entry, kind)) for kind in KINDS}
    if all(price is None for price in read.values()):
        raise ValueError("it sets no price")
    picodollars: Picodollars = (
        read["uncached_input"],
        read["cache_read"],
        read["cache_write_5m"],
        read["cache_write_1h"],
        read["output"],
    )
    rate = Rate(
        tier=entry.tier.lower(),
        context_over_tokens=entry.context_over_tokens,
        from_us=_start(entry.valid_from),
        until_us=None,
        picodollars=picodollars,
        source="prices.toml",
    )
    return OwnPrice(provider=entry.provider, model=entry.model, rate=rate)


def _start(day: Any) -> int:
    if day is None:
        return 0
    try:
        first = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        first = None
    if not isinstance(first, date) or isinstance(first, datetime):
        raise ValueError("`valid_from` is a day, as 2026-10-01")  # noqa: TRY004 - a fault of the file, told like others
    return max(start_of_day_us(first), 0)


def _picodollars(kind: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        return picodollars_per_token(_decimal(value))
    except ValueError as error:
        raise ValueError(f"`{kind}`: {error}") from error


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str) or len(text := str(value)) > _DIGITS_MAX:
        raise ValueError('a price is a number, as "2.25"')
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError('a price is a number, as "2.25"') from error
