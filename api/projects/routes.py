"""HTTP of projects' settings and of re-attributions.

Belongs here: changing projects, thin over the services. Does not belong here: spend (`api.dashboards.routes`), rules,
pages (`api.pages.project`).

Everything below `/projects/` belongs to slugs, which may have slashes: what looks at settings has paths of its own, and
what changes something another method.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.orm import Session

# `{slug:path}` takes every name.
from api import whole_paths as whole_paths  # noqa: PLC0414 - said twice: kept on purpose
from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.cost_centres.centres import list_cost_centres
from api.db.dependencies import Look, Work
from api.db.models import Project
from api.openapi import describe
from api.plans import PLAN_LIMITS
from api.projects.messages import (
    PROJECT_SETTINGS,
    REATTRIBUTION,
    NewReattribution,
    ProjectPatch,
    ProjectSettings,
    ProjectSettingsAnswer,
    ReattributionsAnswer,
    ReattributionShown,
)
from api.projects.reattribution import Move, list_reattributions, reattribute, withdraw_reattribution
from api.projects.settings import change_project
from api.projects.visibility import archive_project, list_projects, restore_project, shown_projects

router = APIRouter(prefix="/v1/{workspace}", tags=["projects"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_PROJECTS))]
Slug = Annotated[str, Path(description="Slug of the project.", examples=["batch-summariser"])]
ReattributionId = Annotated[str, Path(description="Id of the decision.", examples=[REATTRIBUTION["id"]])]
_CHANGING = (400, 401, 403, 404, 409, 413, 422)


@router.get(
    "/project-settings",
    **describe(
        "Settings of all projects",
        answer=ProjectSettingsAnswer,
        example={"projects": [PROJECT_SETTINGS], "shown": 1, "ceiling": 10},
        answer_description="The projects in the order they were first seen",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_project_settings(caller: ReadWorkspace, look: Look) -> Response:
    """List what projects are called and billed as, and how many of them the plan shows."""
    return json_answer(
        ProjectSettingsAnswer(
            projects=[_shown(look, project) for project in list_projects(look, caller.workspace_id)],
            shown=shown_projects(look, caller.workspace_id),
            ceiling=PLAN_LIMITS[caller.plan].projects,
        )
    )


@router.patch(
    "/projects/{slug:path}",
    **describe(
        "Change a project's settings",
        answer=ProjectSettings,
        example=PROJECT_SETTINGS,
        message=ProjectPatch,
        message_example={"display_name": "Batch summariser", "hourly_rate": {"amount": "120.00", "currency": "EUR"}},
        refusals=_CHANGING,
    ),
)
def patch_project(
    request: Request,
    caller: Editor,
    slug: Slug,
    message: Annotated[ProjectPatch, Depends(message_body(ProjectPatch))],
    work: Work,
) -> Response:
    """Rename a project, set or take away its client, hourly rate, mark-up and cost centre. Its slug stays."""
    at = request.app.state.clock.now()
    project = change_project(work, caller.workspace_id, slug, message.change(), actor=caller.actor, at=at)
    return json_answer(_shown(work, project))


@router.post(
    "/projects/{slug:path}/archive",
    **describe("Archive a project", answer=ProjectSettings, example=PROJECT_SETTINGS, refusals=(401, 403, 404, 409)),
)
def post_archive(request: Request, caller: Editor, slug: Slug, work: Work) -> Response:
    """Withhold the project's requests received from now on; earlier ones stay in the dashboards."""
    at = request.app.state.clock.now()
    return json_answer(_shown(work, archive_project(work, caller.workspace_id, slug, actor=caller.actor, at=at)))


@router.post(
    "/projects/{slug:path}/restore",
    **describe("Restore a project", answer=ProjectSettings, example=PROJECT_SETTINGS, refusals=(401, 403, 404, 409)),
)
def post_restore(request: Request, caller: Editor, slug: Slug, work: Work) -> Response:
    """Show an archived project's requests again, those received meanwhile included."""
    at = request.app.state.clock.now()
    return json_answer(_shown(work, restore_project(work, caller.workspace_id, slug, actor=caller.actor, at=at)))


@router.get(
    "/reattributions",
    **describe(
        "Requests moved between projects",
        answer=ReattributionsAnswer,
        example={"reattributions": [REATTRIBUTION]},
        answer_description="All decisions, newest first",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_reattributions(caller: ReadWorkspace, look: Look) -> Response:
    """List every decision that requests of one project count for another, withdrawn ones included."""
    return json_answer(ReattributionsAnswer.of(list_reattributions(look, caller.workspace_id)))


@router.post(
    "/reattributions",
    **describe(
        "Move requests to another project",
        answer=ReattributionShown,
        example=REATTRIBUTION,
        status=201,
        answer_description="Decided; figures follow with the next build",
        message=NewReattribution,
        message_example={"from_project": "scratch", "to_project": "batch-summariser", "first_day": "2026-03-01"},
        refusals=_CHANGING,
    ),
)
def post_reattribution(
    request: Request,
    caller: Editor,
    message: Annotated[NewReattribution, Depends(message_body(NewReattribution))],
    work: Work,
) -> Response:
    """Let requests logged under one project count for another: all, those of a period, or those of a device.

    Of several decisions that fit what was logged the newest holds; nothing is moved twice.
    """
    move = Move(
        from_project=message.from_project,
        to_project=message.to_project,
        first_day=message.first_day,
        last_day=message.last_day,
        device_id=message.device_id,
        reason=message.reason,
    )
    at = request.app.state.clock.now()
    decision = reattribute(work, caller.workspace_id, move, actor=caller.actor, at=at)
    return json_answer(ReattributionShown.of(decision), status=201)


@router.post(
    "/reattributions/{reattribution_id}/withdraw",
    **describe(
        "Withdraw a re-attribution",
        answer=ReattributionShown,
        example={**REATTRIBUTION, "withdrawn_at": "2026-04-07T12:00:00Z"},
        refusals=(401, 403, 404, 409),
    ),
)
def post_withdraw(request: Request, caller: Editor, reattribution_id: ReattributionId, work: Work) -> Response:
    """Take a decision back, as if it had never been taken; it stays in the history."""
    at = request.app.state.clock.now()
    decision = withdraw_reattribution(work, caller.workspace_id, reattribution_id, actor=caller.actor, at=at)
    return json_answer(ReattributionShown.of(decision))


def _shown(session: Session, project: Project) -> ProjectSettings:
    centres = {centre.id: centre.slug for centre in list_cost_centres(session, project.workspace_id)}
    return ProjectSettings.of(project, centres)
