"""The typed doorway to pyarrow.

Belongs here: the few pyarrow functions whose published type stubs are wrong or incomplete, named once as `Any`, so that
callers stay under strict type checking and annotate what comes back. Does not belong here: any logic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute
import pyarrow.ipc
import pyarrow.json
import pyarrow.parquet

if TYPE_CHECKING:
    Column: TypeAlias = pa.Array[Any]
else:
    Column = pa.Array

compute: Any = pyarrow.compute
ipc: Any = pyarrow.ipc
json: Any = pyarrow.json
parquet: Any = pyarrow.parquet
_arrow: Any = pa
array: Any = _arrow.array
compress: Any = _arrow.compress
decompress: Any = _arrow.decompress
record_batch: Any = _arrow.record_batch
as_table: Any = _arrow.table
repeat: Any = _arrow.repeat
run_end_encode: Any = compute.run_end_encode
uuid_array: Any = _arrow.ExtensionArray.from_storage


def take(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Return the rows of `table` at these positions, in this order."""
    taken: pa.Table = compute.take(table, array(rows, type=pa.int64()))
    return taken
