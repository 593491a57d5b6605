"""Rows of a row file as Python values, equal to what DuckDB answers for their segment.

Belongs here: which Arrow types row files may hold and how their values become Python's, and the batches kept decoded.
Does not belong here: the file itself (`row_files`), and which rows are wanted (`row_lookup`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import pyarrow as pa

from pipelines.lake.row_files import RowFile

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as DuckDB: instants in UTC, without zone
_INSTANT: Final = pa.timestamp("us")
_UUID: Final = pa.uuid()
_BOOL8: Final = pa.bool8()

# Others would come from Arrow as another Python value than from DuckDB, or need dictionaries beside the batches.
_ALIKE: Final = (
    pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_binary,
    pa.types.is_date32, pa.types.is_decimal128,
)  # fmt: skip


def is_supported(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type come back as DuckDB gives them."""
    return kind in (_INSTANT, _UUID, _BOOL8) or any(is_kind(kind) for is_kind in _ALIKE)


def value(column: Any, index: int) -> Any:
    """Return one value of a column: an id as `UUID`, an instant without zone."""
    kind = column.type
    if kind == _UUID:
        stored = column.storage[index].as_py()
        return None if stored is None else UUID(bytes=stored)
    return column[index].as_py()


class DecodedBatch:
    """One batch, its columns made Python lists when first asked for. What is in it never changes."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Nothing is converted before it is asked for."""
        self._batch = batch
        self._texts: dict[str, list[Any]] = {}
        self._plain: dict[str, list[Any]] = {}

    def column(self, name: str) -> list[Any]:
        """Return a column's values; ids as text, for that is what lists show."""
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = _values(self._batch.column(name))
        return found

    def plain(self, name: str) -> list[Any]:
        """Return a column's values as they are stored: ids as 16 bytes, instants as microseconds."""
        found = self._plain.get(name)
        if found is None:
            found = self._plain[name] = _stored(self._batch.column(name))
        return found


def _values(column: Any) -> list[Any]:
    kind = column.type
    if kind == _UUID:
        return [None if one is None else _id_text(one) for one in _stored(column)]
    if kind == _INSTANT:
        return [None if one is None else _EPOCH + timedelta(microseconds=one) for one in _stored(column)]
    if kind == _BOOL8:
        return [None if one is None else one != 0 for one in _stored(column)]
    return cast("list[Any]", column.to_pylist())


def _stored(column: Any) -> list[Any]:
    kind = column.type
    if kind in (_UUID, _BOOL8):
        column = column.storage
    elif kind == _INSTANT:
        column = column.view(pa.int64())
    return cast("list[Any]", column.to_pylist())


def _id_text(stored: bytes) -> str:
    text = stored.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class BatchCache:
    """The batches used last, decoded: newest requests come from the same few. Safe to share between threads."""

    def __init__(self, batches_max: int) -> None:
        """Keep at most so many batches; one of 128 rows takes about a quarter of a megabyte."""
        self._max = batches_max
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, tuple[int, int, int], int], DecodedBatch] = OrderedDict()

    def get(self, file: RowFile, number: int) -> DecodedBatch:
        """Return a batch of a file.

        Raises:
            RowFileError: it is damaged.
        """
        key = (str(file.path), file.identity, number)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = DecodedBatch(file.batch(number))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._max:
                self._kept.popitem(last=False)
        return found
