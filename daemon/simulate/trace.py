"""Reading public request traces: real sizes and times, without projects, models or people.

Belongs here: the two file formats and their errors. Does not belong here: what a simulated daemon makes of a trace
(`trace_history`).

    CSV    TIMESTAMP,ContextTokens,GeneratedTokens           instants as text, UTC
    JSONL  {"timestamp", "input_length", "output_length", "hash_ids"}   milliseconds; ids of 512-token prefix blocks
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple, NoReturn

import msgspec
from msgspec import Meta

from daemon.clock import parse_instant, to_micros
from daemon.wire.record import TOKENS_MAX

BLOCK_TOKENS: Final = 512
_CSV_COLUMNS: Final = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
_SHOWN: Final = 60
_LATEST_MS: Final = 10_000_000_000_000

_Count = Annotated[int, Meta(ge=0, le=TOKENS_MAX)]


class TraceError(Exception):
    """A trace cannot be read; the message names the file and the line."""


class TraceCall(NamedTuple):
    """One request of a trace.

    Attributes:
        at_us: microseconds; since the epoch in a CSV, since whatever the file counts from in JSONL.
        input_tokens: the whole prompt, cached prefixes included.
        output_tokens: what was generated.
        hash_ids: ids of the prompt's leading 512-token blocks; empty when the trace has none.
    """

    at_us: int
    input_tokens: int
    output_tokens: int
    hash_ids: tuple[int, ...] = ()


class _JsonCall(msgspec.Struct):
    timestamp: Annotated[float, Meta(ge=0, le=_LATEST_MS)]
    input_length: _Count
    output_length: _Count
    hash_ids: tuple[int, ...] = ()


def read_trace(path: Path) -> list[TraceCall]:
    """Return the trace's requests, ordered by time.

    Args:
        path: a CSV or a JSONL file; which of them, its first character tells.

    Raises:
        TraceError: the file is missing, empty, in another format, or has a malformed line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"{path} cannot be read as UTF-8 text: {error}") from error
    lines = text.split("\n")
    calls = list(_json_calls(path, lines) if text.lstrip().startswith("{") else _csv_calls(path, lines))
    if not calls:
        raise TraceError(f"{path} has no requests")
    calls.sort(key=lambda call: call.at_us)
    return calls


def _csv_calls(path: Path, lines: list[str]) -> Iterator[TraceCall]:
    if not any(lines):
        return
    header = [name.strip() for name in lines[0].split(",")]
    if header != _CSV_COLUMNS:
        _malformed(path, 1, f"expected the header {','.join(_CSV_COLUMNS)}", lines[0])
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = next(csv.reader([line]))
        if len(cells) != len(_CSV_COLUMNS):
            _malformed(path, number, f"expected {len(_CSV_COLUMNS)} cells", line)
        try:
            at_us = to_micros(parse_instant(cells[0]))
        except (ValueError, OverflowError):
            _malformed(path, number, "TIMESTAMP is no instant", line)
        yield TraceCall(at_us, _tokens(path, number, line, cells[1]), _tokens(path, number, line, cells[2]))


def _tokens(path: Path, number: int, line: str, cell: str) -> int:
    digits = cell.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) <= TOKENS_MAX):  # noqa: PLR2004
        _malformed(path, number, f"token counts are whole numbers from 0 to {TOKENS_MAX}", line)
    return int(digits)


def _json_calls(path: Path, lines: list[str]) -> Iterator[TraceCall]:
    decoder = msgspec.json.Decoder(_JsonCall)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            call = decoder.decode(line)
        except msgspec.DecodeError as error:
            _malformed(path, number, str(error), line)
        yield TraceCall(round(call.timestamp * 1000), call.input_length, call.output_length, call.hash_ids)


def _malformed(path: Path, number: int, reason: str, line: str) -> NoReturn:
    shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
    raise TraceError(f"{path}, line {number}: {reason}: {shown!r}")
