"""Pages of rates.

Belongs here: the order rates are shown in, and the cursor that names a place in it. Does not belong here: which rates
are shown (`listing`).

A cursor names a rate's place, not a page's number: a price that is learned meanwhile makes no later page repeat or skip
another.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import msgspec

from api.dashboards.filters import FilterError
from api.dashboards.rates.book import OwnRate
from api.dashboards.requests import LIMIT_DEFAULT
from pipelines.lake.clock import to_micros
from pipelines.lake.rate_book import Rate

CURSOR_LENGTH_MAX: Final = 4_000
Place = tuple[str, str, str, int, bool, int, int, str, str]
"""Provider, model, tier, context, whether it is everyone's, valid and known from in microseconds, ids of rate and own
rate."""
_REFUSAL: Final = "cursor must be the next_cursor of an earlier answer."


@dataclass(frozen=True, slots=True)
class RatePage:
    """Which page of the rates is asked for.

    Attributes:
        limit: most rates.
        after: the last rate of the page before; None for the first page.
    """

    limit: int = LIMIT_DEFAULT
    after: Place | None = None


def place_of(rate: Rate, own: OwnRate | None) -> Place:
    """Return a rate's place in the order: by provider, model, tier and context, negotiated ones first."""
    return (
        rate.provider,
        rate.model_ref,
        rate.service_tier,
        rate.context_over_tokens,
        rate.workspace_id is None,
        to_micros(rate.valid_from),
        to_micros(rate.known_from),
        rate.rate_id,
        "" if own is None else own.override_id,
    )


def encode_place(place: Place) -> str:
    """Return a place as URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def parse_place(text: str | None) -> Place | None:
    """Return the place a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        content = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        if len(text) <= CURSOR_LENGTH_MAX:
            return msgspec.json.decode(content, type=Place)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError):
        pass
    raise FilterError(_REFUSAL)
