"""However files come - in pieces, in any order, again and again, copied, cut - each call is on record once."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.clock import parse_instant
from daemon.importers.importing import Import
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import (
    START,
    claude_line,
    claude_person,
    claude_usage,
    codex_counts,
    codex_event,
    codex_meta,
    codex_turn,
    gemini_answer,
    gemini_header,
    gemini_tokens,
    jsonl,
)

NewDesk = Callable[[], Desk]
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def claude_conversation(chance: random.Random, begin: int, answers: int) -> list[dict]:
    """Return lines of answers: some of several blocks, some broken off, persons' lines between."""
    lines: list[dict] = []
    for number in range(begin, begin + answers):
        at = number * 60
        lines.append(claude_person(at))
        blocks = chance.randint(1, 4)
        ends = chance.random() < 0.8
        usage = {"fresh": number, "read": 1_000 * number}
        for block in range(blocks):
            last = block == blocks - 1
            final = claude_usage(**usage, output=100 + number) if last and ends else claude_usage(**usage, output=1)
            lines.append(claude_line(number, at + block, usage=final, stop="end_turn" if last and ends else None))
            if chance.random() < 0.3:
                lines.append(claude_person(at + block + 0.5))
    return lines


def codex_conversation(chance: random.Random, begin: int, turns: int) -> list[dict]:
    lines, total = [codex_meta(begin)], [0, 0, 0, 0]
    for number in range(begin, begin + turns):
        lines.append(codex_turn(number * 60, number))
        for call in range(chance.randint(1, 3)):
            grown = [chance.randint(100, 9_999), chance.randint(0, 100), chance.randint(1, 999), 0]
            total = [before + more for before, more in zip(total, grown, strict=True)]
            event = codex_event(number * 60 + call, codex_counts(*total), codex_counts(*grown))
            lines += [event] * chance.randint(1, 2)
    return lines


def gemini_conversation(chance: random.Random, begin: int, answers: int) -> list[dict]:
    lines = [gemini_header(f"conversation-{begin}")]
    for number in range(begin, begin + answers):
        done = gemini_answer(number, number * 60, gemini_tokens(output=number))
        lines += [gemini_answer(number, number * 60)] * chance.randint(0, 1) + [done] * chance.randint(1, 3)
    return lines


CONVERSATIONS = {
    "claude-code": claude_conversation,
    "codex": codex_conversation,
    "gemini-cli": gemini_conversation,
}


def told(desk: Desk) -> list[Call]:
    """Return what is on record, but for what depends on when it was written down."""
    return [msgspec.structs.replace(call, recorded_at_us=0) for call in desk.calls()]


def last_instant(content: bytes) -> datetime:
    """Return when the last whole line was written: logs are followed as they grow."""
    lines = [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]
    stamps = [line["timestamp"] for line in lines if "timestamp" in line]
    return parse_instant(stamps[-1]) if stamps else START


def files_of(source: str, seed: int) -> dict[str, bytes]:
    """Return logs: two conversations, and one that begins with a copy of the first and goes on."""
    chance = random.Random(seed)
    first = CONVERSATIONS[source](chance, 1, chance.randint(1, 5))
    second = CONVERSATIONS[source](chance, 100, chance.randint(1, 5))
    more = CONVERSATIONS[source](chance, 200, chance.randint(1, 3))
    copied = first + ([] if source == "codex" else more)
    return {f"rollout-{name}.jsonl": jsonl(*lines) for name, lines in enumerate((first, second, copied))}


@pytest.mark.parametrize("source", list(CONVERSATIONS))
@SLOW
@given(seed=st.integers(0, 10**9))
def test_pieces_in_any_order_and_repeated_are_like_the_whole_once(source: str, seed: int, new_desk: NewDesk) -> None:
    files = files_of(source, seed)
    once, often = new_desk(), new_desk()
    for name, content in files.items():
        once.read(source, name, content)
    chance = random.Random(seed)
    for _ in range(8):
        name = chance.choice(list(files))
        cut = chance.randint(0, len(files[name]))
        had = (often.folder / name).stat().st_size if (often.folder / name).exists() else 0
        part = files[name][: max(cut, had)]
        often.clock.instant = last_instant(part)
        often.read(source, name, part)
    often.clock.instant = once.clock.instant
    for _ in range(2):
        for name in chance.sample(list(files), len(files)):
            often.read(source, name, files[name])
    assert told(often) == told(once)
    assert told(once)


@pytest.mark.parametrize("source", list(CONVERSATIONS))
def test_reading_again_reads_nothing(source: str, desk: Desk) -> None:
    content = files_of(source, 1)["rollout-0.jsonl"]
    first = desk.read(source, "rollout-0.jsonl", content)
    again = desk.read(source, "rollout-0.jsonl", content)
    assert first.tally.new > 0
    assert (again.lines, again.unchanged, again.tally.new, again.tally.known) == (0, True, 0, 0)


def test_a_file_that_was_cut_or_replaced_is_read_from_its_beginning(desk: Desk) -> None:
    one, two, three = (jsonl(claude_line(number, number)) for number in (1, 2, 3))
    desk.read("claude-code", "log.jsonl", one + two)
    cut = desk.read("claude-code", "log.jsonl", one)
    assert (cut.lines, cut.tally.known) == (1, 1)
    replaced = desk.read("claude-code", "log.jsonl", three + two + one)
    assert (replaced.lines, replaced.tally.new, replaced.tally.known) == (3, 1, 2)


