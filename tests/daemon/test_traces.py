"""Real traces: both formats, their errors, and what becomes of them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.clock import parse_instant
from daemon.simulate.catalog import MODELS
from daemon.simulate.trace import TraceCall, TraceError, read_trace
from daemon.simulate.trace_history import CACHE_LIFETIME_US, PrefixCache, TracePlan, billed, replay
from daemon.wire.record import Record

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
UNTIL = datetime(2026, 11, 21, 12, tzinfo=UTC)
WRITER = next(model for model in MODELS if model.caches_writes)
READER = next(model for model in MODELS if model.caches_reads and not model.caches_writes)


def csv_trace(tmp_path: Path, *lines: str, header: str = HEADER, newline: str = "\r\n") -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(newline.join([header, *lines]).encode())
    return path


def jsonl_trace(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def call(timestamp: int, length: int, *ids: int, output: int = 10) -> dict[str, object]:
    return {"timestamp": timestamp, "input_length": length, "output_length": output, "hash_ids": list(ids)}


def prompt(record: Record) -> int:
    cached = record.cached_tokens + record.cache_write_tokens if record.provider == "anthropic" else 0
    return record.input_tokens + cached


def test_csv_instants_have_seven_digits_and_windows_line_ends(tmp_path: Path) -> None:
    path = csv_trace(tmp_path, "2023-11-16 18:17:03.9799600,4808,10", "2023-11-16 18:17:04.0319600,3180,8")
    first, second = read_trace(path)
    assert (first.input_tokens, first.output_tokens) == (4808, 10)
    assert second.at_us - first.at_us == 52_000


def test_csv_without_a_last_line_end_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = csv_trace(tmp_path, "2023-11-16 18:17:03,1,2", "", "2023-11-16T18:17:04Z,3,4", newline="\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [entry.input_tokens for entry in read_trace(path)] == [1, 3]


def test_requests_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    path = csv_trace(tmp_path, "2023-11-16 18:17:05,2,2", "2023-11-16 18:17:03,1,1")
    assert [entry.input_tokens for entry in read_trace(path)] == [1, 2]


def test_jsonl_counts_milliseconds_and_keeps_block_ids(tmp_path: Path) -> None:
    first, second = read_trace(jsonl_trace(tmp_path, call(0, 700, 0, 1), call(1500, 30)))
    assert first == TraceCall(0, 700, 10, (0, 1))
    assert second == TraceCall(1_500_000, 30, 10, ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2023-11-16 18:17:04,3180", "expected 3 cells"),
        ("2023-11-16 18:17:04,3180,8,9", "expected 3 cells"),
        ("yesterday,3180,8", "TIMESTAMP"),
        ("2023-13-16 18:17:04,3180,8", "TIMESTAMP"),
        ("9999-12-31T23:59:59-23:00,1,1", "TIMESTAMP"),
        ("2023-11-16 18:17:04,-1,8", "whole numbers"),
        ("2023-11-16 18:17:04,12.5,8", "whole numbers"),
        ("2023-11-16 18:17:04,,8", "whole numbers"),
        ("2023-11-16 18:17:04,1,99999999999999999999", "whole numbers"),
        ("2023-11-16 18:17:04,1,٣", "whole numbers"),
    ],
)
def test_a_malformed_csv_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = csv_trace(tmp_path, "2023-11-16 18:17:03,1,1", line)
    with pytest.raises(TraceError, match=rf"trace\.csv, line 3: .*{reason}"):
        read_trace(path)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"timestamp": 1, "input_length": 2}',
        '{"timestamp": -1, "input_length": 2, "output_length": 1, "hash_ids": []}',
        '{"timestamp": 1, "input_length": -2, "output_length": 1, "hash_ids": []}',
        '{"timestamp": 1, "input_length": "2", "output_length": 1, "hash_ids": []}',
        '{"timestamp": 1e300, "input_length": 2, "output_length": 1, "hash_ids": []}',
        '{"timestamp": 1, "input_length": 2, "output_length": 1, "hash_ids": ["a"]}',
    ],
)
def test_a_malformed_json_line_is_named(tmp_path: Path, line: str) -> None:
    path = jsonl_trace(tmp_path, call(0, 1), line, call(2, 1))
    with pytest.raises(TraceError, match=r"trace\.jsonl, line 2: "):
        read_trace(path)


def test_another_header_is_named_as_line_1(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"line 1: expected the header"):
        read_trace(csv_trace(tmp_path, "1,2,3", header="time,in,out"))


@pytest.mark.parametrize("content", [b"", b"\n \n", HEADER.encode(), HEADER.encode() + b"\n\n"])
def test_a_trace_without_requests_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    with pytest.raises(TraceError):
        read_trace(path)


def test_a_binary_or_missing_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "trace.bin").write_bytes(b"\xff\xfe\x00")
    for name in ("trace.bin", "absent.csv"):
        with pytest.raises(TraceError, match="cannot be read"):
            read_trace(tmp_path / name)


def test_a_long_line_is_not_repeated_whole(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(jsonl_trace(tmp_path, "{" + "x" * 10_000))
    assert len(str(caught.value)) < 500


@pytest.fixture
def trace() -> list[TraceCall]:
    conversations = itertools.cycle(range(1, 40))
    return [TraceCall(n * 900_000, 512 * 3 + n % 700, n % 50, (0, next(conversations), 1000 + n)) for n in range(1_500)]


def test_the_laptops_rows_together_are_the_trace(trace: list[TraceCall]) -> None:
    rows = [row for index in range(3) for row in replay(trace, TracePlan(UNTIL, device_index=index, devices=3))]
    assert len(rows) == len({row.id for row in rows}) == len(trace)
    assert sum(prompt(row) for row in rows) == sum(entry.input_tokens for entry in trace)
    output = sum(r.output_tokens + (r.thinking_tokens if r.provider in ("gemini", "xai") else 0) for r in rows)
    assert output == sum(entry.output_tokens for entry in trace)
    assert len({row.source_machine for row in rows}) == 3


def test_equal_plans_replay_equal_rows_and_other_seeds_other_ids(trace: list[TraceCall]) -> None:
    plan = TracePlan(UNTIL)
    assert replay(trace, plan) == replay(trace, plan)
    ids = {row.id for row in replay(trace, plan)}
    assert ids.isdisjoint(row.id for row in replay(trace, TracePlan(UNTIL, seed=8)))
    assert ids.isdisjoint(row.id for row in replay(trace[:-1], plan))


def test_a_trace_is_moved_to_its_end_and_keeps_its_gaps(trace: list[TraceCall]) -> None:
    instants = sorted(parse_instant(row.requested_at) for row in replay(trace, TracePlan(UNTIL)))
    assert instants[-1] == UNTIL
    assert {later - earlier for earlier, later in itertools.pairwise(instants)} == {timedelta(milliseconds=900)}


def test_own_times_are_kept_when_they_are_times(tmp_path: Path, trace: list[TraceCall]) -> None:
    path = csv_trace(tmp_path, "2023-11-16 18:17:03.5,100,10")
    [row] = replay(read_trace(path), TracePlan(None))
    assert row.requested_at == "2023-11-16T18:17:03.500000Z"
    with pytest.raises(TraceError, match="only moved"):
        replay(trace, TracePlan(None))


def test_a_conversation_stays_with_its_laptop_project_and_model(trace: list[TraceCall]) -> None:
    seen: dict[tuple[str, ...], set[tuple[str | None, str]]] = {}
    by_instant = {entry.at_us: entry.hash_ids[1] for entry in trace}
    shift = UNTIL - timedelta(microseconds=trace[-1].at_us)
    for index in range(3):
        for row in replay(trace, TracePlan(UNTIL, device_index=index, devices=3)):
            at_us = (parse_instant(row.requested_at) - shift) // timedelta(microseconds=1)
            seen.setdefault((str(by_instant[at_us]),), set()).add((row.project, row.model))
    assert len(seen) == 39
    assert all(len(assigned) == 1 for assigned in seen.values())


def test_blocks_seen_within_the_hour_are_cache_reads() -> None:
    cache = PrefixCache()
    assert cache.leading_blocks("m", (1, 2, 3), 0) == 0
    assert cache.leading_blocks("m", (1, 2, 4), 10) == 2
    assert cache.leading_blocks("m", (9, 2, 3), 20) == 0
    assert cache.leading_blocks("other", (1, 2), 30) == 0
    assert cache.leading_blocks("m", (1, 2), 10 + CACHE_LIFETIME_US) == 1 + 1
    assert cache.leading_blocks("m", (1, 2), 11 + 2 * CACHE_LIFETIME_US) == 0


@pytest.mark.parametrize("length", [0, 1, 511, 512, 1_023, 1_024, 1_500, 2_048, 9_999])
@pytest.mark.parametrize("held", range(5))
@pytest.mark.parametrize("model", [WRITER, READER])
def test_the_kinds_of_a_traced_prompt_add_up(length: int, held: int, model: object) -> None:
    blocks = tuple(range((length + 511) // 512))
    tokens = billed(TraceCall(0, length, 5, blocks), model, min(held, len(blocks)))  # type: ignore[arg-type]
    assert tokens.uncached_input + tokens.cache_read + tokens.cache_write == length
    assert min(tokens) >= 0
    assert tokens.cache_read in {0, length} or tokens.cache_read % 512 == 0


def test_equal_prompts_have_equal_hashes() -> None:
    same = [TraceCall(n, 1_100, 1, (0, 5, 6)) for n in (0, 1_000_000)]
    other = TraceCall(2_000_000, 1_101, 1, (0, 5, 6))
    hashes = [row.prompt_hash for row in replay([*same, other], TracePlan(UNTIL))]
    assert len(set(hashes)) == 2
    assert all(value is not None and len(value) == 64 for value in hashes)


def test_a_trace_without_blocks_caches_nothing(tmp_path: Path) -> None:
    path = csv_trace(tmp_path, *(f"2023-11-16 18:17:{n:02d},5000,10" for n in range(50)))
    rows = replay(read_trace(path), TracePlan(UNTIL))
    assert len(rows) == 50
    assert all(row.cached_tokens == row.cache_write_tokens == 0 for row in rows)
