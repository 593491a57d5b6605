"""Records a state machine sends: few ids, so that they meet again, each in a few variants, and poison.

Belongs here: making them. Does not belong here: what becomes of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from tests.wire_records import instant, record

IDS: Final = 16
VARIANTS: Final = ("plain", "contradicting", "unshared")
START: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)

_PROJECTS: Final = ("red", "green", None, "red")
_MODELS: Final = (("anthropic", "claude-sonnet-4-5-20250929"), ("openai", "gpt-4o"), ("mystery", "m-1"))
# From ten months back, over the nights clocks change in New York, to a laptop whose clock runs ahead.
_AGES: Final = (
    timedelta(days=300), timedelta(days=258, hours=5), timedelta(days=19, hours=6), timedelta(days=19, hours=7),
    timedelta(days=31), timedelta(hours=5), timedelta(minutes=14), -timedelta(hours=40),
)  # fmt: skip

POISON: Final[tuple[Any, ...]] = (
    {"id": 5},
    [],
    record("negative", input_tokens=-1),
    record("not a number", latency_ms=float("nan")),
    record("naive", requested_at="2026-11-01T10:00:00"),
    record("too large", output_tokens=2**63),
)


@cache
def made(number: int, variant: str) -> dict[str, Any]:
    """Return one of the records; `contradicting` says other tokens, `unshared` withholds the project."""
    provider, model = _MODELS[number % len(_MODELS)]
    at = START - _AGES[number % len(_AGES)] + timedelta(seconds=number)
    one = record(
        ("machine", number),
        project=_PROJECTS[number % len(_PROJECTS)],
        provider=provider,
        model=model,
        input_tokens=1000 + 3**number % 1009,
        cost_millicents=None if number % 5 == 0 else 100 + 7**number % 1013,
        requested_at=instant(at),
        recorded_at=instant(at + timedelta(seconds=1)),
    )
    if variant == "contradicting":
        return one | {"output_tokens": one["output_tokens"] + 1}
    return one | {"project": None} if variant == "unshared" else one
