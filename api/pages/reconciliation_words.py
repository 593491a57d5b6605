"""What the log held against bills says, in words a finance person reads.

Belongs here: names of parts, reasons, causes, ways and sources. Does not belong here: what they mean to the figures
(`dbt_project`, models of `analysis/reconciliation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "unpriced": ("Requests of unknown cost", "logged without a cost, billed all the same"),
    "price_difference": ("Other prices", "logged at another price than the rate book's"),
    "discount": ("Discounts", "billed below the list price"),
    "credits": ("Credits", "promotions and credits that lower the bill"),
    "adjustments": ("Adjustments", "corrections on the bill"),
    "tier_or_context": ("Tier or context", "billed in another service tier or length of context than logged"),
    "timing": ("Around midnight", "calls that the provider counts on the other side of midnight UTC"),
    "missing_calls": ("Calls not seen", "billed, and in nobody's log"),
    "rounding": ("Rounding", "whole cents on the bill, whole millicents in the log"),
    "unexplained": ("Unexplained", "what is left when all else is taken into account"),
}
"""Parts of a variance: what they are called, and what they are."""
REASONS: Final[Mapping[str, str]] = {
    "every_cost_is_known": "every cost is known",
    "some_have_no_rate_either": "some have no price in the rate book either",
    "valued_by_the_rate_book": "valued by the rate book",
    "logged_as_the_rate_book": "logged as the rate book has it",
    "logged_at_another_price": "logged at another price",
    "stated_on_the_bill": "stated on the bill",
    "bill_tells_no_list_price": "the bill tells no list price",
    "none_on_the_bill": "none on the bill",
    "billed_in_a_tier_not_in_the_log": "billed in a tier that the log does not tell",
    "logged_without_tier_or_context": "logged without tier or context",
    "tiers_agree": "tiers agree",
    "bill_tells_no_tiers": "the bill tells no tiers",
    "calls_near_midnight": "calls near midnight",
    "request_counts_agree": "the counts of requests agree",
    "no_calls_near_midnight": "no calls near midnight",
    "nothing_left_for_midnight": "nothing is left for it",
    "bill_tells_no_requests": "the bill tells no requests",
    "every_billed_request_was_seen": "every billed request was seen",
    "nothing_is_missing": "nothing is missing",
    "valued_by_their_tokens": "valued by their tokens on the bill",
    "valued_at_the_bills_average": "valued at the bill's average",
    "whole_cents_on_the_bill": "whole cents on the bill",
    "nothing_was_rounded": "nothing was rounded",
    "logged_in_whole_millicents": "logged in whole millicents",
    "everything_is_explained": "everything is explained",
    "bill_is_not_complete": "the bill is not complete yet",
    "no_cause_is_known": "no cause is known",
}
NOTHING_FOUND: Final = frozenset({
    "every_cost_is_known", "logged_as_the_rate_book", "bill_tells_no_list_price", "none_on_the_bill", "tiers_agree",
    "bill_tells_no_tiers", "request_counts_agree", "no_calls_near_midnight", "nothing_left_for_midnight",
    "bill_tells_no_requests", "every_billed_request_was_seen", "nothing_is_missing", "nothing_was_rounded",
    "everything_is_explained",
})  # fmt: skip
"""Reasons why a part is nothing."""
CAUSES: Final[Mapping[str, str]] = {
    "unpriced": "unknown cost",
    "price_difference": "another price",
    "tier_or_context": "tier or context",
    "timing": "around midnight",
}
"""Why one request diverges."""
SOURCES: Final[Mapping[str, str]] = {
    "anthropic_analytics": "Anthropic analytics",
    "anthropic_cost_report": "Anthropic cost report",
    "openai_costs": "OpenAI costs",
    "xai_usage": "xAI usage",
    "gemini_export": "Google billing export",
    "manual": "statement",
    "several": "several sources",
}
"""Where a bill comes from, by kind of connection."""
MEASURES: Final[Mapping[str, str]] = {"logged": "Logged", "priced": "By the rate book", "billed": "Billed"}
CHANGES: Final[Mapping[str, str]] = {
    "late_requests": "requests came in late",
    "corrected": "requests were corrected",
    "repriced": "prices were learned or changed",
    "expired": "requests are no longer kept",
    "bill_restated": "the provider restated its bill",
}
"""Why something else is said of a closed month now."""
UNITS: Final[Mapping[str, str]] = {
    "requests": "Requests",
    "tokens": "All tokens",
    "uncached_input": "Input, not cached",
    "cache_read": "Read from cache",
    "cache_write_5m": "Written to cache, 5 minutes",
    "cache_write_1h": "Written to cache, 1 hour",
    "output": "Output",
}
METHODS: Final[Mapping[str, str]] = {
    "edge_store": "Remembered by the machine",
    "env": "Environment variable",
    "rcfile": "Project file",
    "git": "Git repository",
    "container": "Container",
    "mac_sandbox": "macOS sandbox",
    "workdir": "Working folder",
    "ide_sniff": "Editor's window",
    "ide_env_label": "Editor's environment",
    "ide_argv_label": "Editor's arguments",
    "parent_rcfile": "Project file of the parent program",
    "parent_git": "Git repository of the parent program",
    "parent_ide_sniff": "Editor of the parent program",
    "parent_ide_env_label": "Editor's environment, parent program",
    "parent_ide_argv_label": "Editor's arguments, parent program",
    "process_heuristics": "Guessed from the program",
    "process_name_auto": "Name of the program",
    "smart_default": "Default project",
    "unattributed": "Not attributed",
    "resolve_timeout": "Not attributed: finding it took too long",
    "resolve_error": "Not attributed: finding it failed",
    "(not told)": "Not told by the machine",
}
"""Ways in which machines find a request's project; there may be others."""
COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "green": ("good", "agrees"),
    "amber": ("warn", "warning"),
    "red": ("bad", "investigate"),
}
"""A variance's colour: the kind of its badge, and what it says."""
FILTER_WORDS: Final[Mapping[str, str]] = {
    "model": "models",
    "project": "projects",
    "device": "developers",
    "cost_center": "cost centres",
}
UNATTRIBUTED: Final = frozenset({"unattributed", "resolve_timeout", "resolve_error", "smart_default", "(not told)"})
"""Ways that found no project of a request's own."""
_TIMES: Final = {"x100": "a hundred times", "x0.01": "a hundredth of"}


def month_words(month: str) -> str:
    """Return `2026-05` as `May 2026`."""
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def source_words(source: str | None) -> str | None:
    """Return where a bill comes from; None when there is none."""
    return None if source is None else SOURCES.get(source, source)


def reasons_words(reasons: Sequence[str]) -> str:
    """Return reasons as one text. Of several bills, what some found goes before what others did not."""
    found = [one for one in reasons if one not in NOTHING_FOUND]
    return "; ".join(REASONS.get(one, one.replace("_", " ")) for one in found or reasons)


def suspect_words(suspect: str) -> str:
    """Return how large a bill is beside the log, when it looks like one in another unit."""
    return _TIMES.get(suspect, suspect)


def joined(words: Sequence[str]) -> str:
    """Return words as people list them: `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
