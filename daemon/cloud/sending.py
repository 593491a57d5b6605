"""One go at the queue: what was on its way first, then page after page.

Belongs here: the order of writing down, sending and marking; what is an acknowledgement; halving. Does not belong
here: when to go and what a failure means for the link (`worker`), HTTP (`daemon.sync`).

A page is written down as an open batch before it is sent and closed with its receipt. Killed in between, the batch is
found open and the same bytes go again under the same name. No refusal loses a row: it stays until a receipt has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from daemon.cloud.pages import PAGE_BYTES, PAGE_ROWS, Page, Row, cut, row_of
from daemon.cloud.privacy import UploadRules
from daemon.cloud.waiting import withheld_spellings
from daemon.store.outbox import StoredBatch
from daemon.store.store import Store
from daemon.sync.answers import Acknowledged
from daemon.sync.client import CloudClient
from daemon.sync.errors import ContractMismatch, Forbidden, Refused, TokenRejected
from daemon.wire.batch import Receipt

TOO_LARGE: Final = 413
_ABOUT_ROWS: Final = frozenset({400, TOO_LARGE, 422})
"""Refusals that can be about one row: the others may get through without it."""
_NO_GZIP: Final = 415
_HOPELESS: Final = 2
"""Rows refused one by one, none acknowledged: the cloud refuses everything, and no row is to blame."""


@dataclass
class Tally:
    """What one go brought.

    Attributes:
        batches: acknowledged.
        rows: in them.
        status: of the last acknowledgement.
    """

    batches: int = 0
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    status: int | None = None

    def add(self, acknowledged: Acknowledged) -> None:
        """Count one acknowledged page."""
        receipt = acknowledged.receipt
        self.batches += 1
        self.rows += receipt.received
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.quarantined += len(receipt.quarantined)
        self.status = acknowledged.status

    def take(self, other: Tally) -> None:
        """Count what another go brought, too."""
        self.batches += other.batches
        self.rows += other.rows
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.quarantined += other.quarantined
        self.status = other.status if other.status is not None else self.status


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The link was changed, paused or undone, or time is up: nothing more may go under what was read before."""


