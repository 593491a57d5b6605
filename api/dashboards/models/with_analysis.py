"""What answers of the marts say of the analysis beside them.

Belongs here: its three fields, once for stamps and once for whole envelopes. Does not belong here: the stamp of answers
made of the analysis alone (`analysis`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api.dashboards.models.answer import Answer, BuildStamp, Instant

AnalysisId = Annotated[str | None, Meta(description="The published analysis read; null before the first.")]
AnalysedBuild = Annotated[str | None, Meta(description="The build it was made of, often an earlier one.")]
AnalysedAsOf = Annotated[Instant | None, Meta(description="Arrival of the workspace's newest batch in it.")]


class StampWithAnalysis(BuildStamp, kw_only=True, frozen=True):
    """Which build and which analysis an answer was read from."""

    analysis_id: AnalysisId
    analysed_build_id: AnalysedBuild
    analysed_data_as_of: AnalysedAsOf


class AnswerWithAnalysis(Answer, kw_only=True, frozen=True):
    """What every dashboard answer says about itself, and which analysis it was read from."""

    analysis_id: AnalysisId
    analysed_build_id: AnalysedBuild
    analysed_data_as_of: AnalysedAsOf
