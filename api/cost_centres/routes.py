"""HTTP of cost centres.

Belongs here: their spend, creating and changing them, thin over the services. Does not belong here: assigning a project
(`api.projects.routes`), pages (`api.pages.cost_centres`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.cost_centres.centres import (
    archive_cost_centre,
    create_cost_centre,
    rename_cost_centre,
    restore_cost_centre,
)
from api.dashboards.cost_centres import cost_centre_list
from api.dashboards.models.cost_centres import CostCentresAnswer
from api.dashboards.models.group_examples import COST_CENTRES
from api.dashboards.parameters import RailCall
from api.dashboards.serving import answer
from api.db.dependencies import Work
from api.db.models import CostCentre
from api.openapi import describe
from pipelines.lake.clock import from_micros, iso_utc

router = APIRouter(prefix="/v1/{workspace}", tags=["cost centres"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_PROJECTS))]
Centre = Annotated[str, Path(description="Slug of the cost centre.", examples=["client-work"])]
_CENTRE: Final[dict[str, Any]] = {"cost_centre": "client-work", "name": "Client Work", "archived_at": None}
_CHANGING = (400, 401, 403, 404, 409, 413, 422)


class CostCentreName(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What people call a cost centre."""

    name: str


class CostCentreSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A cost centre."""

    cost_centre: str
    name: str
    archived_at: str | None

    @staticmethod
    def of(centre: CostCentre) -> CostCentreSettings:
        """Return a cost centre as it is shown."""
        archived = None if centre.archived_at_us is None else iso_utc(from_micros(centre.archived_at_us))
        return CostCentreSettings(cost_centre=centre.slug, name=centre.name, archived_at=archived)


Named = Annotated[CostCentreName, Depends(message_body(CostCentreName))]


@router.get(
    "/cost-centers",
    **describe(
        "Cost centres",
        answer=CostCentresAnswer,
        example=COST_CENTRES,
        answer_description="The cost centres",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers={304: {"description": "Unchanged since the entity tag sent"}},
    ),
)
def get_cost_centres(call: RailCall) -> Response:
    """Every cost centre with its spend and its projects; projects without one stand together."""
    return answer(call, "cost-centers", cost_centre_list)


@router.post(
    "/cost-centers",
    **describe(
        "Create a cost centre",
        answer=CostCentreSettings,
        example=_CENTRE,
        status=201,
        message=CostCentreName,
        message_example={"name": "Client Work"},
        refusals=_CHANGING,
    ),
)
def post_cost_centre(request: Request, caller: Editor, message: Named, work: Work) -> Response:
    """Create a cost centre; its slug is made from the name and stays."""
    at = request.app.state.clock.now()
    centre = create_cost_centre(work, caller.workspace_id, message.name, actor=caller.actor, at=at)
    return json_answer(CostCentreSettings.of(centre), status=201)


@router.patch(
    "/cost-centers/{cost_centre}",
    **describe(
        "Rename a cost centre",
        answer=CostCentreSettings,
        example=_CENTRE,
        message=CostCentreName,
        message_example={"name": "Client Work"},
        refusals=_CHANGING,
    ),
)
def patch_cost_centre(request: Request, caller: Editor, cost_centre: Centre, message: Named, work: Work) -> Response:
    """Change what people call a cost centre."""
    at = request.app.state.clock.now()
    centre = rename_cost_centre(work, caller.workspace_id, cost_centre, message.name, actor=caller.actor, at=at)
    return json_answer(CostCentreSettings.of(centre))


@router.post(
    "/cost-centers/{cost_centre}/archive",
    **describe("Archive a cost centre", answer=CostCentreSettings, example=_CENTRE, refusals=(401, 403, 404, 409)),
)
def post_archive(request: Request, caller: Editor, cost_centre: Centre, work: Work) -> Response:
    """Let a cost centre take no further projects; those it has stay with it."""
    at = request.app.state.clock.now()
    centre = archive_cost_centre(work, caller.workspace_id, cost_centre, actor=caller.actor, at=at)
    return json_answer(CostCentreSettings.of(centre))


@router.post(
    "/cost-centers/{cost_centre}/restore",
    **describe("Restore a cost centre", answer=CostCentreSettings, example=_CENTRE, refusals=(401, 403, 404, 409)),
)
def post_restore(request: Request, caller: Editor, cost_centre: Centre, work: Work) -> Response:
    """Let an archived cost centre take projects again."""
    at = request.app.state.clock.now()
    centre = restore_cost_centre(work, caller.workspace_id, cost_centre, actor=caller.actor, at=at)
    return json_answer(CostCentreSettings.of(centre))
