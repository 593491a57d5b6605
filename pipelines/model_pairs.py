"""Which models have ever been called: the distinct (provider, model) pairs of the landed files.

Pairs that only requests past a workspace's retention had stay until the pairs are read afresh.

Belongs here: remembering the pairs between builds and reading only the files that are new. Does not belong here: what
a pair costs or is called (`pipelines.rates`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from pipelines.durable_files import write_if_changed
from pipelines.lake.arrow import parquet
from pipelines.lake.paths import Home
from pipelines.landed_export import LandedFileRow

Pair = tuple[str, str]
"""Provider and model, as daemons wrote them."""

_FILE: Final = "model_pairs.json"  # after a line with its digest
_COLUMNS: Final = ["provider", "model"]


class UnreadableLandingError(Exception):
    """A landing file's content is not what landing files hold."""


class _Remembered(msgspec.Struct, frozen=True):
    """What has been read: up to which file, that file's digest, and the pairs found."""

    file_seq: int
    sha256: str
    pairs: list[Pair]


def landed_pairs(home: Home, landed: Sequence[LandedFileRow], *, afresh: bool = False) -> list[Pair]:
    """Return the sorted distinct pairs of all landed files.

    Args:
        home: where files and the remembered pairs lie.
        landed: every committed file, in commit order; new ones must have been verified.
        afresh: read every file again.

    Returns:
        Pairs, sorted.

    Raises:
        UnreadableLandingError: a file is no landing file, though its digest is right; it is named.
        OSError: a file cannot be opened.
    """
    remembered = None if afresh else _recall(home)
    at = {one.file_seq: one.sha256 for one in landed}
    # A ledger that does not know the remembered file was restored from elsewhere: start over.
    if remembered is None or (remembered.file_seq and at.get(remembered.file_seq) != remembered.sha256):
        remembered = _Remembered(0, "", [])
    fresh = [one for one in landed if one.file_seq > remembered.file_seq]
    pairs = set(remembered.pairs)
    for path in dict.fromkeys(one.stored.relative_path for one in fresh if one.stored is not None):
        try:
            pairs.update(_pairs_in(home.landing / path))
        except pa.ArrowException as fault:
            raise UnreadableLandingError(f"landing file {path} cannot be read: {fault}") from fault
    if fresh:
        last = fresh[-1]
        content = msgspec.json.encode(_Remembered(last.file_seq, last.sha256, sorted(pairs)))
        write_if_changed(home.exports / _FILE, _digest(content) + b"\n" + content)
    return sorted(pairs)


def _pairs_in(path: Path) -> set[Pair]:
    found: set[Pair] = set()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=_COLUMNS):
            distinct: pa.Table = pa.Table.from_batches([batch]).group_by(_COLUMNS).aggregate([])
            found.update((str(row["provider"]), str(row["model"])) for row in distinct.to_pylist())
    return found


def _recall(home: Home) -> _Remembered | None:
    try:
        digest, _, content = (home.exports / _FILE).read_bytes().partition(b"\n")
        # A pair that a damaged file forgot would go unpriced.
        return msgspec.json.decode(content, type=_Remembered) if digest == _digest(content) else None
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
