"""What is asked of the audit log: its filter and page, as a query string says them.

Belongs here: parsing and refusing values, and writing a filter and a place in the list back as text. Does not belong
here: SQL (`recorded`, `captured`), FastAPI (`routes`).
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlencode

from api.audit.events import AuditEvent
from api.audit.families import FAMILY_OF, Family
from api.dashboards.filters import FIRST_DAY, LAST_DAY, VALUE_LENGTH_MAX, FilterError, Filters
from api.dashboards.periods import RangeName

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500
FILTER_NAMES: Final[tuple[str, ...]] = ("family", "event", "actor", "search", "from", "to")
_PLACE: Final = re.compile(r"a1:(\d{1,16}):(?:e(\d{1,18})|r([0-9a-f]{32}))")
_PLACE_LENGTH_MAX: Final = 120
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_Word = TypeVar("_Word", Family, AuditEvent)


class Place(NamedTuple):
    """A place in the list: newest first; of one instant recorded events first, the latest position, then request ids.

    Exactly one of `position` (of a recorded event) and `request_id` (UUID text) is set.
    """

    at_us: int
    position: int | None
    request_id: str | None


@dataclass(frozen=True)
class Wanted:
    """A filter of the audit log; empty or None means all.

    Attributes:
        family: one family only.
        event: one event only.
        actor: part of an actor's id or name, any case.
        search: part of an actor, event, resource or details, any case.
        first_day: first day, in the workspace's reporting zone.
        last_day: last day, inclusive.
    """

    family: Family | None = None
    event: AuditEvent | None = None
    actor: str = ""
    search: str = ""
    first_day: date | None = None
    last_day: date | None = None

    @property
    def takes_requests(self) -> bool:
        """Whether captured requests can be among what is wanted."""
        return self.family in {None, Family.REQUESTS} and self.event in {None, AuditEvent.REQUEST_CAPTURED}

    @property
    def takes_recorded(self) -> bool:
        """Whether recorded events can be among what is wanted."""
        return self.family is not Family.REQUESTS and self.event is not AuditEvent.REQUEST_CAPTURED

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != Wanted()

    def events(self) -> list[str] | None:
        """Return the names of the events that are wanted; None for all, those of later versions included."""
        if self.event is not None:
            return [self.event.value] if self.family in {None, FAMILY_OF.get(self.event)} else []
        if self.family is not None:
            return [event.value for event, family in FAMILY_OF.items() if family is self.family]
        return None

    def rail(self) -> Filters:
        """Return the same days as the dashboards' filter; all there can be where none are named."""
        return Filters(RangeName.CUSTOM, self.first_day or FIRST_DAY, self.last_day or LAST_DAY)

    def pairs(self) -> list[tuple[str, str]]:
        """Return what is set, as parameters."""
        given = (self.family, self.event, self.actor, self.search, self.first_day, self.last_day)
        return [(name, str(value)) for name, value in zip(FILTER_NAMES, given, strict=True) if value]


@dataclass(frozen=True)
class WantedPage:
    """Which page of the list.

    Attributes:
        limit: most entries, 1 to 500.
        after: the last entry of the page before; None for the first page.
    """

    limit: int = LIMIT_DEFAULT
    after: Place | None = None


def parse_wanted(given: Mapping[str, str]) -> Wanted:
    """Return the filter that parameters name; an empty value is as good as none.

    Raises:
        FilterError: a value cannot be understood.
    """
    first, last = _day(given.get("from", "")), _day(given.get("to", ""))
    if first and last and last < first:
        raise FilterError("from must not be after to.")
    return Wanted(
        family=_word(Family, "family", given.get("family", "")),
        event=_word(AuditEvent, "event", given.get("event", "")),
        actor=_text("actor", given.get("actor", "")),
        search=_text("search", given.get("search", "")),
        first_day=first,
        last_day=last,
    )


def parse_page(given: Mapping[str, str]) -> WantedPage:
    """Return the page that parameters name.

    Raises:
        FilterError: a value cannot be understood.
    """
    return WantedPage(_limit(given.get("limit", "")), parse_place(given.get("cursor", "")))


def place_text(place: Place) -> str:
    """Return a place as URL-safe text."""
    key = f"e{place.position}" if place.request_id is None else f"r{uuid.UUID(place.request_id).hex}"
    return base64.urlsafe_b64encode(f"a1:{place.at_us}:{key}".encode()).decode().rstrip("=")


def parse_place(text: str) -> Place | None:
    """Return the place a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    if not text:
        return None
    try:
        padded = text[:_PLACE_LENGTH_MAX] + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError):
        decoded = ""
    found = _PLACE.fullmatch(decoded) if len(text) <= _PLACE_LENGTH_MAX else None
    if found is None:
        raise FilterError("cursor must be the next_cursor of an earlier answer.")
    position = None if found[2] is None else int(found[2])
    return Place(int(found[1]), position, None if found[3] is None else str(uuid.UUID(found[3])))


def with_query(path: str, pairs: list[tuple[str, str]]) -> str:
    """Return a path with parameters, if there are any."""
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _word(kind: type[_Word], name: str, text: str) -> _Word | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        refusal = f"{name} must be one of {', '.join(kind)}."
        raise FilterError(refusal) from None


def _text(name: str, text: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > VALUE_LENGTH_MAX or not trimmed.isprintable():
        refusal = f"{name} may have {VALUE_LENGTH_MAX} printable characters at most."
        raise FilterError(refusal)
    return trimmed


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        refusal = f"from and to must be days as YYYY-MM-DD, between {FIRST_DAY} and {LAST_DAY}."
        raise FilterError(refusal)
    return day


def _limit(text: str) -> int:
    if not text:
        return LIMIT_DEFAULT
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(LIMIT_MAX)) else 0
    if not 1 <= limit <= LIMIT_MAX:
        refusal = f"limit must be a whole number from 1 to {LIMIT_MAX}."
        raise FilterError(refusal)
    return limit
