"""The published analysis as answers read it, and answers of the marts that show parts of it beside them.

Belongs here: rows of the analysis for the length of one answer, and what answers of both say of it. Does not belong
here: answers made of the analysis alone (`analysed`), what a view shows of it.

What is summed is of the build served now, what is forecast or judged of the one that was analysed, minutes old as a
rule: answers name both. Before the first analysis, and of one that an earlier release made, there are no rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypedDict

from fastapi import FastAPI, Response

from api.dashboards.models.answer import BuildStamp
from api.dashboards.serving import Call, answer
from api.dashboards.view import View
from pipelines.lake.analysis_catalog import Analysis, AnalysisReader
from pipelines.lake.clock import iso_utc

_KNOWN = "select count(*) from duckdb_tables() where database_name = 'analysis' and table_name = $name"
_AS_OF = "select data_as_of from mart_analysed_workspaces where workspace_id = $workspace_id"


class AnalysedFields(TypedDict):
    """Fields of `AnalysedStamp`."""

    analysis_id: str | None
    analysed_build_id: str | None
    analysed_data_as_of: str | None


class AnalysisRows:
    """The analysis as one answer reads it."""

    def __init__(self, lease: Analysis | None) -> None:
        """Nothing is read before it is asked for.

        Args:
            lease: on the published analysis; None when there is none. It stays the caller's to close.
        """
        self._lease = lease

    @property
    def analysis_id(self) -> str | None:
        """The analysis read; None when there is none."""
        return None if self._lease is None else self._lease.analysis_id

    @property
    def build_id(self) -> str | None:
        """The build of the marts it was made of; None when there is none."""
        return None if self._lease is None else self._lease.build_id

    def data_as_of(self, workspace_id: str) -> str | None:
        """Return the arrival of a workspace's newest batch in it, never that of all: it would tell what others do."""
        found = self.of("mart_analysed_workspaces", _AS_OF, workspace_id)
        newest: datetime | None = found[0]["data_as_of"] if found else None
        return None if newest is None else iso_utc(newest.replace(tzinfo=UTC))

    def fields(self, workspace_id: str) -> AnalysedFields:
        """Return what an answer to a workspace says about the analysis it was read from."""
        return AnalysedFields(
            analysis_id=self.analysis_id,
            analysed_build_id=self.build_id,
            analysed_data_as_of=self.data_as_of(workspace_id),
        )

    def of(
        self, table: str, statement: str, workspace_id: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a statement on one table, by column name; none when the table is not there.

        Args:
            table: the only table it reads.
            statement: with `$workspace_id` among its conditions.
            workspace_id: whose rows.
            parameters: what else it names.
        """
        if self._lease is None:
            return []
        with self._lease.cursor() as cursor:
            if cursor.execute(_KNOWN, {"name": table}).fetchall() == [(0,)]:
                return []
        return self.records(statement, workspace_id, parameters)

    def records(
        self, statement: str, workspace_id: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a statement by column name; none before the first analysis.

        Args:
            statement: with `$workspace_id` among its conditions.
            workspace_id: whose rows.
            parameters: what else it names.
        """
        if self._lease is None:
            return []
        with self._lease.cursor() as cursor:
            given = {"workspace_id": uuid.UUID(workspace_id), **(parameters or {})}
            found = cursor.execute(statement, given).fetchall()
            columns = cursor.columns
            return [dict(zip(columns, row, strict=True)) for row in found]


@contextmanager
def analysis_rows(reader: AnalysisReader) -> Generator[AnalysisRows]:
    """Give the published analysis, which stays the same until the block ends."""
    lease = reader.current()
    try:
        yield AnalysisRows(lease)
    finally:
        if lease is not None:
            lease.close()


@contextmanager
def analysis_of(app: FastAPI) -> Generator[AnalysisRows]:
    """Give the analysis an application serves."""
    with analysis_rows(app.state.analyses) as analysed:
        yield analysed


def answer_with_analysis(call: Call, route: Hashable, build: Callable[[View, AnalysisRows], BuildStamp]) -> Response:
    """Return an answer made of a build and of the analysis, from the cache where neither has changed.

    Args:
        call: who asks for what.
        route: tells this route and its own parameters from others.
        build: makes the answer.
    """
    with analysis_of(call.request.app) as analysed:
        return answer(call, route, lambda view: build(view, analysed), lambda _: analysed.analysis_id)
