"""`halton-cloud rate`: prices a workspace negotiated.

Belongs here: the commands, and asking the rate book what a model is called and what its list price is. Does not belong
here: the rules (`api.rate_overrides`), the book itself (`pipelines.rates`, loaded only when a price is set), repricing
months (`repricing`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.cli.repricing import reprice, runs
from api.db.models import RateOverride
from api.errors import invalid
from api.rate_overrides import (
    PRICE_KINDS,
    NegotiatedRate,
    list_rate_overrides,
    prices_of,
    set_rate_override,
    withdraw_rate_override,
)
from api.workspaces import find_workspace
from pipelines.lake.clock import SystemClock, from_micros, iso_utc

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_OPTIONS: Final = {kind: f"--{kind.removeprefix('uncached_').replace('_', '-')}" for kind in PRICE_KINDS}
_PICOUSD_PER_TOKEN_PER_USD_MTOK: Final = 1_000_000
# Plain digits only: an exponent or a hundred decimals would be rounded before they could be refused.
_USD: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?")


@click.group("rate")
def rate_group() -> None:
    """Set, list and withdraw a workspace's negotiated prices; price months again."""


rate_group.add_command(reprice)
rate_group.add_command(runs)


@rate_group.command("set")
@click.option("--provider", required=True, help="As daemons name it: anthropic, openai, gemini, xai, groq.")
@click.option(
    "--model", required=True, help="As daemons name it, or as genai-prices does; dated names find their model."
)
@click.option("--tier", default="standard", show_default=True, help="Service tier: standard, batch, priority, ...")
@click.option("--over-tokens", type=int, default=0, show_default=True, help="Only calls with more input tokens.")
@click.option("--from", "valid_from", type=_DAY, metavar="DATE", help="First day, from 00:00 UTC (default: today).")
@click.option("--until", "valid_to", type=_DAY, metavar="DATE", help="Ends at 00:00 UTC of this day (default: open).")
@click.option("--input", "uncached_input", metavar="USD", help="Uncached input, USD per million tokens.")
@click.option("--cache-read", metavar="USD", help="Cache reads.")
@click.option("--cache-write-5m", "cache_write_5m", metavar="USD", help="Cache writes for five minutes.")
@click.option("--cache-write-1h", "cache_write_1h", metavar="USD", help="Cache writes for one hour.")
@click.option("--output", metavar="USD", help="Output, thinking included.")
@click.option("--note", default="", help="Why, for people.")
@workspace_option
@home_option
def set_command(
    home_folder: str | None,
    workspace_slug: str,
    provider: str,
    model: str,
    tier: str,
    over_tokens: int,
    valid_from: datetime | None,
    valid_to: datetime | None,
    note: str,
    **prices: str | None,
) -> None:
    r"""Set a price that a workspace negotiated; its calls are priced again with the next refresh.

    Prices are USD per million tokens. The rate replaces the list price of its tier whole, in every context length above
    --over-tokens: kinds that are left out keep the list price as it is known today, and have to be given where the list
    price changes within the period or with the context length. A tier with a list price of its own (batch) has to be
    negotiated on its own. Setting the same model, tier, --over-tokens and --from again supersedes the rate; where
    several overlap, the one set last holds. What daemons logged never changes.

    Prints {"id", "model_ref", "usd_per_million_tokens", "list_priced", "superseded", ...}.

    \b
    Examples:
      halton-cloud rate set --workspace acme-co --provider anthropic --model claude-haiku-4-5
        --input 0.8 --cache-read 0.2 --output 4
      halton-cloud rate set --workspace acme-co --provider openai --model gpt-4.1-mini --tier batch
        --from 2026-11-01 --until 2027-11-01 --input 0.15 --cache-read 0.05 --output 0.6 --note "contract 7"
    """
    agreed = NegotiatedRate(
        provider=provider,
        model_ref=_model_ref(provider, model),
        prices={kind: _picousd_per_token(usd) for kind, usd in prices.items() if usd is not None},
        valid_from=_midnight(valid_from or SystemClock().now()),
        valid_to=None if valid_to is None else _midnight(valid_to),
        service_tier=tier,
        context_over_tokens=over_tokens,
        note=note.strip(),
    )
    complete = _with_list_prices(agreed)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        row, superseded = set_rate_override(session, workspace_id, complete, actor=OPERATOR, at=now)
        answer = _shown(row)
    listed = [kind for kind in PRICE_KINDS if kind in complete.prices and kind not in agreed.prices]
    print_answer({**answer, "list_priced": listed, "superseded": superseded})


