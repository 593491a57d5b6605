"""What a report says below its table, and instead of it where there is nothing to show.

Belongs here: sentences about what the numbers leave out, and what to do next. Does not belong here: numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from rich.text import Text

from daemon.cli.plain_text import printable
from daemon.clock import SECOND
from daemon.report.columns import wrapped
from daemon.report.reading import Report
from daemon.report.shapes import ago
from daemon.report.sums import Part, Sums

_NAMED_MAX: Final = 3
_NAME_MAX: Final = 48
_FIRST_STEPS: Final = (
    ("halton-meter start", "start the daemon that meters calls"),
    ("halton-meter run -- claude", "run a program with its calls metered"),
    ("halton-meter import claude-code", "read what a tool has logged already"),
)
_COMMAND_CELLS: Final = 35


def notes(report: Report, sums: Sums, width: int) -> list[Text]:
    """Return what the numbers leave out, a paragraph each: unknown prices, failures, partial counts, odd times."""
    said: list[str] = []
    unknown = sums.unpriced_requests - sums.unpriced_error_requests
    if unknown:
        models = _most(report, lambda one: one.unpriced_requests - one.unpriced_error_requests, lambda part: part.model)
        said.append(
            f"{_calls(unknown)} of unknown price, in no amount: {models}. Prices of your own go into prices.toml."
        )
    if sums.error_requests:
        reasons = _most(report, lambda one: one.error_requests, lambda part: part.error_class or "unknown")
        said.append(f"{_calls(sums.error_requests)} failed: {reasons}.")
    if sums.incomplete_requests:
        said.append(f"{_calls(sums.incomplete_requests)} whose token counts may be partial.")
    if report.later_requests:
        said.append(f"{_calls(report.later_requests)} with a time yet to come, in no amount: was the clock wrong?")
    return [line for one in said for line in wrapped(Text(one, style="dim"), width)]


def empty_lines(report: Report, *, now_us: int, projects: Sequence[str], width: int) -> list[Text]:
    """Return what to show where there are no calls: why, and what to do."""
    if report.newest_us is None:
        steps = [line for command, words in _FIRST_STEPS for line in wrapped(_step(command, words, width), width)]
        return [*wrapped(Text("No call is on record yet. To get one:"), width), *steps]
    if report.later_requests:
        said = f"No call in this time; {_calls(report.later_requests)} with a time yet to come: was the clock wrong?"
        return wrapped(Text(said), width)
    if report.project and projects and report.project.casefold() not in {one.casefold() for one in projects}:
        named = ", ".join(printable(one, longest=_NAME_MAX) for one in projects)
        return wrapped(Text(f"No call of this project in this time. Projects on record: {named}."), width)
    last = ago((now_us - report.newest_us) // SECOND)
    of_all = "The last one of any project" if report.project else "The last one"
    return wrapped(Text(f"No call in this time. {of_all} was {last}: try a longer --since."), width)


def _step(command: str, words: str, width: int) -> Text:
    if width < _COMMAND_CELLS + len(words):
        return Text(f"  {command}")
    return Text.assemble(f"  {command}".ljust(_COMMAND_CELLS), (words, "dim"))


def _most(report: Report, number: Callable[[Sums], int], name: Callable[[Part], str]) -> str:
    """Return the names with the largest numbers: `grok-9 (12), gpt-7 (3) and 4 more`."""
    found: Counter[str] = Counter()
    for part in report.parts:
        if amount := number(part.sums):
            found[name(part)] += amount
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{printable(key, longest=_NAME_MAX)} ({amount:,})" for key, amount in ranked[:_NAMED_MAX])
    more = len(ranked) - _NAMED_MAX
    return f"{named} and {more:,} more" if more > 0 else named


def _calls(number: int) -> str:
    return f"{number:,} call" if number == 1 else f"{number:,} calls"
