"""What plans cost here, and who bills for them: the configuration.

Belongs here: reading `billing.toml` of the home and the webhook secrets of the environment. Does not belong here: seats
and limits (`api.plans`), arithmetic (`pro_rata`).

    currency = "USD"
    provider = "manual"          # or a name: its webhooks come to /webhooks/billing/<name>
    portal_url = "https://billing.example.com/portal?customer={customer}&workspace={workspace}"

    [monthly]                    # a plan without a price is by contract
    solo = "19.00"
    team = "99.00"

    [extra_seat]
    team = "9.00"
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from api.billing.pro_rata import CENT
from api.db.models import Plan
from api.errors import Refused, invalid
from api.plans import SELLS_SEATS
from pipelines.lake.paths import Home

BILLING_FILE: Final = "billing.toml"
SECRETS_VARIABLE: Final = "HALTON_BILLING_WEBHOOK_SECRETS"
MANUAL: Final = "manual"
_AMOUNT: Final = re.compile(r"(\d{1,9})(?:\.(\d\d))?", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_SYMBOLS: Final = {"USD": "$", "EUR": "\u20ac", "GBP": "\u00a3"}
_SECRET_BYTES_MIN: Final = 16


class BillingFileError(Exception):
    """The billing configuration cannot be used; the message says which line."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What plans cost per month, in millicents of one currency.

    Attributes:
        currency: ISO 4217; its amounts have two decimals.
        monthly: by plan; a plan that is absent is by contract.
        extra_seat: of one seat beyond those included, by plan.
    """

    currency: str = "USD"
    monthly: Mapping[Plan, int] = field(default_factory=lambda: {Plan.SOLO: 1_900 * CENT, Plan.TEAM: 9_900 * CENT})
    extra_seat: Mapping[Plan, int] = field(default_factory=lambda: {Plan.TEAM: 900 * CENT})

    def of(self, plan: Plan, extra_seats: int) -> int | None:
        """Return what a plan with so many extra seats costs per month; None by contract."""
        base = self.monthly.get(plan)
        return None if base is None else base + (self.extra_seat.get(plan, 0) * extra_seats)

    def written(self, millicents: int) -> str:
        """Return an amount as people read it, such as `$19.00`."""
        symbol = _SYMBOLS.get(self.currency, f"{self.currency} ")
        return f"{symbol}{millicents // (100 * CENT):,}.{millicents // CENT % 100:02}"


@dataclass(frozen=True, slots=True)
class Billing:
    """How this installation bills.

    Attributes:
        prices: of its plans.
        provider: `manual`, or the name its webhooks come under.
        portal_url: template of the provider's customer portal; None when there is none.
        secrets: that sign the provider's webhooks; while one replaces another, both.
    """

    prices: Prices = field(default_factory=Prices)
    provider: str = MANUAL
    portal_url: str | None = None
    secrets: tuple[bytes, ...] = ()

    @property
    def self_service(self) -> bool:
        """Whether Owners choose plan and seats here, not at the provider."""
        return self.provider == MANUAL

    def portal_link(self, *, workspace_id: str, customer_ref: str | None) -> str | None:
        """Return the link to the customer portal; None while there is no portal, or no customer it could show."""
        if self.portal_url is None or ("{customer}" in self.portal_url and customer_ref is None):
            return None
        link = self.portal_url.replace("{workspace}", workspace_id)
        return link.replace("{customer}", quote(customer_ref or "", safe=""))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    currency: str = "USD"
    provider: str = MANUAL
    portal_url: str | None = None
    monthly: dict[str, str] | None = None
    extra_seat: dict[str, str] | None = None


def load_billing(home: Home, environment: Mapping[str, str] | None = None) -> Billing:
    """Return the installation's billing configuration; what is not said has the defaults above.

    Raises:
        BillingFileError: the file or a secret is not usable.
    """
    environment = os.environ if environment is None else environment
    path = home.root / BILLING_FILE
    try:
        said = msgspec.convert(tomllib.loads(path.read_text()), _File)
    except FileNotFoundError:
        said = _File()
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BillingFileError(f"{path}: {error}") from None
    usual = Prices()
    try:
        return Billing(
            prices=Prices(
                currency=_matching(_CURRENCY, said.currency, "currency"),
                monthly=usual.monthly if said.monthly is None else _amounts(said.monthly, frozenset(Plan)),
                extra_seat=usual.extra_seat if said.extra_seat is None else _amounts(said.extra_seat, SELLS_SEATS),
            ),
            provider=_matching(_NAME, said.provider, "provider"),
            portal_url=_portal(said.portal_url),
            secrets=tuple(_secret(one) for one in environment.get(SECRETS_VARIABLE, "").replace(",", " ").split()),
        )
    except ValueError as error:
        raise BillingFileError(f"{path}: {error}") from None


def amount_written(millicents: int) -> str:
    """Return an amount as JSON and forms carry it, such as `4.50`."""
    return f"{millicents // (100 * CENT)}.{millicents // CENT % 100:02}"


def amount_read(text: str) -> int:
    """Return an amount that JSON or a form carries, in millicents.

    Raises:
        Refused: 422 it is not one.
    """
    try:
        return _amount(text)
    except ValueError:
        raise invalid("The amount must be written like 4.50.") from None


def billed_elsewhere() -> Refused:
    """Return the 409 of a plan that is changed in the provider's portal only."""
    return Refused(409, "billed_elsewhere", "The plan is changed in the billing portal: follow Manage billing.")


def _amount(text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount such as 19.00")
    return (int(match[1]) * 100 + int(match[2] or 0)) * CENT


def _amounts(by_plan: Mapping[str, str], allowed: frozenset[Plan]) -> dict[Plan, int]:
    names = {plan.value: plan for plan in allowed}
    unknown = sorted(set(by_plan) - set(names))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(names))}")
    return {names[name]: _amount(text) for name, text in by_plan.items()}


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError(f"the {what} {text!r} is not usable")
    return text


def _portal(template: str | None) -> str | None:
    if template is not None and (urlsplit(template).scheme != "https" or not urlsplit(template).netloc):
        raise ValueError("portal_url must begin with https://")
    return template


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{SECRETS_VARIABLE} holds something that is no whsec_… secret") from None
    if len(secret) < _SECRET_BYTES_MIN:
        raise ValueError(f"{SECRETS_VARIABLE} holds a secret shorter than {_SECRET_BYTES_MIN} bytes")
    return secret