class Sender:
    """Sends under one set of rules.

    Attributes:
        tally: so far.
        gzip: whether bodies are compressed; turned off by a cloud that cannot read them.
    """

    def __init__(
        self,
        store: Store,
        client: CloudClient,
        rules: UploadRules,
        *,
        gzip: bool,
        receipts_expected: bool,
        go_on: Callable[[], bool],
        page_rows: int = PAGE_ROWS,
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            store: where the queue is.
            client: with the token, without retries of its own.
            rules: what may leave.
            gzip: compress bodies.
            receipts_expected: the cloud has given real receipts before, so that anything less is not from it.
            go_on: asked before every page; False ends the go with `Stopped`.
            page_rows: most rows of a page.
            page_bytes: most bytes of a body.
        """
        self.tally = Tally()
        self.gzip = gzip
        self.receipts_expected = receipts_expected
        self._store = store
        self._client = client
        self._rules = rules
        self._go_on = go_on
        self._page_rows = page_rows
        self._page_bytes = page_bytes
        self._rows_at_once = page_rows
        self._excluded = withheld_spellings(store, rules)
        self._after: tuple[int, str] | None = None
        self._refused: list[tuple[Row, Refused]] = []

    def resend(self) -> None:
        """Send again what was on its way when its answer got lost; see `send_all` for what is raised."""
        for batch in self._store.open_batches():
            page = self._rebuilt(batch)
            if page is None:
                self._store.drop_batch(batch.batch_id)
            else:
                self._deliver(page, is_open=True)

    def send_all(self) -> None:
        """Send until nothing waits.

        Raises:
            Stopped: somebody, or the time, ended it.
            CloudError: the cloud did; what it did not acknowledge waits on.
        """
        while calls := self._store.pending(self._rows_at_once, after=self._after, excluded_projects=self._excluded):
            self._after = (calls[-1].recorded_at_us, calls[-1].id)
            rows = [row_of(call, self._rules) for call in calls if self._rules.leaves(call.project)]
            for page in cut(rows, self._rows_at_once, self._page_bytes):
                self._deliver(page)
        self._judge_refused()

    def _deliver(self, page: Page, *, is_open: bool = False) -> None:
        """Send a page, in halves if need be."""
        waiting = [page]
        while waiting:
            page = waiting.pop()
            if not self._go_on():
                raise Stopped
            if not is_open:
                self._open(page)
            is_open = False
            try:
                acknowledged = self._posted(page)
            except (TokenRejected, Forbidden):
                self._store.drop_batch(page.batch_id)
                raise
            except Refused as error:
                self._store.drop_batch(page.batch_id)
                if error.status not in _ABOUT_ROWS:
                    raise
                waiting.extend(reversed(self._parts(page, error)))
            else:
                self._close(page, acknowledged)

    def _open(self, page: Page) -> None:
        try:
            self._store.open_batch(page.batch_id, page.call_ids, page.records_sha256())
        except ValueError as error:  # somebody else is sending these very calls
            raise Stopped from error

    def _close(self, page: Page, acknowledged: Acknowledged) -> None:
        try:
            self._store.close_batch(page.batch_id, acknowledged.receipt)
        except (LookupError, ValueError) as error:  # given up meanwhile: the machine was paired with another cloud
            raise Stopped from error
        self.tally.add(acknowledged)
        self._rows_at_once = min(self._rows_at_once * 2, self._page_rows)

    def _parts(self, page: Page, error: Refused) -> list[Page]:
        """Return what to send in place of a refused page; a row refused alone is put off."""
        if len(page.rows) > 1:
            self._rows_at_once = max(len(page.rows) // 2, 1)
            return page.halves()
        self._refused.append((page.rows[0], error))
        if not self.tally.batches and len(self._refused) >= _HOPELESS:
            raise error
        return []

    def _judge_refused(self) -> None:
        """Say of the rows that were refused alone whether it was about them.

        Only when the cloud takes others is it: a server behind a misconfigured proxy must not cost a single row.
        """
        if not self._refused:
            return
        if self.tally.batches:
            for row, error in self._refused:
                if error.status == TOO_LARGE:
                    self._store.quarantine([row.call_id], "too_large", "The cloud refuses this row as too large.")
                    self.tally.quarantined += 1
            self._refused = [one for one in self._refused if one[1].status != TOO_LARGE]
        if self._refused:
            raise self._refused[0][1]

    def _posted(self, page: Page) -> Acknowledged:
        body = page.body()
        try:
            answer = self._post(body, page)
        except Refused as error:
            if not self.gzip or (error.status != _NO_GZIP and error.code != "broken_encoding"):
                raise
            self.gzip = False
            answer = self._post(body, page)
        checked = _checked(answer, page, receipts_expected=self.receipts_expected)
        self.receipts_expected |= answer.in_full
        return checked

    def _post(self, body: bytes, page: Page) -> Acknowledged:
        return self._client.upload_encoded(body, batch_id=page.batch_id, row_count=len(page.rows), compressed=self.gzip)

    def _rebuilt(self, batch: StoredBatch) -> Page | None:
        """Return the very bytes of a batch, None when they would not be the same, or may not leave, any more."""
        calls = [call for call_id in batch.call_ids if (call := self._store.get(call_id)) is not None]
        if len(calls) != batch.row_count or not all(self._rules.leaves(call.project) for call in calls):
            return None
        page = Page(batch.batch_id, tuple(row_of(call, self._rules) for call in calls))
        return page if page.records_sha256() == batch.records_sha256 else None


def _checked(answer: Acknowledged, page: Page, *, receipts_expected: bool) -> Acknowledged:
    """Return the answer, its set-aside rows named by this machine's ids.

    Raises:
        ContractMismatch: it is no account of this page, so that somebody else may have answered.
    """
    receipt = answer.receipt
    if not answer.in_full:
        if receipts_expected:
            raise ContractMismatch(
                "The cloud gave receipts before and answers without one now: nothing counts as taken",
                status=answer.status,
            )
        return answer
    indices = {one.index for one in receipt.quarantined}
    adds_up = receipt.received == receipt.accepted + receipt.duplicates + len(receipt.quarantined)
    if (
        receipt.batch_id != page.batch_id
        or receipt.received != len(page.rows)
        or not adds_up
        or len(indices) != len(receipt.quarantined)
        or max(indices, default=0) >= len(page.rows)
    ):
        raise ContractMismatch("The receipt is not of what was sent: nothing counts as taken", status=answer.status)
    named = [msgspec.structs.replace(one, id=page.rows[one.index].call_id) for one in receipt.quarantined]
    ours: Receipt = msgspec.structs.replace(receipt, quarantined=named)
    return Acknowledged(answer.status, ours, in_full=True)
