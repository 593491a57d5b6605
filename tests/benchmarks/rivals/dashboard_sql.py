"""What the dashboards ask, in each rival's SQL.

Belongs here: the statements. Does not belong here: running them. Each question is put in as many statements as ours:
one per sum with its own period or grouping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tests.benchmarks.totals import MEASURES

_LISTED: Final = (
    "request_id, requested_at, received_at, project, provider, model, device_id, status, request_kind, billing_basis,"
    " cost_logged_millicents, input_tokens, output_tokens, thinking_tokens, cached_tokens, cache_write_tokens,"
    " tokens_complete, latency_ms, time_to_first_token_ms, error_class, http_status, attribution_method, prompt_hash,"
    " idempotency_key, extra_json"
)
_MONEY: Final = ", ".join(f"sum({one})" for one in MEASURES[:4])
_ALL: Final = ", ".join(f"sum({one})" for one in MEASURES)


@dataclass(frozen=True)
class Asked:
    """Whose numbers, and of when: the period is [first, end), the one before is [before, first)."""

    workspace_id: str
    zone: str
    project: str
    today: date
    first: date
    end: date
    before: date
    starts_at: str
    ends_at: str
    ids: Sequence[str]


@dataclass(frozen=True)
class Dialect:
    """One way of asking.

    Attributes:
        name: of the side.
        daily: the table or subquery of sums by local day; `{zone}` stands for the reporting zone and `{facts}` for a
            condition that narrows facts by time.
        month: the month of a local day, as SQL.
        uuid: an id literal, with `{}` for the id.
        instant: an instant literal, with `{}` for it.
    """

    name: str
    daily: str
    month: str
    uuid: str
    instant: str

    def statements(self, query: str, asked: Asked) -> list[str]:
        """Return the statements of a question other than that by id."""
        if query == "recent 100":
            return [self._recent(asked, "")]
        of_project = f"project = '{asked.project}'" if query == "project view" else ""
        current = self._sums(asked, asked.first, asked.end, of_project)
        before = self._sums(asked, asked.before, asked.first, of_project)
        shared = [
            current("spend_kind, provider, model", _ALL),
            current("spend_kind, local_day", _MONEY),
            before("spend_kind", _MONEY),
        ]
        if query == "project view":
            return [*shared, current("spend_kind, device_id", _MONEY), self._recent(asked, of_project)]
        months = (asked.today.replace(day=1) - timedelta(days=1)).replace(day=1)
        tomorrow = asked.today + timedelta(days=1)
        return [
            *shared,
            self._sums(asked, months, tomorrow, "")(f"spend_kind, {self.month}", _MONEY),
            self._sums(asked, asked.today, tomorrow, "")("spend_kind", _MONEY),
            current("spend_kind, local_day, provider", _MONEY),
            current("spend_kind, project", _MONEY),
        ]

    def by_id(self, asked: Asked, request_id: str) -> str:
        """Return the statement of one request."""
        where = f"workspace_id = {self._id(asked.workspace_id)} and request_id = {self._id(request_id)}"
        return f"select * from facts where {where}"

    def _recent(self, asked: Asked, condition: str) -> str:
        where = [
            f"workspace_id = {self._id(asked.workspace_id)}",
            f"requested_at >= {self.instant.format(asked.starts_at)}",
            f"requested_at < {self.instant.format(asked.ends_at)}",
            *([condition] if condition else []),
        ]
        newest = "order by requested_at desc, request_id desc limit 101"
        return f"select {_LISTED} from facts where {' and '.join(where)} {newest}"

    def _sums(self, asked: Asked, first: date, end: date, condition: str) -> _Sums:
        # A day more on either side: facts are narrowed by UTC instants, days are the workspace's own.
        low, high = first - timedelta(days=1), end + timedelta(days=1)
        facts = (
            f"workspace_id = {self._id(asked.workspace_id)} and requested_at >= {self.instant.format(low)}"
            f" and requested_at < {self.instant.format(high)}"
        )
        where = [
            f"workspace_id = {self._id(asked.workspace_id)}",
            f"local_day >= date '{first}'",
            f"local_day < date '{end}'",
            *([condition] if condition else []),
        ]
        return _Sums(self.daily.format(zone=asked.zone, facts=facts), " and ".join(where))

    def _id(self, value: str) -> str:
        return self.uuid.format(value)


@dataclass(frozen=True)
class _Sums:
    source: str
    where: str

    def __call__(self, by: str, sums: str) -> str:
        return f"select {by}, {sums} from {self.source} where {self.where} group by {by}"


_FROM_FACTS: Final = (
    "(select workspace_id, (requested_at at time zone '{zone}')::date as local_day, coalesce(project, '(not shared)')"
    " as project, provider, model, device_id, coalesce(nullif(billing_basis, ''), 'metered') as spend_kind,"
    " 1 as requests, (cost_logged_millicents is null)::int as unpriced_requests, (status <> 'success')::int as"
    " error_requests, cost_logged_millicents, input_tokens, output_tokens, thinking_tokens, cached_tokens,"
    " cache_write_tokens from facts where {facts}) as dated"
)
POSTGRES_TABLES: Final = Dialect(
    "PostgreSQL, indexed facts", _FROM_FACTS, "date_trunc('month', local_day)", "uuid '{}'", "timestamptz '{} UTC'"
)
POSTGRES_VIEW: Final = Dialect(
    "PostgreSQL, materialised view", "spend_by_day", "date_trunc('month', local_day)", "uuid '{}'",
    "timestamptz '{} UTC'",
)  # fmt: skip
CLICKHOUSE: Final = Dialect(
    "ClickHouse, its roll-up",
    "spend_daily",
    "toStartOfMonth(local_day)",
    "toUUID('{}')",
    "toDateTime64('{}', 6, 'UTC')",
)
