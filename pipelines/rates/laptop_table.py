"""The laptop's price table, made from the warehouse's own seed: `python -m pipelines.rates.laptop_table`.

Belongs here: writing `daemon/prices/table.json`, which laptops carry so that they need neither `genai-prices` nor a
network. Does not belong here: reading it (`daemon.prices`), prices themselves (`seed`).

A laptop and its cloud must name the same price for the same call: the table holds the seed's rates, and the package's
rules for model names in the order in which they are tried.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final

from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
)

from pipelines.lake.rate_book import SINCE_EVER, UNTIL_FURTHER_NOTICE, rate_book_version
from pipelines.rates.seed import SOURCE, WIRE_PROVIDERS, package_providers, seed_rates

TABLE: Final = Path(__file__).parents[2] / "daemon" / "prices" / "table.json"
"""Where the daemon expects it."""


def laptop_table() -> str:
    """Return the table as JSON text, one model or rule a line, so that an upgrade of the prices reads well as a diff.

    Raises:
        ValueError: the package's data holds something the table cannot express; an upgrade of it needs a look.
    """
    prices: defaultdict[str, defaultdict[str, list[list[Any]]]] = defaultdict(lambda: defaultdict(list))
    for rate in seed_rates():
        starts, ends = _day(rate.valid_from), _day(rate.valid_to)
        row = [rate.service_tier, rate.context_over_tokens, starts, ends, list(astuple(rate.rates))]
        prices[rate.provider][rate.model_ref].append(row)
    head = {"source": SOURCE, "version": rate_book_version(seed_rates())}
    providers = (
        f'"{wire}": {{"rules": {_lines("[]", _rules(package))}, "prices": {_lines("{}", _members(prices[wire]))}}}'
        for package, wire in WIRE_PROVIDERS.items()
    )
    return f'{json.dumps(head)[:-1]}, "providers": {_lines("{}", providers)}}}\n'


def _rules(package_id: str) -> Iterator[str]:
    """Yield [priced model, clause], in the order in which the package tries them."""
    provider = package_providers()[package_id]
    for model in provider.models:
        yield _compact([model.id, _clause(model.match)])
    for owner in provider.fallback_model_providers or ():
        for model in package_providers()[owner].models:
            yield _compact([f"{owner}/{model.id}", _clause(model.match)])


def _clause(clause: MatchLogic) -> Any:  # noqa: PLR0911 - one way out for each kind of condition
    match clause:
        case ClauseEquals():
            return {"equals": clause.equals.lower()}
        case ClauseStartsWith():
            return {"starts_with": clause.starts_with.lower()}
        case ClauseEndsWith():
            return {"ends_with": clause.ends_with.lower()}
        case ClauseContains():
            return {"contains": clause.contains.lower()}
        case ClauseRegex():
            return {"regex": clause.regex}
        case ClauseOr():
            return {"or": [_clause(each) for each in clause.or_]}
        case ClauseAnd():
            return {"and": [_clause(each) for each in clause.and_]}
        case _:
            raise ValueError(f"the table has no word for {type(clause).__name__}")


def _members(prices: dict[str, list[list[Any]]]) -> Iterator[str]:
    for ref, rows in prices.items():
        yield f"{json.dumps(ref)}: {_compact(rows)}"


def _day(instant: datetime) -> str | None:
    """Return the UTC day that begins at an instant; None for ever."""
    if instant in (SINCE_EVER, UNTIL_FURTHER_NOTICE):
        return None
    if instant != datetime.combine(instant.date(), time(0), tzinfo=UTC):
        raise ValueError(f"a price changes within a day: {instant.isoformat()}")
    return instant.date().isoformat()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _lines(brackets: str, members: Iterator[str]) -> str:
    return brackets[0] + "\n" + ",\n".join(members) + "\n" + brackets[1]


if __name__ == "__main__":
    TABLE.write_text(laptop_table(), encoding="utf-8")
