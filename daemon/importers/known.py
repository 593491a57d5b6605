"""What the store already holds of calls that are to be added: the same rows, and the same calls seen another way.

Belongs here: comparing calls with the store's. Does not belong here: writing.

A log or a span tells of calls that the proxy may have captured as they were made. They are told apart from calls that
merely look alike by the provider's own id, or by all token counts together with the time. A name alone proves nothing:
relays reuse theirs. OpenAI's two exports tell of the same use: what one told of a day, the other does not tell again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from daemon.calls.call import Call
from daemon.clock import DAY, SECOND
from daemon.importers.openai_usage_csv import COSTS
from daemon.importers.openai_usage_csv import SOURCE as BUCKETS
from daemon.store.rows import purged_key
from daemon.store.store import Store

_BEFORE_US: Final = 2 * SECOND
_AFTER_US: Final = 10 * SECOND
"""How much earlier or later than the captured call a log may say that it was: logs are written when an answer ends."""
_LONGEST_US: Final = 3600 * SECOND
_KNOWN: Final = "SELECT id FROM calls WHERE id IN (SELECT value FROM json_each(?))"
_PURGED: Final = "SELECT 1 FROM purged_ids WHERE id = ?"
_CAPTURED: Final = """
SELECT
    requested_at_us, latency_ms, provider, provider_request_id, usage_source,
    uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens + cache_write_1h_tokens, output_tokens
FROM calls
WHERE requested_at_us BETWEEN ? AND ? AND source IN ('proxy', 'gateway')
"""
_EXPORTED: Final = """
SELECT DISTINCT requested_at_us / ?, surface = ?
FROM calls
WHERE requested_at_us BETWEEN ? AND ? AND source = ?
"""

_Counts = tuple[int, int, int, int]


class _Captured(NamedTuple):
    """A captured call: when it ran (UTC microseconds), and its counts, None when they are estimated."""

    from_us: int
    until_us: int
    counts: _Counts | None


class KnownCalls:
    """Compares calls with those of a store. Use as a context manager, or `close` it."""

    def __init__(self, store: Store) -> None:
        """Open a connection of its own.

        Raises:
            StoreError: the store cannot be read.
        """
        self._connection = store.connection_for_reading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ids(self, calls: Sequence[Call]) -> set[str]:
        """Return the ids among `calls` that adding would leave as they are: known ones, and ones that were purged."""
        asked = [call.id for call in calls]
        known = {row[0] for row in self._connection.execute(_KNOWN, [json.dumps(asked)])}
        if self._connection.execute("SELECT 1 FROM purged_ids LIMIT 1").fetchone() is None:
            return known
        return known | {each for each in asked if each not in known and self._purged(each)}

    def elsewhere(self, calls: Sequence[Call]) -> set[str]:
        """Return the ids of `calls` that are on record under another id, because they became known another way."""
        if not calls:
            return set()
        return self._captured(calls) | self._told_by_other_export(calls)

    def _told_by_other_export(self, calls: Sequence[Call]) -> set[str]:
        buckets = [call for call in calls if call.source == BUCKETS]
        if not buckets:
            return set()
        times = [call.requested_at_us for call in buckets]
        asked = [DAY, COSTS, min(times) - DAY, max(times) + DAY, BUCKETS]
        told = {(day, bool(costs)) for day, costs in self._connection.execute(_EXPORTED, asked)}
        return {call.id for call in buckets if (call.requested_at_us // DAY, call.surface != COSTS) in told}

    def _captured(self, calls: Sequence[Call]) -> set[str]:
        times = [call.requested_at_us for call in calls]
        span = [min(times) - _LONGEST_US, max(times) + _BEFORE_US]
        by_request, by_counts = _indexed(self._connection.execute(_CAPTURED, span))
        found = set[str]()
        for call in calls:
            counts = _counts(call)
            named = by_request.get((call.provider, call.provider_request_id or ""), ())
            alike = by_counts.get((call.provider, counts), ()) if any(counts) else ()
            if any(_same(call, other, counts) for other in (*named, *alike)):
                found.add(call.id)
        return found

    def _purged(self, call_id: str) -> bool:
        return self._connection.execute(_PURGED, [purged_key(call_id)]).fetchone() is not None


_ByRequest = dict[tuple[str, str], list[_Captured]]
_ByCounts = dict[tuple[str, _Counts], list[_Captured]]


def _indexed(rows: Iterable[sqlite3.Row | tuple]) -> tuple[_ByRequest, _ByCounts]:
    by_request: _ByRequest = {}
    by_counts: _ByCounts = {}
    for requested_us, latency_ms, provider, request_id, usage_source, *told in rows:
        counts: _Counts | None = tuple(told) if usage_source == "provider" else None
        captured = _Captured(requested_us - _BEFORE_US, requested_us + int(latency_ms * 1000) + _AFTER_US, counts)
        if request_id:
            by_request.setdefault((provider, request_id), []).append(captured)
        if counts is not None:
            by_counts.setdefault((provider, counts), []).append(captured)
    return by_request, by_counts


def _same(call: Call, other: _Captured, counts: _Counts) -> bool:
    """Return whether two records of the same name or counts are of the same call: a relay may reuse its names."""
    in_time = other.from_us <= call.requested_at_us <= other.until_us
    if other.counts is None or call.usage_source != "provider":
        return in_time
    return in_time and other.counts[:3] == counts[:3]


def _counts(call: Call) -> _Counts:
    tokens = call.tokens
    return (tokens.uncached_input, tokens.cache_read, tokens.cache_write, tokens.output)
