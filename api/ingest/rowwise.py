"""The careful way to read a batch: row by row, so that one bad row costs only itself.

Belongs here: reading what the columnar reader refuses but Python's `json` understands (lone surrogates, NaN, integers
of thousands of digits, unknown or repeated keys, wrong types, UTF-16). Does not belong here: rules about values that
have the right type (`rules`), which both ways share.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import pyarrow as pa

from api.errors import Refused
from api.ingest.columnar import ReadBatch
from api.ingest.extras import EXTRAS_CAP_CHARACTERS
from api.ingest.extras import as_text as extras_text
from api.ingest.scanner import MalformedError, RepeatedKey, Scanner, TooDeep, Unbelievable
from daemon.wire.batch import Quarantined
from daemon.wire.record import RECORD_KEYS
from pipelines.lake.arrow import array
from pipelines.lake.schema import WIRE_STRUCT, WIRE_TYPES

LONGEST_SHOWN_ID: Final = 64
_KNOWN: Final = frozenset(RECORD_KEYS)
_ACCEPTED: Final[dict[pa.DataType, tuple[type, ...]]] = {
    pa.string(): (str,),
    pa.int64(): (int,),
    pa.float64(): (float, int),
    pa.bool_(): (bool,),
}
# Exact types: JSON true is no 1, and 12.0 is no 12.
_PYTHON_TYPES: Final = {key: _ACCEPTED[kind] for key, (kind, _) in WIRE_TYPES.items()}


def read_rowwise(body: bytes) -> ReadBatch:
    """Read an upload record by record.

    Args:
        body: decompressed bytes of `POST /v1/requests/batch`.

    Returns:
        The records that have the wire's types as columns; the others listed as refused, with their raw bytes.

    Raises:
        Refused: 400 when the body is no JSON, 422 when it is JSON but no batch.
    """
    gathered = _Gathered()
    try:
        scanner = Scanner(as_text(body))
        batch_id = _walk(scanner, gathered)
        scanner.expect_end()
    except MalformedError:
        raise Refused(400, "not_json", "The body is not a JSON object.") from None
    if not isinstance(batch_id, str):
        raise Refused(422, "not_a_batch", "The body has no text called batch_id.")
    if not gathered.seen:
        raise Refused(422, "not_a_batch", "The body has no list called records.")
    return gathered.as_batch(batch_id)


def as_text(body: bytes) -> str:
    """Return a body as text, whatever Unicode encoding it came in.

    Raises:
        MalformedError: it is in none.
    """
    try:
        # As json.loads does: UTF-8, -16 or -32 by their first bytes, lone surrogates let through to be judged by row.
        return body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        raise MalformedError from None


def _walk(scanner: Scanner, gathered: _Gathered) -> Any:
    batch_id: Any = None
    for key in scanner.object_keys():
        if key != "records":
            value = scanner.value()
            batch_id = value if key == "batch_id" else batch_id
            continue
        if gathered.seen or not scanner.text.startswith("[", scanner.position):
            raise Refused(422, "not_a_batch", "The body needs exactly one list called records.")
        gathered.seen = True
        for value, start, end in scanner.elements():
            gathered.add(value, scanner.text[start:end])
    return batch_id


class _Gathered:
    """Collects readable rows by column and refused rows by index."""

    def __init__(self) -> None:
        self.seen = False
        self._received = 0
        self._rows: list[dict[str, Any]] = []
        self._positions: list[int] = []
        self._extras: list[str | None] = []
        self._refused: list[Quarantined] = []
        self._raw: dict[int, bytes] = {}

    def add(self, value: Any, text: str) -> None:
        index = self._received
        self._received += 1
        refusal = _judge_types(value)
        extras: str | None = None
        if refusal is None:
            extras = _extras(value)
            refusal = _judge_extras(extras)
        if refusal is None:
            self._rows.append({key: value.get(key) for key in RECORD_KEYS})
            self._positions.append(index)
            self._extras.append(extras)
            return
        code, detail = refusal
        self._refused.append(Quarantined(index=index, id=printable_id(_id_of(value)), code=code, detail=detail))
        self._raw[index] = text.encode("utf-8", "surrogatepass")

    def as_batch(self, batch_id: str) -> ReadBatch:
        return ReadBatch(
            batch_id=batch_id,
            records=array(self._rows, type=WIRE_STRUCT),
            received=self._received,
            positions=self._positions,
            extras=array(self._extras, pa.string()) if any(self._extras) else None,
            refused=self._refused,
            refused_raw=self._raw,
        )


def _judge_types(value: Any) -> tuple[str, str] | None:
    """Return (code, detail) of the first type fault of a record, or None."""
    match value:
        case RepeatedKey():
            return "repeated_key", "The record names a key twice."
        case TooDeep():
            return "too_deep", "The record is nested too deeply."
        case dict():
            record = cast("dict[str, Any]", value)
            faults = (_judge_type(key, record.get(key), accepted) for key, accepted in _PYTHON_TYPES.items())
            return next((fault for fault in faults if fault is not None), None)
        case _:
            return "not_an_object", "The record is not a JSON object."


def _judge_type(key: str, item: Any, accepted: tuple[type, ...]) -> tuple[str, str] | None:
    if isinstance(item, Unbelievable):
        return "invalid_number", f"{key} is not a number the record can hold."
    if item is not None and type(item) not in accepted:
        return "wrong_type", f"{key} has the wrong JSON type."
    if isinstance(item, str) and not _is_unicode(item):
        return "invalid_text", f"{key} is not valid Unicode text."
    return None


def _judge_extras(extras: str | None) -> tuple[str, str] | None:
    if extras is None:
        return None
    if len(extras) > EXTRAS_CAP_CHARACTERS:
        return "extras_too_large", "The unknown keys of the record are too large to keep."
    if not _is_unicode(extras):
        return "invalid_text", "An unknown key of the record is not valid Unicode text."
    return None


def _extras(record: dict[str, Any]) -> str | None:
    unknown = {key: item for key, item in record.items() if key not in _KNOWN}
    return extras_text(unknown, default=_plain) if unknown else None


def _plain(value: object) -> object:
    return value.text if isinstance(value, Unbelievable) else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _id_of(value: Any) -> Any:
    return cast("dict[str, Any]", value).get("id") if isinstance(value, dict) else None


def printable_id(found: Any) -> str | None:
    """Return a record's id if it can be shown in a receipt, else None."""
    if not isinstance(found, str) or len(found) > LONGEST_SHOWN_ID:
        return None
    return found if found.isascii() and found.isprintable() else None
