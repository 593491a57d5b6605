"""A warm dbt: the project parsed once per process, run in this process, answered with typed results.

Belongs here: dbt's flags, its environment, keeping its manifest, and turning its results into ours. Does not belong
here: what is built when (`pipelines.build`), and any SQL (`dbt_project`).

dbt runs one invocation at a time per process; the refresh lock sees to that.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines.lake.paths import Home
from pipelines.plain_words import one_line, short

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT_FOLDER: Final = Path(__file__).resolve().parent.parent / "dbt_project"
WAREHOUSE_VARIABLE: Final = "HALTON_WAREHOUSE"
MEMORY_VARIABLE: Final = "HALTON_WAREHOUSE_MEMORY"
MEMORY_LIMIT: Final = os.environ.get(MEMORY_VARIABLE, "4GB")
"""DuckDB's memory limit while models run."""
TARGET_VARIABLE: Final = "DBT_TARGET_PATH"
_LOG_OF_DBT: Final = "file_log"
"""The logger behind dbt's log file."""

_SOURCE_SUFFIXES: Final = frozenset({".sql", ".yml", ".yaml", ".csv"})
_NOT_SOURCES: Final = frozenset({"target", "logs", "dbt_packages"})
ANALYSIS: Final = "analysis"
"""Tag of the models of the second stage, and the folder they, their tests and macros of their own lie in."""
_MODEL_SUCCESS: Final = frozenset({"success"})
_TEST_SUCCESS: Final = frozenset({"pass", "warn"})


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node.

    Attributes:
        unique_id: dbt's id, such as `model.halton.stg_requests`.
        name: short name.
        kind: `model`, `seed`, `test` or `unit_test`.
        status: dbt's word: success, pass, warn, fail, error, skipped, …
        seconds: time it took.
        message: dbt's plain message, empty when there is none.
        failures: rows a test found, None for others.
    """

    unique_id: str
    name: str
    kind: str
    status: str
    seconds: float
    message: str
    failures: int | None = None

    @property
    def is_test(self) -> bool:
        """Whether the node checks rather than builds."""
        return self.kind in ("test", "unit_test")

    @property
    def is_good(self) -> bool:
        """Whether the build may go on: built, passed, or failed with a warning only."""
        return self.status in (_TEST_SUCCESS if self.is_test else _MODEL_SUCCESS)


@dataclass(frozen=True)
class DbtRun:
    """Everything one invocation did.

    Attributes:
        nodes: results in the order they ended.
        fault: why dbt could not run at all, None when it ran.
    """

    nodes: tuple[NodeResult, ...]
    fault: str | None = None

    @property
    def models(self) -> tuple[NodeResult, ...]:
        """Models and seeds."""
        return tuple(node for node in self.nodes if not node.is_test)

    @property
    def tests(self) -> tuple[NodeResult, ...]:
        """Tests of any kind."""
        return tuple(node for node in self.nodes if node.is_test)

    @property
    def failure(self) -> str | None:
        """One plain sentence naming what failed first; None when all is good."""
        if self.fault:
            return f"dbt could not run: {self.fault}"
        bad = [node for node in self.nodes if not node.is_good]
        causes = [node for node in bad if node.status != "skipped"] or bad
        if not causes:
            return None
        first = causes[0]
        others = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        return f"{first.kind.replace('_', ' ')} {short(first.name)} failed: {one_line(first.message)}{others}"


@dataclass(frozen=True)
class ParsedProject:
    """A project as dbt understood it. Nothing in it depends on the home: databases have the same name in each.

    Attributes:
        digest: of the sources it was parsed from.
        manifest: dbt's own object.
        as_written: the content of `manifest.json`.
    """

    digest: str
    manifest: Manifest
    as_written: Mapping[str, Any]


# By project folder: what this process has parsed.
_parsed_projects: dict[Path, ParsedProject] = {}


class DbtRunner:
    """dbt over one project and home, warm between invocations."""

    def __init__(
        self, home: Home, project: Path = PROJECT_FOLDER, *, folder: Path | None = None, memory: str = MEMORY_LIMIT
    ) -> None:
        """Nothing is parsed or imported before it is needed.

        Args:
            home: whose warehouse is built.
            project: folder of `dbt_project.yml` and `profiles.yml`.
            folder: where target and logs go, the home's own folder for dbt if None. Two processes need two.
            memory: DuckDB's memory limit while models run.
        """
        self._home, self._folder, self._memory = home, folder or home.dbt, memory
        self.project = project

    def project_digest(self, *, analysis: bool = False) -> str:
        """Return a digest of the project's sources and of the tools that run them.

        Args:
            analysis: with what belongs to the analysis alone. Without it, a change there changes nothing.
        """
        whole = hashlib.sha256()
        for package in ("dbt-core", "dbt-duckdb", "duckdb"):
            whole.update(f"{package} {version(package)}\n".encode())
        for path in sorted(self.project.rglob("*")):
            relative = path.relative_to(self.project)
            left_out = _NOT_SOURCES if analysis else _NOT_SOURCES | {ANALYSIS}
            if path.suffix in _SOURCE_SUFFIXES and not left_out & set(relative.parts):
                whole.update(str(relative).encode() + b"\0" + path.read_bytes() + b"\0")
        return whole.hexdigest()

    def manifest(self) -> Manifest:
        """Return the parsed project, parsing it when it is new to this process or its files changed.

        Raises:
            DbtParseError: the project does not parse; the message is dbt's.
        """
        return self._parsed().manifest

    def manifest_json(self) -> Mapping[str, Any]:
        """Return the manifest as dbt writes it to disk.

        Raises:
            DbtParseError: the project does not parse; the message is dbt's.
        """
        return self._parsed().as_written

    def _parsed(self) -> ParsedProject:
        digest = self.project_digest(analysis=True)
        parsed = _parsed_projects.get(self.project)
        if parsed is None or parsed.digest != digest:
            # Only the name counts when parsing, and one that is the same in every home keeps dbt's own cache good.
            outcome = self._invoke(None, ["parse", "--write-json"], Path(self._home.warehouse.name))
            if not outcome.success:
                raise DbtParseError(one_line(str(outcome.exception or outcome.result)))
            written = json.loads((self._folder / "target" / "manifest.json").read_bytes())
            parsed = _parsed_projects[self.project] = ParsedProject(digest, outcome.result, written)
        return parsed

    def run(self, command: Sequence[str], warehouse: Path, variables: Mapping[str, Any]) -> DbtRun:
        """Run one dbt command, such as `["build", "--full-refresh"]`.

        Args:
            command: the command and its selection.
            warehouse: database file to build in; closed when this returns.
            variables: dbt `--vars`.

        Returns:
            What each node did; a failing node is in the results and not raised.

        Raises:
            DbtParseError: the project does not parse.
            duckdb.Error: the warehouse cannot be opened.
        """
        manifest = self.manifest()
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        arguments = [command[0], "--no-write-json", "--vars", json.dumps(dict(variables)), *command[1:]]
        # With nobody else holding it, dbt-duckdb would open and checkpoint the file anew for every node.
        anchor = duckdb.connect(str(warehouse), config={"memory_limit": self._memory})
        try:
            outcome = self._invoke(manifest, arguments, warehouse)
        finally:
            anchor.close()
            _forget_compiled(manifest)
        results = getattr(outcome.result, "results", None) or ()
        nodes = tuple(_node_result(result) for result in results)
        fault = None if outcome.exception is None else one_line(str(outcome.exception))
        if fault is None and not outcome.success and all(node.is_good for node in nodes):
            fault = "it ended without saying why"
        return DbtRun(nodes, fault)

    def _invoke(self, manifest: Manifest | None, arguments: list[str], warehouse: Path) -> Any:
        # Imported late: it takes seconds, and commands that never build should not pay for it.
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        quiet = ["--log-level", "none", "--log-level-file", "info", "--no-print", "--no-use-colors-file"]
        places = ["--project-dir", str(self.project), "--profiles-dir", str(self.project)]
        places += ["--target-path", str(self._folder / "target"), "--log-path", str(self._folder / "logs")]
        with _environment(
            {
                WAREHOUSE_VARIABLE: str(warehouse),
                MEMORY_VARIABLE: self._memory,
                TARGET_VARIABLE: str(self._folder / "target"),
                "DO_NOT_TRACK": "1",
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            }
        ):
            try:
                return dbtRunner(manifest=manifest).invoke([*quiet, *arguments, *places])
            finally:
                # Left open, and deleted with its folder by a purge, it would be written to by the next run.
                for handler in logging.getLogger(_LOG_OF_DBT).handlers:
                    handler.close()


class DbtParseError(Exception):
    """The dbt project does not parse."""


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while: the profile reads them at every invocation."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _forget_compiled(manifest: Manifest) -> None:
    """Undo what compiling left in the nodes: a second run would take injected CTEs as they were in the first."""
    nodes: list[Any] = list(manifest.nodes.values())
    for node in nodes:
        if getattr(node, "compiled", False):
            node.compiled = False
            node.compiled_code = None
            node.extra_ctes_injected = False
            node.extra_ctes = []


def _node_result(result: Any) -> NodeResult:
    node = result.node
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name,
        kind=str(node.resource_type),
        status=str(result.status),
        seconds=float(result.execution_time),
        message=result.message or "",
        failures=result.failures,
    )


@lru_cache(maxsize=8)
def warm_dbt(home: Home) -> DbtRunner:
    """Return this process' runner of a home, with whatever it has parsed so far."""
    return DbtRunner(home)
