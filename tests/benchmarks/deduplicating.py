"""What our later de-duplication costs per row: finding the repeats, and the staging model that does it.

`finding` is what decides which rows are repeats, the SQL of the model and of its hook, timed alone right after the
build on the same rows and the same warehouse. `staging` is what dbt says its model took; it also compares each repeat
with the first copy, field by field, which a mirror does not do, and starts a node.

Belongs here: building in a process of its own, as the refresher is one, and taking those times. Does not belong here:
what they are added to (`ingest`).

Run as `python -m tests.benchmarks.deduplicating HOME`; builds at each line on stdin and prints a `Later`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Final, Self

import duckdb
import msgspec

from pipelines.build import Build
from pipelines.dbt_runner import DbtRunner, warm_dbt
from pipelines.lake.catalog import quoted
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh_lock import refresh_lock

MODELS: Final = frozenset({"stg_request_repeats"})
"""It reads what landed, finds the later copies of each id and sets them aside."""
_WHOLE: Final = "select * from final"
_REPEATS: Final = "select count(*) from pairs"
_HOOK: Final = "{{ find_repeats_of_built_requests() }}"
# As the model's own hook does.
_POINT_AT_FILES: Final = """
set variable landed_files = (
    select list(distinct path) from stg_landed_files where file_seq > {since} and path is not null
)
"""


class Later(msgspec.Struct, frozen=True):
    """Seconds spent on what landed since the build before.

    Attributes:
        finding: deciding which rows are repeats.
        staging: the staging model, comparing included.
        repeats: how many were found.
    """

    finding: float
    staging: float
    repeats: int


class Deduplication:
    """Builds and publishes a home's marts and says what de-duplication took of that; a context manager."""

    def __init__(self, home: Home) -> None:
        """Nothing is started yet."""
        self._home = home

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.deduplicating", str(self._home.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def build(self) -> Later:
        """Build what landed since the last call, and say what its de-duplication took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the build failed; its traceback is on stderr"
        return msgspec.json.decode(line, type=Later)

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)


def _build(home: Home) -> Later:
    engine = open_database(home.database_url)
    try:
        with refresh_lock(home):
            runner = warm_dbt(home)
            build = Build(home, engine, SystemClock(), runner)
            exported = build.export()
            since = 0 if exported.base is None else exported.base.build.inputs.max_file_seq
            run = build.transform()
            if run.failure is not None:
                raise RuntimeError(run.failure)
            hook = _compiled_hook(home, runner, build._variables(exported, since))
            build.publish()
    finally:
        engine.dispose()
    found = {node.name: node.seconds for node in run.models if node.name in MODELS}
    assert found.keys() == MODELS, f"only {sorted(found)} ran"
    repeats, seconds = _find_repeats(home, since, hook)
    return Later(finding=seconds, staging=sum(found.values()), repeats=repeats)


def _compiled_hook(home: Home, runner: DbtRunner, variables: Mapping[str, object]) -> str:
    """Return the SQL of the model's hook for these variables; empty when nothing was built before."""
    command = ["compile", "--inline", _HOOK, "--vars", json.dumps(dict(variables)), "--no-write-json"]
    outcome = runner._invoke(runner.manifest(), command, home.warehouse)
    assert outcome.success, outcome.exception
    return str(outcome.result.results[0].node.compiled_code or "").strip()


def _find_repeats(home: Home, since: int, hook: str) -> tuple[int, float]:
    """Run the parts of the hook and the model that decide, as they were compiled for the build just made."""
    compiled = next((home.dbt / "target").glob("compiled/**/stg_request_repeats.sql")).read_text()
    before, found, after = compiled.rpartition(_WHOLE)
    assert found, "stg_request_repeats does not end as it did"
    assert not after.strip(), "stg_request_repeats does not end as it did"
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute(f"set variable exports_dir = {quoted(home.exports)}")
        warehouse.execute(_POINT_AT_FILES.format(since=since))
        started = perf_counter()
        if hook:
            warehouse.execute(hook)
        row = warehouse.execute(before + _REPEATS).fetchone()
        seconds = perf_counter() - started
    assert row is not None
    return int(row[0]), seconds


if __name__ == "__main__":
    for _ in sys.stdin:
        sys.stdout.write(msgspec.json.encode(_build(Home(Path(sys.argv[1])))).decode() + "\n")
        sys.stdout.flush()
