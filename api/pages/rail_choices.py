"""What the filter rail offers: multi-selects with their values, and chips of those that are chosen.

Belongs here: their shapes. Does not belong here: reading a URL, and links (`rail`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.dashboards.filters import escape


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a multi-select: as the URL has it, as people read it, and whether it is chosen."""

    value: str
    words: str
    chosen: bool
    group: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """One multi-select of the rail."""

    name: str
    words: str
    options: Sequence[Option]

    @property
    def chosen(self) -> int:
        """How many values are chosen."""
        return sum(option.chosen for option in self.options)


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter, and the page without it."""

    kind: str
    words: str
    without: str


def select_of(name: str, words: str, chosen: Sequence[str], values: Sequence[tuple[str, str, str]]) -> Select:
    """Return a multi-select.

    Args:
        name: of its parameter.
        words: its heading.
        chosen: values that the URL asks for.
        values: each with its words and its group.
    """
    known = {value for value, _, _ in values}
    # A value that a shared URL asks for stays visible and removable, whether or not it has requests.
    others = [(value, value, "") for value in chosen if value not in known]
    ordered = [*others, *values]
    return Select(name, words, [Option(escape(one), said, one in chosen, group) for one, said, group in ordered])
