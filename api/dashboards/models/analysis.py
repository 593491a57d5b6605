"""What every answer from the analysis carries.

Belongs here: its stamp. Does not belong here: one view's own parts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import BuildStamp


class AnalysisStamp(BuildStamp, kw_only=True, frozen=True):
    """Which analysis an answer was read from; `build_id` and `data_as_of` are those of the marts it was made of."""

    analysis_id: Annotated[str | None, Meta(description="The published analysis read; null before the first.")]
    analysis_state: Annotated[
        Literal["ready", "not_ready"],
        Meta(description="not_ready before the first analysis: what is empty is not known yet."),
    ]
    is_behind: Annotated[bool, Meta(description="True when a later build of the marts is served already.")]
