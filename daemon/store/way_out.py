"""A store's calls on their way to a cloud, and what is known of that cloud.

Belongs here: this part of what `Store` offers, each method a transaction. Does not belong here: the queries (`outbox`,
`cloud_state`), sending (`daemon.cloud`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Unpack

import msgspec

from daemon.calls.call import Call
from daemon.store import cloud_state, outbox
from daemon.store.cloud_state import CloudChanges, CloudState
from daemon.store.opened import Opened
from daemon.store.outbox import QuarantinedCall, StoredBatch
from daemon.wire.batch import Receipt


class WayOut(Opened):
    """The outbox of a store."""

    def pending(
        self, limit: int, *, after: tuple[int, str] | None = None, excluded_projects: Collection[str] = ()
    ) -> list[Call]:
        """Return calls that no cloud has acknowledged and that are in no open batch.

        Args:
            limit: at most so many.
            after: (recorded_at_us, id) of the last one of the page before.
            excluded_projects: slugs, in any case, whose calls may not leave.

        Returns:
            Calls ordered by (recorded_at_us, id).
        """
        with self._database.reading() as connection:
            return outbox.pending(connection, limit, after, excluded_projects)

    def pending_count(self, *, excluded_projects: Collection[str] = ()) -> int:
        """Return how many calls are not acknowledged, those in open batches included."""
        with self._database.reading() as connection:
            return outbox.pending_count(connection, excluded_projects)

    def withheld_count(self, projects: Collection[str]) -> int:
        """Return how many calls of these projects (slugs, in any case) are not acknowledged."""
        with self._database.reading() as connection:
            return outbox.withheld_count(connection, projects)

    def open_batch(self, batch_id: str, call_ids: Sequence[str], records_sha256: str) -> None:
        """Write down what is about to be sent, before it is.

        Args:
            batch_id: new.
            call_ids: in the order of the records.
            records_sha256: in hex, of the records as they leave.

        Raises:
            ValueError: no call, one twice, one that is not pending or is in another open batch, or a known batch id.
        """
        with self._database.writing() as connection:
            outbox.open_batch(connection, batch_id, call_ids, records_sha256, self._now())

    def close_batch(self, batch_id: str, receipt: Receipt) -> None:
        """Write a receipt down: its calls are sent or quarantined, what the cloud withholds is noted.

        An acknowledged batch is left as it is, so that two processes may hear of the same one.

        Raises:
            LookupError: there is no such batch.
            ValueError: it was dropped.
        """
        with self._database.writing() as connection:
            outbox.close_batch(connection, batch_id, receipt, self._now())

    def drop_batch(self, batch_id: str) -> None:
        """Give a batch up: its calls are pending again. A dropped batch is left as it is.

        Raises:
            LookupError: there is no such batch.
            ValueError: it was acknowledged.
        """
        with self._database.writing() as connection:
            outbox.drop_batch(connection, batch_id, self._now())

    def quarantine(self, call_ids: Sequence[str], code: str, detail: str) -> int:
        """Set calls aside that no cloud can take, as one too large to be sent; returns how many were pending."""
        with self._database.writing() as connection:
            return outbox.quarantine(connection, call_ids, code, detail, self._now())

    def open_batches(self) -> list[StoredBatch]:
        """Return batches whose answer is not known, the oldest first: after a crash they may have arrived."""
        with self._database.reading() as connection:
            return outbox.open_batches(connection)

    def batches(self, limit: int) -> list[StoredBatch]:
        """Return batches, the newest first."""
        with self._database.reading() as connection:
            return outbox.batches(connection, limit)

    def quarantined(self, limit: int) -> list[QuarantinedCall]:
        """Return calls that a cloud, or this machine, set aside, the last recorded first."""
        with self._database.reading() as connection:
            return outbox.quarantined(connection, limit)

    def cloud_state(self) -> CloudState:
        """Return what is known of the cloud."""
        with self._database.reading() as connection:
            return cloud_state.read(connection)

    def set_cloud_state(self, **changes: Unpack[CloudChanges]) -> None:
        """Change fields of the cloud's state; the others stay.

        Raises:
            TypeError: there is no such field.
        """
        with self._database.writing() as connection:
            cloud_state.write(connection, msgspec.structs.replace(cloud_state.read(connection), **changes))

    def clear_cloud_state(self) -> None:
        """Forget the cloud; what became of each call stays, calls of open batches are pending again."""
        with self._database.writing() as connection:
            for batch in outbox.open_batches(connection):
                outbox.drop_batch(connection, batch.batch_id, self._now())
            connection.execute("DELETE FROM cloud_state")
        self._database.tidy()
