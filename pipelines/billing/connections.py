"""What a connection to a provider's bills is set to, and reading through it.

Belongs here: settings and their limits, which provider a kind reads, the call that fits it. Does not belong here: rows
of connections (`pipelines.lake.bills`), when they are read (`run`), who may make one (`api`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from sqlalchemy import Row

from pipelines.billing import (
    anthropic_analytics,
    anthropic_cost_report,
    gemini_export,
    openai_costs,
    xai_usage,
)
from pipelines.billing.bills import BilledPeriod
from pipelines.billing.http import BillingError, Patience, ProviderClient, check_base_url
from pipelines.lake.bills import ConnectionKind

PROVIDERS: Final = ("anthropic", "openai", "gemini", "xai", "groq")
"""As daemons name them."""
PROVIDER_OF: Final[Mapping[ConnectionKind, str]] = {
    ConnectionKind.ANTHROPIC_ANALYTICS: "anthropic",
    ConnectionKind.ANTHROPIC_COST_REPORT: "anthropic",
    ConnectionKind.OPENAI_COSTS: "openai",
    ConnectionKind.XAI_USAGE: "xai",
    ConnectionKind.GEMINI_EXPORT: "gemini",
}
"""The provider of every kind but the manual one, which may be of any."""
WITH_CREDENTIAL: Final = frozenset(PROVIDER_OF) - {ConnectionKind.GEMINI_EXPORT}
LOOKBACK_DAYS: Final = 7
LOOKBACK_DAYS_MAX: Final = 62
_CREDENTIAL: Final = re.compile(r"[\x21-\x7e]{8,1000}", re.ASCII)
_EARLIEST: Final = date(2020, 1, 1)
_SERVICES_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What a connection is set to.

    Attributes:
        start_day: first UTC day to read.
        lookback_days: days before the newest that are read again each time, because providers restate them.
        base_url: of the provider's interface, where it is not the usual one.
        team: xAI: the team's id.
        folder: Gemini: absolute path of the folder of export files, on the server.
        services: Gemini: services whose rows count, if not the usual ones.
    """

    start_day: date
    lookback_days: int = LOOKBACK_DAYS
    base_url: str | None = None
    team: str | None = None
    folder: str | None = None
    services: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return them as the `settings` column holds them."""
        content: dict[str, Any] = {"start_day": self.start_day.isoformat(), "lookback_days": self.lookback_days}
        optional = {"base_url": self.base_url, "team": self.team, "folder": self.folder, "services": [*self.services]}
        return json.dumps(content | {name: value for name, value in optional.items() if value})

    @classmethod
    def from_json(cls, text: str) -> ConnectionSettings:
        """Return the settings of a `settings` column.

        Raises:
            BillingError: they are not such settings.
        """
        try:
            content = json.loads(text)
            return cls(
                start_day=date.fromisoformat(content["start_day"]),
                lookback_days=int(content.get("lookback_days", LOOKBACK_DAYS)),
                base_url=content.get("base_url"),
                team=content.get("team"),
                folder=content.get("folder"),
                services=tuple(content.get("services", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BillingError("The connection's settings cannot be read.") from None


@dataclass(frozen=True)
class Reach:
    """How providers are reached; tests put in their own.

    Attributes:
        transport: makes a transport for each client; None for the network.
        patience: how to wait.
    """

    transport: Callable[[], httpx.BaseTransport] | None = None
    patience: Patience | None = None


def account_of(row: Row[Any]) -> tuple[str, str, str | None]:
    """Return whose bills a row of `bill_connections` reads, and how: provider, kind, and team where there are several.

    Two that are equal read the same bills. Of a team aside, a workspace has one account with each provider.
    """
    try:
        team = ConnectionSettings.from_json(row.settings).team
    except BillingError:
        team = None
    return row.provider, row.kind, team


def check_settings(kind: ConnectionKind, settings: ConnectionSettings) -> None:
    """Refuse settings a connection cannot be read with.

    Raises:
        BillingError: something is missing, out of range, or of another kind of connection.
    """
    if settings.start_day < _EARLIEST:
        raise BillingError(f"The first day must be {_EARLIEST.isoformat()} or later.")
    if not 1 <= settings.lookback_days <= LOOKBACK_DAYS_MAX:
        raise BillingError(f"From 1 to {LOOKBACK_DAYS_MAX} days can be read again.")
    _check_team(kind, settings)
    _check_folder(kind, settings)
    if settings.base_url is not None:
        if kind not in WITH_CREDENTIAL:
            raise BillingError("A connection of this kind calls nobody, and has no address.")
        check_base_url(settings.base_url)


def _check_team(kind: ConnectionKind, settings: ConnectionSettings) -> None:
    if settings.team is None and kind is ConnectionKind.XAI_USAGE:
        raise BillingError("A connection to xAI needs the id of the team whose bills are read.")
    if settings.team is not None:
        if kind is not ConnectionKind.XAI_USAGE:
            raise BillingError("Only a connection to xAI has a team.")
        xai_usage.check_team(settings.team)


def _check_folder(kind: ConnectionKind, settings: ConnectionSettings) -> None:
    is_export = kind is ConnectionKind.GEMINI_EXPORT
    if settings.folder is None and is_export:
        raise BillingError("A connection to Gemini needs the folder of its export files.")
    if (settings.folder is not None or settings.services) and not is_export:
        raise BillingError("Only a connection to Gemini has a folder and services.")
    if settings.folder is not None and not Path(settings.folder).is_absolute():
        raise BillingError("The folder of export files must be an absolute path.")
    if len(settings.services) > _SERVICES_MAX or not all(one and one.isprintable() for one in settings.services):
        raise BillingError(f"Services are at most {_SERVICES_MAX} names.")


def check_credential(credential: str) -> str:
    """Return a provider's key.

    Raises:
        BillingError: it is not one, and could not be sent; the message does not hold it.
    """
    if not _CREDENTIAL.fullmatch(credential):
        raise BillingError("The key must have 8 to 1000 characters, without blanks or line breaks.")
    return credential


def earliest_day(kind: ConnectionKind) -> date:
    """Return the first day a kind of connection knows of."""
    return anthropic_analytics.EARLIEST if kind is ConnectionKind.ANTHROPIC_ANALYTICS else _EARLIEST


def read_days(
    kind: ConnectionKind, settings: ConnectionSettings, credential: str | None, first: date, last: date, reach: Reach
) -> list[BilledPeriod]:
    """Return the provider's bill of each day from `first` to `last`, both included.

    Raises:
        BillingError: it could not be read.
    """
    if kind is ConnectionKind.GEMINI_EXPORT:
        services = settings.services or gemini_export.SERVICES
        return gemini_export.read(Path(settings.folder or ""), first, last, services=services)
    api = _APIS.get(kind)
    if api is None:
        raise BillingError("Bills of this connection are typed in by people.")
    if credential is None:
        raise BillingError("The connection has no key; give it one.")
    headers = api.headers(check_credential(credential))
    transport = None if reach.transport is None else reach.transport()
    with ProviderClient(
        api.name, settings.base_url or api.base_url, headers, transport=transport, patience=reach.patience
    ) as client:
        return api.read(client, settings, first, last)


class _Api(NamedTuple):
    """How one kind of connection is called."""

    name: str
    base_url: str
    headers: Callable[[str], dict[str, str]]
    read: Callable[[ProviderClient, ConnectionSettings, date, date], list[BilledPeriod]]


_APIS: Final[Mapping[ConnectionKind, _Api]] = {
    ConnectionKind.ANTHROPIC_ANALYTICS: _Api(
        "Anthropic",
        anthropic_analytics.BASE_URL,
        anthropic_analytics.headers,
        lambda client, _, first, last: anthropic_analytics.read(client, first, last),
    ),
    ConnectionKind.ANTHROPIC_COST_REPORT: _Api(
        "Anthropic",
        anthropic_cost_report.BASE_URL,
        anthropic_cost_report.headers,
        lambda client, _, first, last: anthropic_cost_report.read(client, first, last),
    ),
    ConnectionKind.OPENAI_COSTS: _Api(
        "OpenAI",
        openai_costs.BASE_URL,
        openai_costs.headers,
        lambda client, _, first, last: openai_costs.read(client, first, last),
    ),
    ConnectionKind.XAI_USAGE: _Api(
        "xAI",
        xai_usage.BASE_URL,
        xai_usage.headers,
        lambda client, settings, first, last: xai_usage.read(client, settings.team or "", first, last),
    ),
}
