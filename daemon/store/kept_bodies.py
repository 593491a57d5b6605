"""Requests and answers that a project's owner chose to keep.

Belongs here: writing, reading and removing them. Does not belong here: choosing, redacting and capping, which come
before (`daemon.bodies`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from daemon.store.opened import Opened
from daemon.store.text import held, held_list


class KeptBody(msgspec.Struct, kw_only=True, frozen=True):
    """One leg of a call.

    Attributes:
        call_id: whose.
        direction: `request` or `response`.
        content_type: as it was sent.
        text: redacted and capped.
        original_size_bytes: before both.
        redactions: what was taken out.
        kept_at_us: UTC microseconds.
    """

    call_id: str
    direction: str
    content_type: str
    text: str
    original_size_bytes: int
    redactions: tuple[str, ...]
    kept_at_us: int


class BodyHeading(msgspec.Struct, kw_only=True, frozen=True):
    """What a list of kept bodies says of each: a `KeptBody` without its text, with facts of its call.

    Attributes:
        kept_characters: length of the text.
    """

    call_id: str
    direction: str
    content_type: str
    kept_characters: int
    original_size_bytes: int
    redactions: tuple[str, ...]
    kept_at_us: int
    requested_at_us: int
    project: str
    provider: str
    model: str


def _keep(connection: sqlite3.Connection, body: KeptBody) -> bool:
    """Keep one leg, in place of what was kept of it before; False when its call is not in the store."""
    written = connection.execute(
        "INSERT INTO bodies (call_id, direction, content_type, text, original_size_bytes, redactions, kept_at_us)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM calls WHERE id = ?"
        " ON CONFLICT (call_id, direction) DO UPDATE SET content_type = excluded.content_type, text = excluded.text,"
        " original_size_bytes = excluded.original_size_bytes, redactions = excluded.redactions,"
        " kept_at_us = excluded.kept_at_us",
        [
            body.direction,
            held(body.content_type),
            held(body.text),
            max(body.original_size_bytes, 0),
            held_list(body.redactions),
            body.kept_at_us,
            held(body.call_id),
        ],
    )
    return written.rowcount > 0


def _of_call(connection: sqlite3.Connection, call_id: str) -> list[KeptBody]:
    """Return what is kept of a call, the request first."""
    rows = connection.execute(
        "SELECT call_id, direction, content_type, text, original_size_bytes, redactions, kept_at_us FROM bodies"
        " WHERE call_id = ? ORDER BY direction",
        [held(call_id)],
    )
    return [
        KeptBody(
            call_id=row[0],
            direction=row[1],
            content_type=row[2],
            text=row[3],
            original_size_bytes=row[4],
            redactions=_redactions(row[5]),
            kept_at_us=row[6],
        )
        for row in rows
    ]


def _headings(connection: sqlite3.Connection, limit: int, project: str | None) -> list[BodyHeading]:
    """Return what is kept, the newest first."""
    rows = connection.execute(
        "SELECT call_id, direction, content_type, length(text), original_size_bytes, redactions, kept_at_us,"
        " requested_at_us, project, provider, model FROM bodies JOIN calls ON calls.id = bodies.call_id"
        " WHERE ?1 IS NULL OR project = ?1 COLLATE NOCASE ORDER BY kept_at_us DESC, call_id, direction LIMIT ?2",
        (None if project is None else held(project), limit),
    )
    return [
        BodyHeading(
            call_id=row[0],
            direction=row[1],
            content_type=row[2],
            kept_characters=row[3],
            original_size_bytes=row[4],
            redactions=_redactions(row[5]),
            kept_at_us=row[6],
            requested_at_us=row[7],
            project=row[8],
            provider=row[9],
            model=row[10],
        )
        for row in rows
    ]


def _forget(connection: sqlite3.Connection, project: str | None) -> int:
    """Remove what is kept, of one project or of all; returns how many legs."""
    return connection.execute(
        "DELETE FROM bodies WHERE ?1 IS NULL OR call_id IN (SELECT id FROM calls WHERE project = ?1 COLLATE NOCASE)",
        (None if project is None else held(project),),
    ).rowcount


def _redactions(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text, type=list[str]))


class KeptBodies(Opened):
    """The bodies of a store."""

    def keep_body(
        self,
        call_id: str,
        direction: str,
        content_type: str,
        text: str,
        original_size_bytes: int,
        redactions: Sequence[str],
    ) -> bool:
        """Keep one leg of a call, already redacted and capped, in place of what was kept of it before.

        Args:
            call_id: of a call in the store.
            direction: `request` or `response`.
            content_type: as it was sent.
            text: what is kept.
            original_size_bytes: before redaction and cap.
            redactions: what was taken out.

        Returns:
            False when the call is not in the store: nothing is kept then.

        Raises:
            ValueError: another direction.
        """
        if direction not in ("request", "response"):
            raise ValueError(f"a body is a request or a response, not {direction!r}")
        body = KeptBody(
            call_id=call_id,
            direction=direction,
            content_type=content_type,
            text=text,
            original_size_bytes=original_size_bytes,
            redactions=tuple(redactions),
            kept_at_us=self._now(),
        )
        with self._database.writing() as connection:
            return _keep(connection, body)

    def bodies(self, call_id: str) -> list[KeptBody]:
        """Return what is kept of a call, the request first."""
        with self._database.reading() as connection:
            return _of_call(connection, call_id)

    def list_bodies(self, limit: int, *, project: str | None = None) -> list[BodyHeading]:
        """Return what is kept, without its text, the newest first; of one project (slug, in any case) or of all."""
        with self._database.reading() as connection:
            return _headings(connection, limit, project)

    def forget_bodies(self, project: str | None = None) -> int:
        """Remove what is kept, of one project or of all, from the disk too; returns how many legs."""
        with self._database.writing() as connection:
            forgotten = _forget(connection, project)
        self._database.tidy()
        return forgotten
