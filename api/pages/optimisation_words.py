"""Recommendations, savings and checks in people's words.

Belongs here: sentences, badges and figures of the pages of optimisation. Does not belong here: tables and charts
(`optimisation_figures`), routes (`optimisation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from api.dashboards.filters import Filters
from api.dashboards.models.optimisation import FindingShown, SavingShown
from api.dashboards.money import usd_from_picousd
from api.pages.overview import requests_path
from api.pages.words import precise, usd

CONFIDENCE: Final = {"high": "good", "medium": "", "low": "warn"}
"""Kind of the badge a confidence has."""
STATES: Final = {
    "measured": ("measured", "good"),
    "regressed": ("regressed", "bad"),
    "not_enough_data": ("not enough data", ""),
}
UNITS: Final = {"requests": "requests", "distinct_prompts": "distinct prompts"}
_EVIDENCE: Final = {
    "all_requests": "Requests of this model in all",
    "error_requests": "Failed requests",
    "tool_requests": "Tool calls",
    "large_input_requests": "Requests with a large prompt",
    "large_output_requests": "Requests with a long answer",
    "paused_requests": "Requests after a pause",
    "short_output_requests": "Short answers",
    "limit_tokens": "Limit that would do, tokens",
    "other_picousd": "The same at the price proposed",
    "repeat_cost_picousd": "Spent on repeats",
    "clusters": "Prompts",
    "days_idle": "Days without a request",
    "last_day": "Last used on",
    "requests_ever": "Requests ever",
    "names": "Idle the longest",
}
TITLES: Final = {
    "model_swap": "Cheaper sibling model",
    "newer_version": "Newer, cheaper version",
    "batch_api": "Batch API for work that can wait",
    "flex_tier": "Flex tier for work that can wait",
    "priority_unneeded": "Priority nobody waits for",
    "prompt_cache_missing": "Missing prompt cache",
    "cache_writes_unread": "Cache writes never read",
    "cache_hour_unneeded": "One-hour cache that five minutes would do for",
    "cache_hour_missing": "Five-minute cache that runs out",
    "long_context": "Long-context surcharge",
    "thinking_overuse": "Thinking beyond need",
    "output_limit": "Answers without a limit",
    "duplicate_requests": "Duplicate requests",
    "response_cache": "Answers worth keeping",
    "retry_waste": "Retry storms",
    "runaway_loops": "Runaway loops",
    "billed_errors": "Errors that were billed",
    "idle_projects": "Idle project",
    "idle_devices": "Idle machines and keys",
}
"""What checks are called: as their findings are titled (`dbt_project`, seed `optimisation_checks`)."""
TEN: Final = Decimal(10)
_CENT: Final = Decimal("0.01")
_SUM_OF_MONEY: Final = "_picousd"


def check_words(check_id: str, *, inside: bool = False) -> str:
    """Return what a check is called everywhere; `inside` a sentence it does not begin."""
    title = TITLES.get(check_id) or check_id.replace("_", " ").capitalize()
    return f"{title[:1].lower()}{title[1:]}" if inside else title


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A recommendation as its card shows it.

    Attributes:
        headline: what to change and what it saves.
        basis: what that is based on.
        evidence: words and figures.
        requests_path: all requests of what it is about, in the window it looked at; None where it is about no request.
        is_counted: whether its saving is in the total.
    """

    shown: FindingShown
    headline: str
    basis: str
    evidence: Sequence[tuple[str, str]]
    requests_path: str | None
    is_counted: bool

    @property
    def saving(self) -> str | None:
        """What it saves a month, as its sentence says it; None when that is less than a cent."""
        words = promised(self.shown.saving_30d_usd)
        return None if words == "$0.00" else words

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"finding-{self.shown.finding_id[:16]}"


def recommendation(slug: str, one: FindingShown) -> Recommendation:
    """Return a recommendation as its card shows it."""
    headline, based, rest = one.sentence.rpartition(" Based on ")
    about = Filters(
        providers=(one.provider,) if one.provider else (),
        models=(one.model,) if one.model else (),
        projects=(one.project,) if one.project else (),
    )
    return Recommendation(
        shown=one,
        headline=headline or one.sentence,
        basis=f"Based on {rest}" if based else "",
        evidence=[(_EVIDENCE.get(key, _words_of(key)), _figure(key, value)) for key, value in one.evidence.items()],
        requests_path=requests_path(slug, about, one.window_from, one.window_until) if one.requests else None,
        is_counted=Decimal(one.counted_saving_usd) > 0,
    )


def saved_per_thousand(one: SavingShown) -> Decimal | None:
    """Return what 1,000 cost less than before; None without enough data."""
    if one.before_per_1000_usd is None or one.after_per_1000_usd is None:
        return None
    return Decimal(one.before_per_1000_usd) - Decimal(one.after_per_1000_usd)


def state_badge(one: SavingShown) -> tuple[str, str]:
    """Return the badge of a saving: one whose interval holds nothing saved is measured, and proves nothing."""
    if one.state == "measured" and Decimal(one.saving_low_per_1000_usd or 0) <= 0:
        return "may be chance", ""
    return STATES[one.state]


def promised(amount: str) -> str:
    """Return a saving as its sentence has it: cents below ten dollars, whole dollars above, half-even."""
    cents = Decimal(amount).quantize(_CENT, ROUND_HALF_EVEN)
    return f"${cents if cents < TEN else Decimal(amount).quantize(Decimal(1), ROUND_HALF_EVEN):,}"


def interval_words(one: SavingShown) -> str | None:
    """Return a saving's interval in words."""
    if one.saving_low_per_1000_usd is None or one.saving_high_per_1000_usd is None:
        return None
    return f"{usd(one.saving_low_per_1000_usd)} to {usd(one.saving_high_per_1000_usd)}"


def _words_of(key: str) -> str:
    return key.removesuffix(_SUM_OF_MONEY).replace("_", " ").capitalize()


def _figure(key: str, value: Any) -> str:
    if key.endswith(_SUM_OF_MONEY):
        try:
            return precise(usd_from_picousd(int(value)))
        except (TypeError, ValueError, InvalidOperation):
            return "—"
    if isinstance(value, list):
        return ", ".join(_name_of(one) for one in value[:5]) or "—"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "—" if value is None else str(value)


def _name_of(one: Any) -> str:
    return str(one.get("name") or one.get("device_id") or "—") if isinstance(one, dict) else str(one)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
