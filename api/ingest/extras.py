"""Keys beyond the protocol's own that today's daemons send: read as columns, kept as JSON text beside the row.

Belongs here: which they are, and one way to write them down whichever reader saw them. Does not belong here: keys that
nobody knows (`rowwise` keeps those, too).

The text of a row must be the same whichever reader read it: a row sent again would else differ from its first copy.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pyarrow as pa

from pipelines.lake.arrow import Column, array
from pipelines.lake.arrow import compute as pc

EXTRAS_CAP_CHARACTERS: Final = 65_536
"""Unknown keys are kept up to this much JSON text per row."""
EXTRA_TYPES: Final[dict[str, pa.DataType]] = {
    "service_tier": pa.string(),
    "cache_write_1h_tokens": pa.int64(),
    "provider_request_id": pa.string(),
    "stop_reason": pa.string(),
    "usage_source": pa.string(),
    "surface": pa.string(),
}
"""Arrow type of each, in the order they are written down."""
_ESCAPED: Final = '["\\\\\\x00-\\x1f]'
_PLACES: Final = {name: place for place, name in enumerate(EXTRA_TYPES)}


def ordered(extras: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a row with those of `EXTRA_TYPES` first, in their order."""
    return dict(sorted(extras.items(), key=lambda item: _PLACES.get(item[0], len(_PLACES))))


def as_text(extras: dict[str, Any], **options: Any) -> str:
    """Return the keys of one row as JSON text; `options` go to `json.dumps`."""
    return json.dumps(ordered(extras), ensure_ascii=False, **options)


def as_texts(body: bytes, columns: dict[str, Column]) -> Column | None:
    """Return each row's keys as JSON text, null where a row has none.

    Args:
        body: the upload the columns were read from.
        columns: by name, of `EXTRA_TYPES`, all of one length.

    Returns:
        A string array; None when only the careful reader can tell what was sent: a key that is there with a null
        reads like one that is not, and too long a text is for it to judge.
    """
    sent = {name: len(column) - column.null_count for name, column in columns.items()}
    if any(body.count(f'"{name}"'.encode()) != count for name, count in sent.items()):
        return None
    present = {name: columns[name] for name, count in sent.items() if count}
    strings = [column for column in present.values() if pa.types.is_string(column.type)]
    if any(pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py() for column in strings):
        texts = _escaped(present)
    else:
        texts = _joined(present)
    longest = pc.max(pc.utf8_length(texts)).as_py() or 0
    return texts if longest <= EXTRAS_CAP_CHARACTERS else None


def _joined(present: dict[str, Column]) -> Column:
    parts: list[Column] = []
    for name, column in present.items():
        quote = '"' if pa.types.is_string(column.type) else ""
        value = column if quote else pc.cast(column, pa.string())
        parts.append(pc.fill_null(pc.binary_join_element_wise(f', "{name}": {quote}', value, quote, ""), ""))
    joined = pc.binary_join_element_wise(*parts, "")
    whole = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 2), "}", "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), whole)


def _escaped(present: dict[str, Column]) -> Column:
    rows = zip(*(column.to_pylist() for column in present.values()), strict=True)
    named = [{name: item for name, item in zip(present, row, strict=True) if item is not None} for row in rows]
    texts: Column = array([as_text(row) if row else None for row in named], pa.string())
    return texts