def test_a_last_line_without_its_end_is_read_when_it_is_whole(desk: Desk) -> None:
    content = jsonl(claude_line(1), claude_line(2, 1))
    early = desk.read("claude-code", "log.jsonl", content[:-20])
    assert (early.lines, early.tally.new, early.tally.bad) == (1, 1, 0)
    unended = desk.read("claude-code", "log.jsonl", content[:-1])
    assert (unended.lines, unended.tally.new) == (1, 1)
    assert desk.read("claude-code", "log.jsonl", content).tally.calls == 0
    assert len(desk.calls()) == 2


def test_bad_lines_are_counted_and_do_not_stop(desk: Desk) -> None:
    content = b"{\n" + jsonl(claude_line(1)) + b"\xff\n\n" + jsonl(claude_line(2, 1)) + b"[]\n"
    result = desk.read("claude-code", "log.jsonl", content)
    assert (result.tally.new, result.tally.bad, result.hopeless) == (2, 3, False)
    assert result.reasons[0] == "line 1: not a JSON object"
    assert desk.read("claude-code", "log.jsonl", content).tally.bad == 0


def test_a_file_of_nothing_but_bad_lines_is_hopeless(desk: Desk) -> None:
    assert desk.read("codex", "rollout-1.jsonl", b"\x00\x01\n\x02\n").hopeless
    assert desk.read("litellm", "spend.json", b"[1, 2]").hopeless
    assert not desk.read("codex", "rollout-2.jsonl", b"").hopeless


def test_bad_lines_at_the_end_of_a_good_file_do_not_make_it_hopeless(desk: Desk) -> None:
    good = jsonl(claude_line(1))
    desk.read("claude-code", "log.jsonl", good)
    assert not desk.read("claude-code", "log.jsonl", good + b"?\n").hopeless


def test_a_line_of_absurd_length_is_passed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.importers.lines.LINE_MAX", 4_096)
    content = jsonl(claude_line(1)) + b'{"a":"' + b"x" * 3_000_000 + b'"}\n' + jsonl(claude_line(2, 1))
    result = desk.read("claude-code", "log.jsonl", content)
    assert (result.tally.new, result.tally.bad) == (2, 1)


def test_what_retention_removed_does_not_come_back(desk: Desk) -> None:
    content = jsonl(claude_line(1))
    desk.read("claude-code", "log.jsonl", content)
    [call] = desk.calls()
    with desk.store._database.writing() as connection:
        connection.execute("DELETE FROM calls")
        connection.execute("INSERT INTO purged_ids VALUES (?)", [bytes.fromhex(call.id.replace("-", ""))])
    result = desk.read("claude-code", "elsewhere/log.jsonl", content)
    assert (result.tally.new, result.tally.known) == (0, 1)
    assert not desk.calls()


def test_a_dry_run_writes_nothing_and_tells_the_same(desk: Desk) -> None:
    content = files_of("codex", 3)["rollout-1.jsonl"]
    dry = desk.read("codex", "rollout-1.jsonl", content, dry_run=True)
    assert not desk.calls()
    real = desk.read("codex", "rollout-1.jsonl", content)
    assert dry.tally == real.tally
    assert real.tally.new == len(desk.calls())


def test_a_dry_run_needs_no_store(desk: Desk) -> None:
    path = desk.file("log.jsonl", jsonl(claude_line(1)))
    run = desk.importer("claude-code", dry_run=True)
    bare = Import(run.importer, None, None, run.finisher, run.clock, dry_run=True)
    assert bare.read(path).tally.new == 1


def test_costs_are_counted_by_kind_of_money(desk: Desk) -> None:
    content = jsonl(claude_line(1), claude_line(2, 1, costUSD=0.1), claude_line(3, 2, message_model="unknown"))
    tally = desk.read("claude-code", "log.jsonl", content).tally
    each = 4 + 15_030 + 2 * 8_655 + 260
    assert tally.cost_millicents == {"subscription_imputed": each, "metered": each}
    assert tally.calls_by_kind == {"subscription_imputed": 2, "metered": 1}
    assert tally.unpriced == 1
    assert tally.as_json()["cost_usd_by_kind"]["metered"] == "0.32604"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX notion")
def test_what_is_no_plain_file_is_said_and_not_waited_for(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe.jsonl")
    for path in (desk.folder / "pipe.jsonl", desk.folder, desk.folder / "missing"):
        result = desk.importer("claude-code").read(path)
        assert result.error
        assert result.hopeless


def test_ten_thousand_lines_take_little_processor_time_and_move_the_bar_to_its_end(desk: Desk) -> None:
    lines = [claude_line(n // 2, n, usage=claude_usage(fresh=n // 2)) for n in range(10_000)]
    path = desk.file("log.jsonl", jsonl(*lines))
    began = time.process_time()
    progressed: list[int] = []
    result = desk.importer("claude-code").read(path, progressed.append)
    assert result.tally.new == 5_000
    assert time.process_time() - began < 4
    assert sum(progressed) == path.stat().st_size


def test_a_cursor_of_another_release_begins_anew(desk: Desk, tmp_path: Path) -> None:
    content = jsonl(claude_line(1))
    desk.store.set_cursor(f"import:claude-code:{(tmp_path / 'log.jsonl').resolve()}", b"\xff{")
    assert desk.read("claude-code", "log.jsonl", content).tally.new == 1
