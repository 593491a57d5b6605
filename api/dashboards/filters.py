"""The filter rail: what a query string may say, and its one normal form.

Belongs here: parsing and refusing filter values, and writing a filter back as a query string. Does not belong here:
what a range means at an instant (`periods`) and SQL (`queries`).

A value may be given by repeating its parameter or comma-separated; a comma or backslash within a value is written
with a backslash before it. Refusals never repeat what was sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from urllib.parse import urlencode

from api.dashboards.periods import DAY, RangeName

DEFAULT_RANGE: Final = RangeName.LAST_30_DAYS
VALUES_MAX: Final = 200
"""Most values one multi-select takes."""
VALUE_LENGTH_MAX: Final = 255
FIRST_DAY: Final = date(2020, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)
CUSTOM_DAYS_MAX: Final = 3_660
_RANGE_REFUSAL: Final = f"range must be one of {', '.join(RangeName)}."
_DAYS_REFUSAL: Final = f"from and to must lie between {FIRST_DAY} and {LAST_DAY}."
_LENGTH_REFUSAL: Final = f"A custom range may cover {CUSTOM_DAYS_MAX} days at most."
_DAY_LENGTH: Final = len("2026-01-31")
NO_SUCH_PROJECT: Final = "-" * (VALUE_LENGTH_MAX + 1)
"""Longer than any slug: stands for the projects of a filter that lets none through, as an empty tuple means all."""


class FilterError(ValueError):
    """A filter value that cannot be understood; `str()` of it is one plain sentence."""


@dataclass(frozen=True)
class Filters:
    """A filter rail in normal form: values sorted and unique, an empty tuple meaning all.

    Attributes:
        range: the date range's name.
        first_day: first local day of a custom range.
        last_day: last local day of a custom range, inclusive.
        projects: slugs that are let through; once cost centres are resolved, no others than theirs.
        devices: device ids, lower-case UUID text.
        cost_centers: slugs of cost centres.
        asked_projects: slugs as they were asked for; None while `projects` still holds them.
    """

    range: RangeName = DEFAULT_RANGE
    first_day: date | None = None
    last_day: date | None = None
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cost_centers: tuple[str, ...] = ()
    asked_projects: tuple[str, ...] | None = None

    @property
    def narrows(self) -> bool:
        """Whether any multi-select leaves something out."""
        return bool(self.providers or self.models or self.projects or self.devices or self.cost_centers)

    @property
    def chosen_projects(self) -> tuple[str, ...]:
        """The projects asked for by name, whatever the cost centres leave of them."""
        return self.projects if self.asked_projects is None else self.asked_projects

    def resolved(self, projects: Collection[str]) -> Filters:
        """Return the same filter with its cost centres turned into projects.

        Args:
            projects: slugs of those assigned to `cost_centers` now.
        """
        if not self.cost_centers:
            return self
        asked = self.chosen_projects
        left = tuple(sorted(set(projects) & set(asked) if asked else set(projects)))
        return replace(self, projects=left or (NO_SUCH_PROJECT,), asked_projects=asked)

    def only_project(self, slug: str) -> Filters:
        """Return the same filter on one project, whatever its cost centre."""
        return replace(self, projects=(slug,), cost_centers=(), asked_projects=None)

    def only_model(self, provider: str, model: str) -> Filters:
        """Return the same filter on one provider's model."""
        return replace(self, providers=(provider,), models=(model,))

    def without_projects(self) -> Filters:
        """Return the same filter on all projects, or all of its cost centres."""
        return replace(self, projects=(), asked_projects=None)

    def query_string(self) -> str:
        """Return the query string that gives this filter again; empty for the default."""
        pairs: list[tuple[str, str]] = []
        if self.range is not DEFAULT_RANGE:
            pairs.append(("range", self.range.value))
        if self.first_day and self.last_day:
            pairs += [("from", self.first_day.isoformat()), ("to", self.last_day.isoformat())]
        named = (("provider", self.providers), ("model", self.models), ("project", self.chosen_projects))
        for name, values in (*named, ("device", self.devices), ("cost_center", self.cost_centers)):
            pairs += [(name, escape(value)) for value in values]
        return urlencode(pairs)


def parse_filters(
    *,
    range_name: str | None = None,
    first: str | None = None,
    last: str | None = None,
    providers: Sequence[str] = (),
    models: Sequence[str] = (),
    projects: Sequence[str] = (),
    devices: Sequence[str] = (),
    cost_centers: Sequence[str] = (),
) -> Filters:
    """Return the filter a query string asks for.

    Raises:
        FilterError: a value cannot be understood.
    """
    chosen = _range(range_name, custom=first is not None or last is not None)
    first_day, last_day = _custom_days(first, last) if chosen is RangeName.CUSTOM else (None, None)
    if chosen is not RangeName.CUSTOM and (first is not None or last is not None):
        raise FilterError("from and to go with range=custom only.")
    return Filters(
        range=chosen,
        first_day=first_day,
        last_day=last_day,
        providers=_values("provider", providers),
        models=_values("model", models),
        projects=_values("project", projects),
        devices=_devices(devices),
        cost_centers=_values("cost_center", cost_centers),
    )


def escape(value: str) -> str:
    """Return a value as it stands in a comma-separated parameter."""
    return value.replace("\\", "\\\\").replace(",", "\\,")


def split_values(text: str) -> list[str]:
    r"""Return the values of a comma-separated parameter; `\,` and `\\` stand for themselves."""
    values: list[str] = [""]
    escaped = False
    for character in text:
        if escaped:
            values[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            values.append("")
        else:
            values[-1] += character
    return values


def _range(name: str | None, *, custom: bool) -> RangeName:
    if name is None:
        return RangeName.CUSTOM if custom else DEFAULT_RANGE
    try:
        return RangeName(name)
    except ValueError:
        raise FilterError(_RANGE_REFUSAL) from None


def _custom_days(first: str | None, last: str | None) -> tuple[date, date]:
    if first is None or last is None:
        raise FilterError("A custom range needs from and to, as YYYY-MM-DD.")
    first_day, last_day = _day(first), _day(last)
    if last_day < first_day:
        raise FilterError("from must not be after to.")
    if first_day < FIRST_DAY or last_day > LAST_DAY:
        raise FilterError(_DAYS_REFUSAL)
    if last_day - first_day >= CUSTOM_DAYS_MAX * DAY:
        raise FilterError(_LENGTH_REFUSAL)
    return first_day, last_day


def _day(text: str) -> date:
    # fromisoformat alone would also take 20260131 and 2026-W05-6.
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or len(text) != _DAY_LENGTH or parsed.isoformat() != text:
        raise FilterError("from and to must be days as YYYY-MM-DD.")
    return parsed


def _values(name: str, given: Iterable[str]) -> tuple[str, ...]:
    values = {value for text in given for value in split_values(text) if value}
    if len(values) > VALUES_MAX:
        refusal = f"{name} takes {VALUES_MAX} values at most."
        raise FilterError(refusal)
    if any(len(value) > VALUE_LENGTH_MAX for value in values):
        refusal = f"A value of {name} may have {VALUE_LENGTH_MAX} characters at most."
        raise FilterError(refusal)
    return tuple(sorted(values))


def _devices(given: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted({str(uuid.UUID(value)) for value in _values("device", given)}))
    except ValueError as error:
        if isinstance(error, FilterError):
            raise
        raise FilterError("device must be the id of a device.") from None
