"""Money people type or upload, exactly: other currencies to USD, and what lowers a bill.

Belongs here: exchange, and signs of categories. Does not belong here: parsing and picodollars
(`pipelines.billing.amounts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from api.errors import Refused, invalid
from pipelines.billing.amounts import PICOUSD_DIGITS, AmountError, parse_amount
from pipelines.lake.bills import LineCategory

_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_RATE_MAX: Final = Decimal(1_000_000)
_CURRENCIES_MAX: Final = 20
_EXACT: Final = Context(prec=200)
_PICOUSD: Final = Decimal(1).scaleb(-PICOUSD_DIGITS)
_LOWERING: Final = frozenset({LineCategory.CREDIT, LineCategory.DISCOUNT})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one unit of each currency is worth, in USD.

    Attributes:
        usd_per_unit: by ISO 4217 code; USD itself needs none.
    """

    usd_per_unit: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Exchange:
        """Return the exchange of rates written as decimal text.

        Raises:
            Refused: 422 one is not usable.
        """
        if len(given) > _CURRENCIES_MAX or not all(_CURRENCY.fullmatch(code) for code in given) or "USD" in given:
            raise invalid(f"Exchange rates are of at most {_CURRENCIES_MAX} currencies like EUR; USD has none.")
        rates = {code: amount_typed(text) for code, text in given.items()}
        if not all(0 < rate <= _RATE_MAX for rate in rates.values()):
            raise invalid("An exchange rate must be above 0 USD and at most 1,000,000 USD.")
        return cls(rates)

    def usd(self, amount: Decimal, currency: str) -> Decimal:
        """Return an amount in USD: exact, or rounded once to whole picodollars, half to even.

        Raises:
            KeyError: there is no rate of this currency.
            pipelines.billing.amounts.AmountError: the product is too large.
        """
        if currency == "USD":
            return amount
        product = _EXACT.multiply(amount, self.usd_per_unit[currency])
        return parse_amount(_EXACT.quantize(product, _PICOUSD))


def amount_typed(text: str) -> Decimal:
    """Return an amount in a message: plain decimal text.

    Raises:
        Refused: 422 it is not one.
    """
    try:
        return parse_amount(text)
    except AmountError as fault:
        raise unusable_amount(fault) from None


def lowering(category: LineCategory, amount: Decimal) -> Decimal:
    """Return the amount as it is kept: credits and discounts lower a bill, with or without a minus before them."""
    return amount.copy_abs().copy_negate() if category in _LOWERING and amount else amount


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum, which no context rounds."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def unusable_amount(fault: AmountError) -> Refused:
    """Return the 422 for an amount that is none."""
    text = str(fault)
    return invalid(f"{text[:1].upper()}{text[1:]}.", code="bill_amount_unusable")
