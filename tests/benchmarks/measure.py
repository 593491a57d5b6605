"""How figures come about: alternating runs, medians, spreads.

Belongs here: what every benchmark needs to compare two sides fairly. Does not belong here: anything a benchmark
measures, the machine's facts (`machine`), showing results (`report`).

Both sides of a comparison always come from one invocation, run in turns, so that whatever else the machine does hits
both. Figures are medians; the spread is the smallest and the largest of the same runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TypeVar

from tests.benchmarks.context import Context

__all__ = ["Comparison", "Context", "alternate", "compare", "percentile", "show", "spread", "timed"]

T = TypeVar("T")
OURS = "ours"


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes:
        work: what was done, such as `durable ingest, 8 clients, 1 worker`.
        metric: unit of the figures: `rows/s`, `seconds`, `ms p99`, …
        ours: our median.
        others: rival or floor to its median, from the same run.
        target: words of the target, such as `>= 3x the PostgreSQL mirror`; empty when the figure is only stated.
        met: whether the target is met; None when the figure is only stated.
        note: spread, memory, conditions.
        samples: every single measurement by side, for the JSON file.
    """

    work: str
    metric: str
    ours: float
    others: dict[str, float]
    target: str
    met: bool | None
    note: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict[str, list[float]])


def alternate(
    runs: int, sides: Mapping[str, Callable[[], T]], progress: Callable[[str], None] | None = None
) -> dict[str, list[T]]:
    """Run every side `runs` times in turns, the order reversed every other round.

    Args:
        runs: rounds.
        sides: name to what is run; it returns its own measurement.
        progress: told each step, if given.

    Returns:
        The measurements of each side, in the order they were made.
    """
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(runs):
        names = list(sides) if number % 2 == 0 else list(reversed(list(sides)))
        for name in names:
            if progress:
                progress(f"round {number + 1} of {runs}: {name}")
            found[name].append(sides[name]())
    return found


def compare(
    work: str,
    metric: str,
    samples: Mapping[str, Sequence[float]],
    *,
    target: str = "",
    met: Callable[[Mapping[str, float]], bool] | None = None,
    note: str = "",
) -> Comparison:
    """Make a row out of measurements.

    Args:
        work: see `Comparison`.
        metric: see `Comparison`.
        samples: measurements by side; the side `ours` is ours.
        target: words of the target.
        met: judges the medians by side; None when the figure is only stated.
        note: added to the spreads.
    """
    medians = {name: median(values) for name, values in samples.items()}
    spreads = ", ".join(f"{name} {spread(values)}" for name, values in samples.items())
    return Comparison(
        work=work,
        metric=metric,
        ours=medians[OURS],
        others={name: value for name, value in medians.items() if name != OURS},
        target=target,
        met=None if met is None else met(medians),
        note="; ".join(part for part in (f"{len(samples[OURS])} runs: {spreads}", note) if part),
        samples={name: list(values) for name, values in samples.items()},
    )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of wall clock `work` takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` (0 to 1) of the values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a percentile needs values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: Sequence[float]) -> str:
    """Return the smallest and largest value as text."""
    return f"{show(min(values))}-{show(max(values))}"


def show(value: float) -> str:
    """Return a figure with three digits that count; thousands in groups."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
