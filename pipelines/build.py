"""One build, step by step: export, transform, publish.

Belongs here: the order of the steps and what each hands to the next. Does not belong here: Dagster
(`pipelines.assets` calls these steps and records them), locking and answers for callers (`pipelines.refresh`).

Each step runs once per build and remembers its answer; a build that failed is thrown away and begun again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from sqlalchemy import Engine

from pipelines.build_base import Base, find_base
from pipelines.build_inputs import BuildInputs, Extent, Plan, ledger_digest, plan_build
from pipelines.control_plane import ControlPlane, read_control_plane, write_control_plane
from pipelines.dbt_runner import ANALYSIS, DbtRun, DbtRunner
from pipelines.dbt_selection import affected_nodes, changed_sources
from pipelines.derived_exports import Calendar, export_calendar, export_prices
from pipelines.durable_files import remove_leftovers
from pipelines.export_tables import table_digest
from pipelines.lake.clock import Clock
from pipelines.lake.landing import LandingWriter, has_newest_schema
from pipelines.lake.paths import Home
from pipelines.landed_checks import BuildError, verify_landed_files
from pipelines.landed_export import LandedFileRow
from pipelines.ledger_watch import ledger_position
from pipelines.model_pairs import UnreadableLandingError, landed_pairs
from pipelines.publish import (
    Publication,
    Published,
    new_build_id,
    newest_build_id,
    publish,
    snapshot_name,
    snapshot_segments,
)
from pipelines.segments import FILE_OPTIONS, NEW_SEGMENT_PREFIX, ROWS_SORTED_AT_ONCE
from pipelines.snapshot_cleanup import clean_marts
from pipelines.warehouse import (
    FACTS,
    LastBuild,
    adopt_warehouse,
    fresh_warehouse,
    mark_finished,
    mark_unfinished,
    record_build,
    remove_abandoned,
    unfinished_attempts,
)

# Unit tests prove the SQL, not the data; the analysis is built of what this publishes (`pipelines.analysis`).
_LEFT_OUT = ("--exclude-resource-type", "unit_test", "--exclude", f"tag:{ANALYSIS}")


@dataclass(frozen=True)
class Exported:
    """What the first step found and wrote.

    Attributes:
        control_plane: the app database as read.
        inputs: digests of everything that goes into the build.
        plan: how much has to be built.
        base: what to go on from, None for a full build.
        verified_files: landing files whose digest was checked.
    """

    control_plane: ControlPlane
    inputs: BuildInputs
    plan: Plan
    base: Base | None
    verified_files: int


class Build:
    """A build in progress. Use it under the refresh lock, once."""

    def __init__(self, home: Home, engine: Engine, clock: Clock, runner: DbtRunner, *, full: bool = False) -> None:
        """Nothing is read before the first step.

        Args:
            home: where everything lies.
            engine: the app database.
            clock: tells when the build happens.
            runner: a warm dbt.
            full: build everything anew even when that is not needed.
        """
        self.home, self.clock, self.runner, self.full = home, clock, runner, full
        self._engine = engine
        self._exported: Exported | None = None
        self._transformed: tuple[DbtRun, Path] | None = None
        self.published: Published | None = None

    def export(self) -> Exported:
        """Read the app database, check new landing files, write all exports and plan the build.

        Raises:
            BuildError: a landing file is missing or not what the ledger says; it is named.
        """
        if self._exported is None:
            self._clear_leftovers()
            base = None if self.full else find_base(self.home)
            control_plane = read_control_plane(self._engine, self.home, self.clock.now().astimezone(UTC).date())
            fresh = _files_after(control_plane, base)
            verify_landed_files(self.home, fresh)
            try:
                inputs, calendar = self._write_exports(control_plane)
            except UnreadableLandingError as fault:
                raise BuildError(str(fault)) from fault
            plan = self._plan(base, inputs, control_plane, calendar)
            if plan.extent is Extent.FULL and base is not None:
                verify_landed_files(self.home, control_plane.landed[: len(control_plane.landed) - len(fresh)])
                base, fresh = None, control_plane.landed
            self._exported = Exported(control_plane, inputs, plan, base, len(fresh))
        return self._exported

    def already_published(self) -> Published | None:
        """Return the published build when it is up to date; None when there is something to do.

        Raises:
            OSError: the exports cannot be written.
        """
        base = None if self.full else find_base(self.home)
        if base is None or ledger_position(self._engine) != base.build.inputs.max_file_seq:
            return None
        if self.export().plan.extent is not Extent.NOTHING:
            return None
        clean_marts(self.home, self.clock.now())  # a build that was killed when it had published left it to the next
        return Published(base.build.build_id, 0, sum(one.row_count for one in base.files.segments))

    def transform(self, models: Sequence[str] | None = None) -> DbtRun:
        """Run dbt's models and tests in the warehouse, or in a fresh one for a full build.

        Args:
            models: only these, for someone at work on them; such a build cannot be published.

        Returns:
            What every node did, failures included.
        """
        exported = self.export()
        full = exported.base is None
        warehouse = fresh_warehouse(self.home) if full else self.home.warehouse
        since = 0 if exported.base is None else exported.base.build.inputs.max_file_seq
        chosen = models or (() if full else self._affected(exported))
        command = ["build", *_LEFT_OUT, *(["--full-refresh"] if full else [])]
        command += ["--indirect-selection", "empty", "--select", *chosen] if chosen else []
        if not full:
            mark_unfinished(self.home)
        run = self.runner.run(command, warehouse, self._variables(exported, since))
        if run.failure is None and models is None:
            self._transformed = run, warehouse
        elif full:
            shutil.rmtree(warehouse.parent, ignore_errors=True)
        return run

    def _variables(self, exported: Exported, since: int) -> dict[str, object]:
        self.home.segments.mkdir(parents=True, exist_ok=True)
        segments = exported.base.files.segments if exported.base else ()
        return {
            "exports_dir": str(self.home.exports),
            "since_file_seq": since,
            "segments_dir": str(self.home.segments),
            "new_segments_prefix": NEW_SEGMENT_PREFIX,
            "segment_options": FILE_OPTIONS,
            "rows_sorted_at_once": ROWS_SORTED_AT_ONCE,
            "base_segments": [str(self.home.segments / one.name) for one in segments if one.row_count > 0],
        }

    def publish(self) -> Published:
        """Publish what was transformed and let the warehouse stand at it.

        Raises:
            BuildError: not every model was built and tested before.
            PublishError: the totals contradict each other.
        """
        if self._transformed is None:
            raise BuildError("only a build whose models and tests all passed can be published")
        exported, (_, warehouse) = self.export(), self._transformed
        now = self.clock.now()
        publication = Publication(
            build_id=new_build_id(now, newest_build_id(self.home)),
            built_at=now,
            base_segments=exported.base.files.segments if exported.base else (),
            base_parts=exported.base.files.parts if exported.base else (),
            max_file_seq=exported.inputs.max_file_seq,
            rate_book_version=exported.inputs.rate_book,
        )
        self.published = publish(self.home, warehouse, publication)
        segments = snapshot_segments(self.home, snapshot_name(publication.build_id)) or ()
        files = [self.home.segments / one.name for one in segments]
        record_build(warehouse, LastBuild(publication.build_id, exported.inputs), now, files)
        if exported.base is None:
            adopt_warehouse(self.home, warehouse)
        mark_finished(self.home)
        clean_marts(self.home, now)
        return self.published

    def _clear_leftovers(self) -> None:
        remove_abandoned(self.home)
        remove_leftovers(self.home.exports)
        remove_leftovers(self.home.segments)
        remove_leftovers(self.home.roll_up_parts)
        if not has_newest_schema(self.home):  # staging reads it with every build
            LandingWriter(self.home).close()

    def _affected(self, exported: Exported) -> list[str]:
        """Return what an incremental build runs; everything when an earlier one broke off half-way."""
        plan, names = exported.plan, exported.inputs.exports
        broken_off = unfinished_attempts(self.home) > 0
        sources = changed_sources(
            names if broken_off else plan.changed_exports, rows_landed=plan.rows_landed or broken_off
        )
        # A view over the segments of one build, which the next may have merged.
        return sorted({FACTS, *affected_nodes(self.runner.manifest_json(), sources)})

    def _write_exports(self, control_plane: ControlPlane) -> tuple[BuildInputs, Calendar]:
        write_control_plane(control_plane, self.home)
        calendar = export_calendar(self.home, control_plane.time_zones.values(), self.clock)
        pairs = landed_pairs(self.home, control_plane.landed, afresh=self.full)
        prices = export_prices(self.home, pairs, self.clock, control_plane.negotiated)
        newest = control_plane.max_file_seq
        inputs = BuildInputs(
            max_file_seq=newest,
            ledger=ledger_digest(control_plane.landed, newest),
            exports=control_plane.digests() | prices.digests | {"local_days": table_digest(calendar.days)},
            project=self.runner.project_digest(),
            rate_book=prices.version,
            time_zones=control_plane.time_zones,
            calendar_until=calendar.until.isoformat(),
            calendar=calendar.digests(calendar.until),
            models=prices.models,
            horizons=control_plane.horizons,
        )
        return inputs, calendar

    def _plan(self, base: Base | None, inputs: BuildInputs, control_plane: ControlPlane, calendar: Calendar) -> Plan:
        if self.full:
            return Plan(Extent.FULL, "a full build was asked for")
        if base is None:
            return plan_build(None, inputs, "", {})
        known = base.build.inputs
        digests = calendar.digests(known.last_calendar_day)
        plan = plan_build(known, inputs, ledger_digest(control_plane.landed, known.max_file_seq), digests)
        if plan.extent is Extent.NOTHING and not base.is_current(self.home):
            return Plan(Extent.INCREMENTAL, "readers were not pointed at the last build")
        return plan


def _files_after(control_plane: ControlPlane, base: Base | None) -> list[LandedFileRow]:
    since = base.build.inputs.max_file_seq if base else 0
    return [one for one in control_plane.landed if one.file_seq > since]
