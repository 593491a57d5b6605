"""The benchmarks of ingest, daemons and commands work at a tiny size; how fast anything is does not matter here."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import commands, daemons, ingest
from tests.benchmarks.__main__ import BENCHMARKS, SUMMARIES, main
from tests.benchmarks.context import Context
from tests.benchmarks.load_client import Job, prepared_bodies
from tests.benchmarks.machine import facts
from tests.benchmarks.measure import Comparison, alternate, compare, percentile, show
from tests.benchmarks.processor_time import processor_seconds


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(folder=tmp_path, rows=1, runs=1)


def assert_sound(results: list[Comparison]) -> None:
    for row in results:
        assert math.isfinite(row.ours), row
        assert all(math.isfinite(value) and value > 0 for value in row.others.values()), row
        assert (row.met is None) == (row.target == ""), row


def test_ingest_compares_us_with_the_mirror_and_the_floor(context: Context) -> None:
    results = ingest.run(context)
    assert_sound(results)
    processor = "ms of processor per 1,000 rows"
    assert [row.metric for row in results] == ["rows/s", "rows/s", "rows/s", processor, "ms p99 of a batch"]
    assert [set(row.others) for row in results] == [
        {ingest.MIRROR},
        {ingest.MIRROR},
        {ingest.FLOOR},
        {ingest.MIRROR, ingest.FLOOR},
        {ingest.MIRROR},
    ]
    finding, staging, at_the_door = (row.ours for row in results[:3])
    assert staging < finding < at_the_door, "later de-duplication costs nothing?"


def test_a_crowd_of_daemons_loses_nothing(context: Context) -> None:
    results = daemons._crowd(context, daemons=5, workers=1)
    assert_sound(results)
    assert (results[-1].metric, results[-1].ours, results[-1].met) == ("rows lost", 0.0, True)


def test_commands_are_timed(context: Context) -> None:
    results = [*commands._helps(context), commands._imports(context), commands._ready(context)]
    assert_sound(results)
    assert all(row.ours > 0 for row in results)


def test_alternating_turns_the_order_round() -> None:
    order: list[str] = []

    def side(name: str) -> int:
        order.append(name)
        return len(order)

    found = alternate(3, {"a": lambda: side("a"), "b": lambda: side("b")})
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_a_comparison_is_of_medians_and_shows_the_spread() -> None:
    row = compare(
        "w", "s", {"ours": [1.0, 9.0, 2.0], "it": [4.0, 3.0, 5.0]}, target="less", met=lambda m: m["ours"] < m["it"]
    )
    assert (row.ours, row.others, row.met) == (2.0, {"it": 4.0}, True)
    assert "ours 1.00-9.00" in row.note


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (percentile(values, 0.99), percentile(values, 1.0), percentile([7.0], 0.5)) == (99.0, 100.0, 7.0)
    with pytest.raises(ValueError, match="needs values"):
        percentile([], 0.5)


def test_processor_time_is_of_a_process_and_its_children() -> None:
    spinning = "import os, time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\n"
    parent = f"import os\nif os.fork() == 0:\n    exec({spinning!r})\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for _ in range(2):
            process.stdout.readline()
        assert processor_seconds(process.pid) >= 0.1
        process.stdin.write(b"\n\n")
    assert processor_seconds(process.pid) == 0.0


def test_figures_show_three_digits_that_count() -> None:
    assert [show(value) for value in (123456.7, 1.2345, 0.01234, 0.0)] == ["123,457", "1.23", "0.0123", "0.0"]


def test_clients_send_other_ids_with_another_seed_and_the_same_with_the_same() -> None:
    def bodies(seed: int) -> list[list[bytes]]:
        return prepared_bodies(
            Job(url="", tokens=["t"], batches=2, batch_rows=3, seed=seed, until="2026-11-20T00:00:00Z")
        )

    assert bodies(1) == bodies(1)
    assert bodies(1) != bodies(2)


def test_the_machine_says_what_it_is() -> None:
    found = facts()
    assert {"commit", "cores", "memory_gib", "python", "versions"} <= found.keys()
    assert {"duckdb", "dagster", "postgresql"} <= found["versions"].keys()


def test_the_command_line_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in BENCHMARKS)
    assert "examples:" in shown
    assert SUMMARIES.keys() == BENCHMARKS.keys()
    assert main(["nothing-of-that-name"]) == 2
