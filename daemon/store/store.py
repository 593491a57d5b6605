"""The local record of calls: the one door to `~/.halton-meter/db.sqlite`.

Belongs here: what other rooms may ask of the store. Does not belong here: queries (the modules beside this one), what
is made of the rows.

Threads may share a `Store`; processes each open their own. Everything that writes is one transaction, durable when the
method returns. Every method raises `StoreError` (`daemon.store.errors`) when the file cannot be used.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from daemon.calls.call import Call
from daemon.clock import DAY, Clock
from daemon.store import retention
from daemon.store.daily_totals import DailyTotal, daily_totals
from daemon.store.kept_bodies import KeptBodies
from daemon.store.rows import INSERT, SELECT, call_of, calls_of, parameters_of
from daemon.store.text import held
from daemon.store.way_out import WayOut

_PAGE: Final = 1000


class Store(WayOut, KeptBodies):
    """The open store. Use as a context manager, or `close` it."""

    def __init__(self, path: Path, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open the file, made with mode 0600 where there is none, and bring its tables up to date.

        Args:
            path: usually `MeterHome.database_path`.
            clock: wall clock.
            monotonic: seconds of a clock that cannot be set; tells a jump of the wall clock from time that passed.

        Raises:
            StoreUnavailable: it cannot be opened or written now.
            StoreTooNew: a later release wrote it.
            StoreDamaged: it is no store.
        """
        self._monotonic = monotonic
        self._watch = retention.Watch()
        super().__init__(path, clock)
        try:
            self._start_retention_clock()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, calls: Sequence[Call], *, cursor: tuple[str, bytes] | None = None) -> int:
        """Write calls down, in one transaction; those whose id is known, or was purged, are left as they are.

        Args:
            calls: absurd values are bent to what a row can hold, see `daemon.store.rows.storable`.
            cursor: key and value of a cursor to set together with them.

        Returns:
            How many were new.

        Raises:
            StoreUnavailable: none of them is written: keep them and try again.
        """
        if not calls and cursor is None:
            return 0
        with self._database.writing() as connection:
            before = connection.total_changes
            connection.executemany(INSERT, (parameters_of(call) for call in calls))
            added = connection.total_changes - before
            if cursor is not None:
                _set_cursor(connection, *cursor)
            return added

    def get(self, call_id: str) -> Call | None:
        """Return the call of this id, None when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(SELECT + "WHERE id = ?", [held(call_id)]).fetchone()
        return None if row is None else call_of(row)

    def has_provider_request(self, provider: str, provider_request_id: str) -> bool:
        """Whether a call is known that the provider (wire name) calls by this id."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM calls WHERE provider = ? AND provider_request_id = ? LIMIT 1",
                [held(provider), held(provider_request_id)],
            )
            return found.fetchone() is not None

    def newest(self, limit: int, *, project: str | None = None) -> list[Call]:
        """Return up to `limit` calls, the last recorded first; of one project (slug, in any case) or of all."""
        where = "" if project is None else "WHERE project = ? COLLATE NOCASE "
        parameters = [limit] if project is None else [held(project), limit]
        with self._database.reading() as connection:
            rows = connection.execute(SELECT + where + "ORDER BY recorded_at_us DESC, id DESC LIMIT ?", parameters)
            return calls_of(rows)

    def between(self, from_us: int, to_us: int) -> Iterator[Call]:
        """Yield calls requested from one instant up to before another, in order (UTC microseconds).

        Read in pages: what is added meanwhile may be among them, and nothing waits for a slow reader.
        """
        after = (from_us, "")
        while True:
            with self._database.reading() as connection:
                page = connection.execute(
                    SELECT + "WHERE (requested_at_us, id) > (?, ?) AND requested_at_us < ?"
                    " ORDER BY requested_at_us, id LIMIT ?",
                    [*after, to_us, _PAGE],
                ).fetchall()
            yield from calls_of(page)
            if len(page) < _PAGE:
                return
            last = call_of(page[-1])
            after = (last.requested_at_us, last.id)

    def daily_totals(self, from_day: date, to_day: date) -> list[DailyTotal]:
        """Return sums per project, UTC day of `recorded_at` (both days included) and upload state."""
        with self._database.reading() as connection:
            return daily_totals(connection, from_day, to_day)

    def connection_for_reading(self) -> sqlite3.Connection:
        """Return a connection that cannot write, for queries of other rooms. Its caller closes it."""
        return self._database.connection_for_reading()

    def faults(self) -> list[str]:
        """Check the whole file, which takes a while; returns what is wrong with it, nothing when it is sound."""
        with self._database.reading() as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        lost = [f"{row[0]} refers to a row of {row[2]} that is gone" for row in broken[:20]]
        return [fault for fault in said if fault != "ok"] + lost

    def purge(self, keep_days: int, *, keep_pending: bool = True, never_leaving: Collection[str] = ()) -> int:
        """Remove calls requested more than `keep_days` ago, with their bodies, and never again import them.

        Nothing is removed while the wall clock is doubted, see `daemon.store.retention`; ask at least daily.

        Args:
            keep_days: at least 1.
            keep_pending: keep what no cloud has acknowledged. Calls of open batches always stay.
            never_leaving: projects (slugs, in any case) that no cloud will get, and for which nothing waits therefore.

        Returns:
            How many calls were removed.

        Raises:
            ValueError: `keep_days` is less than 1.
        """
        if keep_days < 1:
            raise ValueError("calls are kept for at least a day")
        now = self._now()
        with self._database.writing() as connection:
            looked = self._monotonic()
            if not retention.believes(connection, self._watch, now_us=now, monotonic_seconds=looked):
                return 0
        before = now - keep_days * DAY
        removed = 0
        while True:
            with self._database.writing() as connection:
                some = retention.purge_some(connection, before, keep_pending=keep_pending, never_leaving=never_leaving)
                if some < retention.CHUNK:
                    retention.purge_batches(connection, before)
            removed += some
            if some < retention.CHUNK:
                break
        if removed:
            self._database.tidy()
        return removed

    def cursor(self, key: str) -> bytes | None:
        """Return how far a source was read, as its importer wrote it down; None when it never was."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM cursors WHERE key = ?", [held(key)]).fetchone()
        return None if row is None else bytes(row[0])

    def set_cursor(self, key: str, value: bytes) -> None:
        """Write down how far a source was read."""
        with self._database.writing() as connection:
            _set_cursor(connection, key, value)

    def _start_retention_clock(self) -> None:
        with self._database.reading() as connection:
            started = connection.execute("SELECT 1 FROM retention_clock").fetchone() is not None
        if not started:
            with self._database.writing() as connection:
                connection.execute(
                    "INSERT OR IGNORE INTO retention_clock (one, trusted_at_us) VALUES (1, ?)", [self._now()]
                )


def _set_cursor(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO cursors (key, value) VALUES (?, ?)", [held(key), value])