@rate_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List the prices a workspace negotiated, superseded and withdrawn ones included.

    Prints {"rates": [{"id", "model_ref", "usd_per_million_tokens", "withdrawn_at", ...}]}.

    \b
    Example:
      halton-cloud rate list --workspace acme-co
    """
    with looking(home_folder) as (session, _):
        found = list_rate_overrides(session, find_workspace(session, workspace_slug).id)
        answer = {"rates": [_shown(row) for row in found]}
    print_answer(answer)


@rate_group.command("withdraw")
@click.argument("rate_id", metavar="ID")
@workspace_option
@home_option
def withdraw(home_folder: str | None, rate_id: str, workspace_slug: str) -> None:
    r"""Withdraw a negotiated price for its whole period; list prices hold again with the next refresh.

    A rate that it superseded does not come back. To end a rate on a day, set it again with --until.

    Prints {"id", "withdrawn_at"}.

    \b
    Example:
      halton-cloud rate withdraw 5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11 --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        row = withdraw_rate_override(session, workspace_id, rate_id, actor=OPERATOR, at=now)
        answer = {"id": row.id, "withdrawn_at": _instant(row.withdrawn_at_us)}
    print_answer(answer)


def _model_ref(provider: str, model: str) -> str:
    from pipelines.rates.aliases import resolve_model  # noqa: PLC0415 - 1.6 MB of price data

    found = resolve_model(provider, model).model_ref
    if found is None:
        raise invalid("The rate book knows no such model of this provider.")
    return found


def _picousd_per_token(usd: str) -> int:
    from pipelines.lake.rate_book import picousd_per_token  # noqa: PLC0415 - with the rest of the book

    try:
        return picousd_per_token(Decimal(usd)) if _USD.fullmatch(usd) else _no_price()
    except ValueError:
        return _no_price()


def _no_price() -> int:
    raise invalid("A price must be USD per million tokens such as 2.55, from 0 to 1800, with at most 6 decimals.")


def _with_list_prices(agreed: NegotiatedRate) -> NegotiatedRate:
    """Return the rate with the list prices of the kinds it leaves out.

    Raises:
        Refused: 422 when the tier is unknown, no price was given, or a kind left out has no single list price.
    """
    from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate, TokenRates  # noqa: PLC0415 - with the rest of the book
    from pipelines.rates.list_prices import (  # noqa: PLC0415 - 1.6 MB of price data
        AmbiguousListPriceError,
        known_tiers,
        with_list_prices,
    )

    if agreed.service_tier not in (tiers := known_tiers(agreed.provider)):
        raise invalid(f"This provider's tiers are {', '.join(tiers)}.")
    if not agreed.prices:
        raise invalid(f"At least one price is needed: {', '.join(_OPTIONS.values())}.")
    rate = Rate(
        agreed.provider,
        agreed.model_ref,
        agreed.service_tier,
        agreed.context_over_tokens,
        agreed.valid_from,
        agreed.valid_to or UNTIL_FURTHER_NOTICE,
        TokenRates(**agreed.prices),
        source="negotiated",
    )
    try:
        rates = with_list_prices(rate).rates
    except AmbiguousListPriceError as fault:
        wanted = ", ".join(_OPTIONS[kind] for kind in fault.kinds)
        raise invalid(f"The list price differs within the period or by context length; give {wanted} too.") from None
    prices = {kind: price for kind in PRICE_KINDS if (price := getattr(rates, kind)) is not None}
    return replace(agreed, prices=prices)


def _midnight(day: datetime) -> datetime:
    return day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)


def _shown(row: RateOverride) -> dict[str, Any]:
    return {
        "id": row.id,
        "provider": row.provider,
        "model_ref": row.model_ref,
        "service_tier": row.service_tier,
        "context_over_tokens": row.context_over_tokens,
        "valid_from": _instant(row.valid_from_us),
        "valid_to": _instant(row.valid_to_us),
        "usd_per_million_tokens": {kind: _usd(price) for kind, price in prices_of(row).items()},
        "note": row.note,
        "known_from": _instant(row.known_from_us),
        "withdrawn_at": _instant(row.withdrawn_at_us),
    }


def _usd(picousd_per_token: int | None) -> str | None:
    if picousd_per_token is None:
        return None
    whole, rest = divmod(picousd_per_token, _PICOUSD_PER_TOKEN_PER_USD_MTOK)
    return f"{whole}.{rest:06}"


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
