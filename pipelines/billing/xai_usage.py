"""xAI's historical usage of a team, in dollars by day, description, key and unit.

Belongs here: its path, query and fields. Does not belong here: waiting, money (`http`, `amounts`).

    POST /v1/billing/teams/{team}/usage    {"analyticsRequest": …} gives
                                           {"timeSeries": [{group, dataPoints}], limitReached}

`limitReached` means that series were left out: the span is then asked for in halves, down to a day, and a day that is
still cut short is marked as partial. Neither tokens nor requests are told in these units.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from pipelines.billing.amounts import AmountError, parse_amount
from pipelines.billing.answers import DayBills, list_of, object_of, refused_amount, utc_day
from pipelines.billing.bills import CACHE_READ, OUTPUT, UNCACHED_INPUT, BilledLine, BilledPeriod, spans_of
from pipelines.billing.http import AnswerError, BillingError, ProviderClient
from pipelines.lake.bills import LineCategory

BASE_URL: Final = "https://management-api.x.ai"
CUT_SHORT: Final = "xAI left series out of this day."
_DAYS_MAX: Final = 31
_GROUPS: Final = ("description", "api_key_id", "unit_type")
_TEAM: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
_MODEL: Final = re.compile(r"\b(grok-[0-9a-z][0-9a-z.-]*)", re.ASCII)
_TEXT_MAX: Final = 255


def headers(credential: str) -> dict[str, str]:
    """Return what every call carries."""
    return {"authorization": f"Bearer {credential}"}


def check_team(team: str) -> str:
    """Return a team's id.

    Raises:
        BillingError: it is none, and would lead to another path.
    """
    if not _TEAM.fullmatch(team):
        raise BillingError("The team must be its id, as the console's settings show it.")
    return team


def read(client: ProviderClient, team: str, first: date, last: date) -> list[BilledPeriod]:
    """Return a bill per day from `first` to `last`, both included.

    Raises:
        BillingError: the costs could not be read.
    """
    path = f"/v1/billing/teams/{check_team(team)}/usage"
    bills = DayBills(client.provider, first, last)
    for span in spans_of(first, last, _DAYS_MAX):
        _read_span(client, path, bills, span)
    return bills.periods()


def _read_span(client: ProviderClient, path: str, bills: DayBills, span: tuple[date, date]) -> None:
    first, last = span
    answer = client.post(path, {"analyticsRequest": _query(first, last)})
    is_cut = answer.get("limitReached", False)
    if not isinstance(is_cut, bool):
        raise AnswerError("The answer's 'limitReached' is neither true nor false.")
    if is_cut and first < last:
        middle = date.fromordinal((first.toordinal() + last.toordinal()) // 2)
        _read_span(client, path, bills, (first, middle))
        _read_span(client, path, bills, (date.fromordinal(middle.toordinal() + 1), last))
        return
    if is_cut:
        bills.mark_partial(first)
        bills.note(CUT_SHORT, first)
    for series in (object_of(one, "series") for one in list_of(answer, "timeSeries")):
        _add_series(bills, series, span)


def _query(first: date, last: date) -> dict[str, Any]:
    after = date.fromordinal(last.toordinal() + 1)
    return {
        "timeRange": {
            "startTime": f"{first.isoformat()} 00:00:00",
            "endTime": f"{after.isoformat()} 00:00:00",
            "timezone": "Etc/GMT",
        },
        "timeUnit": "TIME_UNIT_DAY",
        "values": [{"name": "usd", "aggregation": "AGGREGATION_SUM"}],
        "groupBy": list(_GROUPS),
        "filters": [],
    }


def _add_series(bills: DayBills, series: Mapping[str, Any], span: tuple[date, date]) -> None:
    description, key, unit = _group(series)
    whose: dict[str, Any] = {
        "model": found[1] if (found := _MODEL.search(description.lower())) else None,
        "key_ref": key,
        "token_kind": _kind(unit),
        "description": ", ".join(part for part in (description, unit) if part),
    }
    seen: set[date] = set()
    for point in (object_of(one, "data point") for one in list_of(series, "dataPoints")):
        day = utc_day(point.get("timestamp"), "timestamp")
        values = list_of(point, "values")
        try:
            (amount,) = [parse_amount(value) for value in values]
        except AmountError as fault:
            raise refused_amount(fault) from None
        except ValueError:
            raise AnswerError("The answer has another number of values than was asked for.") from None
        if day in seen:
            raise AnswerError(f"The answer has {day.isoformat()} twice in one series.")
        seen.add(day)
        if amount and not span[0] <= day <= span[1]:
            raise AnswerError(f"The answer is about {day.isoformat()}, which nobody asked for.")
        if amount:  # series are filled up with days of nothing
            category = LineCategory.CREDIT if amount < 0 else LineCategory.USAGE
            bills.add(day, BilledLine(amount=amount, category=category, **whose))


def _group(series: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return description, key and unit of a series; a key nobody used is None."""
    group: Sequence[Any] = list_of(series, "group")
    if len(group) != len(_GROUPS) or not all(one is None or isinstance(one, str) for one in group):
        raise AnswerError("The answer's series are grouped in another way than was asked for.")
    description, key, unit = (one or "" for one in group)
    if max(map(len, (description, key, unit))) > _TEXT_MAX:
        raise AnswerError("The answer's series have names longer than anything that is known.")
    return description, key or None, unit


def _kind(unit: str) -> str | None:
    words = unit.lower()
    if "token" not in words or "image" in words or "audio" in words:
        return None
    if "cached" in words:
        return CACHE_READ
    if "prompt" in words or "input" in words:
        return UNCACHED_INPUT
    return OUTPUT if any(word in words for word in ("completion", "reasoning", "output")) else None
