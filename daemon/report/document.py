"""A report as JSON: `halton-meter report --json`, and `/v1/summary` of the loopback API.

Belongs here: names and order of the fields. Does not belong here: reading (`reading`), grouping (`groups`).

Counts and millicents are exact integers, amounts in USD exact decimal text. `cost_*` is metered spend alone, as on the
dashboards; the other monies stand beside it and are not to be added to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daemon.report.groups import GROUPINGS, Grouping, Row, daily, rows_by, total_before
from daemon.report.money import usd
from daemon.report.reading import Report
from daemon.report.sums import Part, Sums, total
from daemon.report.window import Window

_OTHER_MONIES = (("subscription_imputed", "imputed"), ("imported", "imported"), ("other_basis", "other"))


def as_document(report: Report, *, by: Grouping | None = None) -> dict[str, Any]:
    """Return the report as values that JSON has.

    Args:
        report: as read.
        by: a further grouping to give, as `by_provider` or `by_day`; projects and models are always there.
    """
    document = {
        "summary": _summary(report),
        "by_project": [_project(row, report) for row in rows_by(report, "project")],
        "by_model": [as_row(row, "model") for row in rows_by(report, "model")],
    }
    if by in {"provider", "day"}:
        document[f"by_{by}"] = [as_row(row, by) for row in rows_by(report, by)]
    return document


def as_row(row: Row, by: Grouping) -> dict[str, Any]:
    """Return one group as values that JSON has; `cost_*` is metered spend."""
    sums = row.sums
    shown = dict(zip(GROUPINGS[by], row.key, strict=True))
    # The grouping's own name comes first, as releases in the field have it.
    return {by: shown[by], **shown} | {
        "requests": sums.requests,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cost_millicents": sums.metered_millicents,
        "cost_usd": usd(sums.metered_millicents),
        "avg_latency_ms": sums.average_latency_ms(),
        "p95_latency_ms": sums.p95_latency_ms(),
        "prev_cost_millicents": None if row.before is None else row.before.metered_millicents,
        "incomplete_count": sums.incomplete_requests,
        "cost_excluded_count": sums.unpriced_requests,
        **_more(sums),
    }


def _summary(report: Report) -> dict[str, Any]:
    sums = total(report.parts)
    before = total_before(report)
    window = report.window
    begins, ends = window.instants()
    return {
        "requests": sums.requests,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cost_millicents": sums.metered_millicents,
        "cost_usd": usd(sums.metered_millicents),
        "date_from": window.first_day.isoformat(),
        "date_to": window.last_day.isoformat(),
        "incomplete_count": sums.incomplete_requests,
        "cost_excluded_count": sums.unpriced_requests,
        "span_days": window.span_days,
        "prev_total_cost_millicents": None if before is None else before.metered_millicents,
        "from": begins.isoformat(),
        "to": ends.isoformat(),
        "project": report.project,
        "prev_total_requests": None if before is None else before.requests,
        "later_count": report.later_requests,
        **_more(sums),
        "errors": {name: errors.error_requests for name, errors in sorted(_errors(report.parts).items())},
    }


def _project(row: Row, report: Report) -> dict[str, Any]:
    own = [part for part in report.parts if part.project == row.key[0]]
    return as_row(row, "project") | {"daily_cost_buckets": _buckets(own, report.window)}


def _more(sums: Sums) -> dict[str, Any]:
    """Return what releases in the field do not report."""
    shown: dict[str, Any] = {"metered_count": sums.metered_requests, "error_count": sums.error_requests}
    for name, money in _OTHER_MONIES:
        millicents = getattr(sums, f"{money}_millicents")
        shown |= {
            f"{name}_count": getattr(sums, f"{money}_requests"),
            f"{name}_millicents": millicents,
            f"{name}_usd": usd(millicents),
        }
    return shown | {
        "thinking_tokens": sums.thinking_tokens,
        "cached_tokens": sums.cached_tokens,
        "cache_write_tokens": sums.cache_write_tokens,
        "tokens": {
            "uncached_input": sums.uncached_input_tokens,
            "cache_read": sums.cached_tokens,
            "cache_write_5m": sums.cache_write_5m_tokens,
            "cache_write_1h": sums.cache_write_1h_tokens,
            "output": sums.billable_output_tokens,
        },
    }


def _errors(parts: Iterable[Part]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for part in parts:
        if part.error_class is not None:
            found.setdefault(part.error_class, Sums()).add(part.sums)
    return found


def _buckets(parts: Iterable[Part], window: Window) -> list[dict[str, Any]]:
    return [
        {
            "date": day,
            "requests": sums.requests,
            "cost_millicents": sums.metered_millicents,
            "cost_usd": usd(sums.metered_millicents),
        }
        for day, sums in daily(parts, window).items()
    ]
