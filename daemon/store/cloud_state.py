"""The one row about the cloud this machine is paired with.

Belongs here: its fields, reading and changing it. Does not belong here: the words for a state (`daemon.cloud.state`),
encryption (`daemon.cloud`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, TypedDict

import msgspec

from daemon.store.text import held
from daemon.wire.batch import Withheld


class ServerNote(msgspec.Struct, frozen=True):
    """Rows that the cloud holds but keeps out of its dashboards.

    Attributes:
        project: slug, as the cloud names it.
        reason: as in the receipt: `project_archived`, `plan_project_ceiling`, or a later word.
        rows: how many, since the first of them.
        at_us: when it last said so, UTC microseconds.
    """

    project: str
    reason: str
    rows: int
    at_us: int


class CloudState(msgspec.Struct, kw_only=True, frozen=True):
    """What is known of the cloud; all defaults before the first pairing and after a disconnect.

    Attributes:
        workspace_id: as the cloud issued it.
        workspace_name: for people.
        machine_id: as the cloud issued it.
        hostname: of this machine when it paired.
        api_key_ciphertext: the token, encrypted.
        paused_reason: why nothing is sent; None when it is.
        last_error: one sentence about the last failure; None after a success.
        last_error_at_us: UTC microseconds, as all below.
        last_tick_at_us: when the worker last looked.
        last_batch_succeeded_at_us: when a batch was last acknowledged.
        last_reconcile_at_us: when totals were last compared.
        consecutive_failures: since the last success.
        queue_history: (UTC microseconds, calls not acknowledged), oldest first.
        receipts_at_us: when the cloud first answered with a real receipt.
        server_notes: what the cloud keeps out of its dashboards.
    """

    workspace_id: str | None = None
    workspace_name: str | None = None
    machine_id: str | None = None
    hostname: str | None = None
    api_key_ciphertext: bytes | None = None
    paused_reason: str | None = None
    last_error: str | None = None
    last_error_at_us: int | None = None
    last_tick_at_us: int | None = None
    last_batch_succeeded_at_us: int | None = None
    last_reconcile_at_us: int | None = None
    consecutive_failures: int = 0
    queue_history: tuple[tuple[int, int], ...] = ()
    receipts_at_us: int | None = None
    server_notes: tuple[ServerNote, ...] = ()


class CloudChanges(TypedDict, total=False):
    """Fields of `CloudState` to change; what is left out stays."""

    workspace_id: str | None
    workspace_name: str | None
    machine_id: str | None
    hostname: str | None
    api_key_ciphertext: bytes | None
    paused_reason: str | None
    last_error: str | None
    last_error_at_us: int | None
    last_tick_at_us: int | None
    last_batch_succeeded_at_us: int | None
    last_reconcile_at_us: int | None
    consecutive_failures: int
    queue_history: tuple[tuple[int, int], ...]
    receipts_at_us: int | None
    server_notes: tuple[ServerNote, ...]


_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(CloudState))
_JSON: Final[dict[str, Any]] = {"queue_history": tuple[tuple[int, int], ...], "server_notes": tuple[ServerNote, ...]}
_NAMES: Final = ", ".join(_FIELDS)
_SELECT: Final = f"SELECT {_NAMES} FROM cloud_state"  # noqa: S608 - made of names alone
_REPLACE: Final = f"INSERT OR REPLACE INTO cloud_state (one, {_NAMES}) VALUES (1{', ?' * len(_FIELDS)})"  # noqa: S608 - names


def read(connection: sqlite3.Connection) -> CloudState:
    """Return the state; all defaults when nothing was ever set."""
    row = connection.execute(_SELECT).fetchone()
    if row is None:
        return CloudState()
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    for name, kind in _JSON.items():
        values[name] = msgspec.json.decode(values[name], type=kind)
    return CloudState(**values)


def write(connection: sqlite3.Connection, state: CloudState) -> None:
    """Replace the state, within the caller's transaction."""
    values: dict[str, Any] = {name: _held(getattr(state, name)) for name in _FIELDS}
    for name in _JSON:
        values[name] = msgspec.json.encode(values[name]).decode()
    connection.execute(_REPLACE, [values[name] for name in _FIELDS])


def notes_after(
    notes: Iterable[ServerNote], batch_projects: Iterable[str], withheld: Iterable[Withheld], at_us: int
) -> tuple[ServerNote, ...]:
    """Return the notes after one more receipt.

    A project of whose rows the receipt withholds none is shown again: its notes go.

    Args:
        notes: as they were.
        batch_projects: whose rows were in the batch.
        withheld: from the receipt.
        at_us: now, UTC microseconds.
    """
    told = {(each.project, each.reason): each.rows for each in withheld if each.rows}
    shown_again = set(batch_projects) - {project for project, _ in told}
    kept = {(note.project, note.reason): note for note in notes if note.project not in shown_again}
    for (project, reason), rows in told.items():
        before = kept[project, reason].rows if (project, reason) in kept else 0
        kept[project, reason] = ServerNote(project, reason, before + rows, at_us)
    return tuple(kept.values())


def _held(value: Any) -> Any:
    return held(value) if isinstance(value, str) else value
