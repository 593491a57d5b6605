"""One caller's look at one published analysis, beside its look at the marts.

Belongs here: `AnalysedView`, its stamp, and answering from it. Does not belong here: reading the analysis
(`with_analysis`), what a single view shows, and the statements it asks (`queries`).

An analysis is made of one build of the marts, often an earlier one than is served now. What is answered from it says
which, and how new that is for the workspace; before the first analysis every answer says that it is not ready.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from fastapi import Response

from api.dashboards.filters import Filters
from api.dashboards.models.analysis import AnalysisStamp
from api.dashboards.serving import Call, kept, sent, viewing
from api.dashboards.shown import BuildFields, build_fields
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows, analysis_of


@dataclass(frozen=True)
class AnalysedView:
    """What an answer from the analysis is made of; one analysis throughout.

    Attributes:
        view: the caller's look at the marts, filter and period among it. The marts may be of a later build.
        analysis: empty before the first.
    """

    view: View
    analysis: AnalysisRows

    @property
    def filters(self) -> Filters:
        """The filter rail."""
        return self.view.filters

    def records(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """Return all rows of a statement by column name; none before the first analysis.

        Args:
            statement: it names the workspace as `$workspace_id`, which is given to it.
            parameters: what else it names.
        """
        return self.analysis.records(statement, self.view.workspace_id, parameters)

    @cached_property
    def data_as_of(self) -> str | None:
        """Arrival of the workspace's newest batch in the analysis, never that of anybody else's."""
        return self.analysis.data_as_of(self.view.workspace_id)


class AnalysisFields(BuildFields):
    """Fields of `AnalysisStamp`."""

    analysis_id: str | None
    analysis_state: Literal["ready", "not_ready"]
    is_behind: bool


def analysis_fields(analysed: AnalysedView) -> AnalysisFields:
    """Return what an answer says about the analysis it was read from."""
    fields, analysis = build_fields(analysed.view), analysed.analysis
    fields["build_id"] = analysis.build_id
    fields["data_as_of"] = analysed.data_as_of
    return AnalysisFields(
        **fields,
        analysis_id=analysis.analysis_id,
        analysis_state="not_ready" if analysis.analysis_id is None else "ready",
        is_behind=analysis.analysis_id is not None and analysis.build_id != analysed.view.build_id,
    )


def analysed_answer(call: Call, route: Hashable, build: Callable[[AnalysedView], AnalysisStamp]) -> Response:
    """Return an answer made of the published analysis, from the cache where it is kept.

    Args:
        call: who asks for what.
        route: tells this route and its own parameters from others.
        build: makes the answer.
    """
    with analysing(call) as analysed:
        depends_on = ("analysis", analysed.analysis.analysis_id, route)
        cached = kept(call, analysed.view, depends_on, lambda: build(analysed))
    return sent(call, cached)


@contextmanager
def analysing(call: Call) -> Generator[AnalysedView]:
    """Give a view on the current analysis, held until the block ends."""
    with analysis_of(call.request.app) as rows, viewing(call) as view:
        yield AnalysedView(view, rows)
