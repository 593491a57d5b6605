"""A look at one build for a report, without anybody calling.

Belongs here: opening a `View` and the analysis for a workspace at an instant. Does not belong here: figures
(`figures`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from api.access.caller import Caller
from api.audit import SYSTEM
from api.dashboards.control import Standing, standing
from api.dashboards.filters import Filters
from api.dashboards.queries.dimensions import workspace_facts
from api.dashboards.queries.held import Held
from api.dashboards.queries.marts import Marts
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows, analysis_rows
from api.db.models import Plan, Workspace, WorkspaceLogo
from api.db.session import reading
from api.reports.asked import Days
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.catalog import Snapshot, SnapshotReader
from pipelines.lake.paths import Home


@dataclass(frozen=True)
class Looked:
    """What a report is gathered from; one build and one analysis throughout.

    Attributes:
        workspace: as its settings are now.
        logo: its PNG; None without one.
        days: that are covered.
        view: on the build, at the instant of issue.
        analysed: the published analysis.
    """

    workspace: Workspace
    logo: WorkspaceLogo | None
    days: Days
    view: View
    analysed: AnalysisRows


@contextmanager
def looking(
    home: Home, engine: Engine, workspace_id: str, days: Days, filters: Filters, *, asked_at: datetime, at: datetime
) -> Generator[Looked]:
    """Give a look at the newest build until the block ends.

    Args:
        home: whose files.
        engine: its app database.
        workspace_id: whose figures.
        days: that are covered.
        filters: what else narrows them.
        asked_at: the instant that says which month is running.
        at: the instant of issue.
    """
    with reading(engine) as session:
        workspace = session.get_one(Workspace, workspace_id)
        logo = session.get(WorkspaceLogo, workspace_id)
    with closing(SnapshotReader(home)) as snapshots, closing(AnalysisReader(home)) as analyses:
        snapshot = snapshots.current()
        try:
            with analysis_rows(analyses) as analysed:
                marts = Marts(snapshot, Held())
                zone = workspace_facts(marts, workspace_id).time_zone or workspace.time_zone
                view = View(
                    reader=_nobody(workspace),
                    engine=engine,
                    marts=marts,
                    time_zone=zone,
                    now=at.astimezone(UTC),
                    filters=filters,
                    period=days.period(asked_at.astimezone(UTC), zone),
                    standing=_standing(engine, workspace_id, snapshot, at),
                )
                yield Looked(workspace, logo, days, view, analysed)
        finally:
            if snapshot is not None:
                snapshot.close()


def _standing(engine: Engine, workspace_id: str, snapshot: Snapshot | None, at: datetime) -> Standing:
    return standing(engine, workspace_id, snapshot.max_file_seq if snapshot else 0, at)


def _nobody(workspace: Workspace) -> Caller:
    """Return the caller of a look nobody asked for by a call; it may do nothing."""
    return Caller(
        workspace_id=workspace.id,
        slug=workspace.slug,
        name=workspace.name,
        plan=Plan(workspace.plan),
        time_zone=workspace.time_zone,
        read_only=None,
        deletion_requested_at_us=workspace.deletion_requested_at_us,
        role=None,
        permissions=frozenset(),
        actor=SYSTEM,
        person=None,
        api_key_id=None,
    )
