"""Currencies and amounts that people write down.

Belongs here: the currencies of ISO 4217 and reading amounts exactly. Does not belong here: showing spend
(`api.dashboards.money`), converting between currencies (nothing does).

Amounts are integers of 1/100,000 of the currency's unit, as USD are millicents.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from api.errors import invalid

PARTS_PER_UNIT: Final = 100_000
AMOUNT_MAX: Final = 1_000_000_000 * PARTS_PER_UNIT
# Plain digits only: an exponent or a hundred decimals would be rounded before they could be refused.
_AMOUNT: Final = re.compile(r"[0-9]{1,10}(\.[0-9]{1,5})?")

_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "
)
CURRENCIES: Final = frozenset(_CODES.split())
"""Codes of money that circulates, as ISO 4217 lists them."""


def checked_currency(code: str) -> str:
    """Return a currency's code.

    Raises:
        Refused: 422 `unknown_currency`.
    """
    if code not in CURRENCIES:
        raise invalid("The currency must be a code of ISO 4217 such as EUR.", code="unknown_currency")
    return code


def amount_of(text: str, *, what: str = "amount") -> int:
    """Return an amount written as `123.45` in parts of 1/100,000.

    Raises:
        Refused: 422 when it is no plain number from 0 to a billion with at most 5 decimals.
    """
    amount = int(Decimal(text) * PARTS_PER_UNIT) if _AMOUNT.fullmatch(text.strip()) else -1
    return checked_amount(amount, what=what)


def checked_amount(amount: int, *, what: str = "amount") -> int:
    """Return an amount in parts of 1/100,000.

    Raises:
        Refused: 422 when it is below 0 or above a billion.
    """
    if not 0 <= amount <= AMOUNT_MAX:
        raise invalid(f"The {what} must be a number from 0 to 1000000000 with at most 5 decimals.")
    return amount


def amount_text(amount: int) -> str:
    """Return an amount as people write it: at least two decimals, no more than it has."""
    whole, part = divmod(amount, PARTS_PER_UNIT)
    return f"{whole}.{f'{part:05}'.rstrip('0').ljust(2, '0')}"
