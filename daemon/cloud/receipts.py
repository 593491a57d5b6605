"""What left this machine against what the cloud says it got, batch by batch and digest by digest.

Belongs here: the comparison. Does not belong here: sending (`sending`), the screen (`daemon.cli`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from daemon.store.outbox import StoredBatch
from daemon.wire.batch import BatchAccount


class Verdict(StrEnum):
    """What the cloud's account says of a batch."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    """Acknowledged once, and now the cloud knows nothing of it."""
    UNKNOWN = "unknown"
    """The cloud was not asked, does not say, or its list does not reach back so far."""


@dataclass(frozen=True)
class ComparedBatch:
    """A batch of this machine beside the cloud's account of it, None where there is none."""

    batch: StoredBatch
    account: BatchAccount | None
    verdict: Verdict


def compared(
    batches: Sequence[StoredBatch], accounts: Sequence[BatchAccount], *, complete_since_us: int | None
) -> list[ComparedBatch]:
    """Return `batches` with what the cloud says of each.

    Args:
        batches: of this machine.
        accounts: of the cloud; several of one batch when it was sent again.
        complete_since_us: from when on the cloud told all it has, so that what it did not tell is missing: since this
            machine is paired there, UTC microseconds. None when that is not known, or its list is not the whole.
    """
    by_id: dict[str, list[BatchAccount]] = {}
    for account in accounts:
        by_id.setdefault(account.batch_id, []).append(account)
    return [_compared(batch, by_id.get(batch.batch_id, []), complete_since_us) for batch in batches]


def _compared(batch: StoredBatch, accounts: Sequence[BatchAccount], complete_since_us: int | None) -> ComparedBatch:
    if not accounts:
        told = complete_since_us is not None and batch.opened_at_us >= complete_since_us
        lost = told and batch.state == "acknowledged"
        return ComparedBatch(batch, None, Verdict.MISSING if lost else Verdict.UNKNOWN)
    for account in accounts:
        if account.records_sha256 == batch.records_sha256 and account.received == batch.row_count:
            return ComparedBatch(batch, account, Verdict.SAME)
    said = any(account.records_sha256 is not None for account in accounts)
    return ComparedBatch(batch, accounts[0], Verdict.DIFFERS if said else Verdict.UNKNOWN)
