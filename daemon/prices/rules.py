"""Which priced model a name means, as a provider returned it or a caller asked for it.

Belongs here: the rules of the bundled table and how they are tried. Does not belong here: prices.

Names come dated, in capitals, with tags: `claude-sonnet-4-5-20250929`, `GPT-4o-2024-08-06`. The rules are those of the
`genai-prices` data, whose package does the same on the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

_COMPACT_DATE: Final = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
NAME_MAX: Final = 1024
"""Characters of a name that are looked at."""


class Clause(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A condition on a name in lower case; exactly one field is set."""

    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None
    regex: str | None = None
    any_of: list[Clause] | None = msgspec.field(default=None, name="or")
    all_of: list[Clause] | None = msgspec.field(default=None, name="and")

    def holds(self, name: str) -> bool:  # noqa: PLR0911 - one way out for each kind of condition
        """Whether `name`, in lower case, meets the condition."""
        if self.equals is not None:
            return name == self.equals
        if self.starts_with is not None:
            return name.startswith(self.starts_with)
        if self.ends_with is not None:
            return name.endswith(self.ends_with)
        if self.contains is not None:
            return self.contains in name
        if self.regex is not None:
            return re.search(self.regex, name) is not None
        if self.any_of is not None:
            return any(clause.holds(name) for clause in self.any_of)
        return all(clause.holds(name) for clause in self.all_of or ())


Rule = tuple[str, Clause]
"""The priced model, and when a name means it."""


def model_ref(rules: Iterable[Rule], model: str) -> str | None:
    """Return the priced model that a name means by the first rule that holds, None when none does.

    A name that no rule takes is tried once more with its compact date (`-20251211`) written with dashes.
    """
    name = model[:NAME_MAX].lower()
    rules = tuple(rules)
    found = _first(rules, name)
    if found is None and (dashed := _COMPACT_DATE.sub(_dashed, name)) != name:
        return _first(rules, dashed)
    return found


def _first(rules: Iterable[Rule], name: str) -> str | None:
    return next((ref for ref, clause in rules if clause.holds(name)), None)


def _dashed(match: re.Match[str]) -> str:
    year, month, day = (int(part) for part in match.groups())
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:
        return match.group()
