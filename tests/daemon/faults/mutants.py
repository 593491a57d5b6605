"""The sender, broken on purpose in the ways such senders are broken: a campaign that misses one proves nothing.

Belongs here: what is broken, patched into a process under test. Does not belong here: who catches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from daemon.cloud.sending import Sender
from daemon.store.store import Store
from daemon.wire.batch import Receipt


def mark_before_sending() -> None:
    """Take a batch for acknowledged when it is only about to be sent. Killed in between, its rows never arrive."""
    opened = Store.open_batch

    def open_and_mark(self: Store, batch_id: str, call_ids: Sequence[str], records_sha256: str) -> None:
        opened(self, batch_id, call_ids, records_sha256)
        rows = len(call_ids)
        taken = Receipt(batch_id=batch_id, received=rows, accepted=rows, duplicates=0, withheld=[], quarantined=[])
        self.close_batch(batch_id, taken)

    Store.open_batch = open_and_mark


def forget_open_batches() -> None:
    """Drop at the start what was on its way. Its rows go again in other batches, and what had arrived stands twice."""

    def dropped(self: Sender) -> None:
        for batch in self._store.open_batches():
            self._store.drop_batch(batch.batch_id)

    Sender.resend = dropped


def send_before_writing_down() -> None:
    """Write a batch down after its answer only. Killed in between, nobody knows that it went."""
    opened, posted = Sender._open, Sender._posted

    def later(self: Sender, page: Any) -> Any:
        answer = posted(self, page)
        opened(self, page)
        return answer

    Sender._open = lambda self, page: None
    Sender._posted = later


MUTANTS: dict[str, Callable[[], None]] = {
    "mark-before-sending": mark_before_sending,
    "forget-open-batches": forget_open_batches,
    "send-before-writing-down": send_before_writing_down,
}
