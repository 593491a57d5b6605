"""HTTP of workspaces: one's own, a further one, settings and logo.

Belongs here: `/v1/workspaces` and `/v1/{workspace}/settings…`, thin over the services. Does not belong here: deletion
and exports (`ending_routes`), rules, pages (`api.pages.settings`, `api.pages.new_workspace`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, Person, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.billing.prices import Billing
from api.db.dependencies import Look, Work
from api.db.models import Plan
from api.errors import Refused, invalid
from api.openapi import describe
from api.workspaces.creation import create_further_workspace
from api.workspaces.logos import UPLOAD_BYTES_MAX, remove_logo, set_logo
from api.workspaces.messages import OWN, SETTINGS, NewWorkspace, OwnWorkspacesAnswer, SettingsPatch, SettingsShown
from api.workspaces.own import own_workspaces
from api.workspaces.settings import change_settings, settings_of

router = APIRouter(tags=["workspaces"])

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_WORKSPACE))]

_PUT_LOGO: Final[dict[str, Any]] = {
    **describe(
        "Set the logo",
        answer=SettingsShown,
        example=SETTINGS,
        answer_description="The settings with the new logo",
        refusals=(401, 403, 404, 409, 413, 422),
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
}


async def uploaded_logo(request: Request) -> bytes:
    """FastAPI dependency: the body, under the cap of a logo.

    Raises:
        Refused: 413 it is larger.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > UPLOAD_BYTES_MAX:
            raise Refused(413, "logo_too_large", f"The file is larger than {UPLOAD_BYTES_MAX // 1024} KiB.")
    return bytes(body)


@router.get(
    "/v1/workspaces",
    **describe(
        "One's own workspaces",
        answer=OwnWorkspacesAnswer,
        example=OWN,
        answer_description="By name",
        refusals=(401,),
    ),
)
def get_own_workspaces(person: Person, look: Look) -> Response:
    """List the workspaces the signed-in person belongs to."""
    return json_answer(OwnWorkspacesAnswer.of(own_workspaces(look, person.user_id)))


@router.post(
    "/v1/workspaces",
    **describe(
        "Create a workspace",
        answer=SettingsShown,
        example=SETTINGS,
        status=201,
        answer_description="The new workspace",
        message=NewWorkspace,
        message_example={"name": "Client work", "slug": "client-work", "plan": "team", "time_zone": "Europe/Berlin"},
        refusals=(400, 401, 403, 409, 413, 422),
    ),
)
def post_workspace(
    request: Request,
    person: Person,
    message: Annotated[NewWorkspace, Depends(message_body(NewWorkspace))],
    work: Work,
) -> Response:
    """Create a further workspace and own it: on Team, or on any plan for who belongs to one on Team or above."""
    billing: Billing = request.app.state.billing
    workspace = create_further_workspace(
        work,
        person.user_id,
        name=message.name,
        plan=plan_named(message.plan),
        time_zone=message.time_zone,
        sold_here=billing.self_service,
        at=request.app.state.clock.now(),
        slug=message.slug,
    )
    return json_answer(SettingsShown.of(settings_of(work, workspace.id)), status=201)


@router.get(
    "/v1/{workspace}/settings",
    **describe(
        "Settings",
        answer=SettingsShown,
        example=SETTINGS,
        answer_description="The workspace's settings",
        refusals=(401, 403, 404),
    ),
)
def get_settings(caller: Viewer, look: Look) -> Response:
    """Show name, slug, reporting time zone, currency note, retention and logo."""
    return json_answer(SettingsShown.of(settings_of(look, caller.workspace_id)))


@router.patch(
    "/v1/{workspace}/settings",
    **describe(
        "Change settings",
        answer=SettingsShown,
        example=SETTINGS,
        answer_description="The settings from now on",
        message=SettingsPatch,
        message_example={"slug": "acme-co", "time_zone": "Europe/Berlin"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def patch_settings(
    request: Request,
    caller: Editor,
    message: Annotated[SettingsPatch, Depends(message_body(SettingsPatch))],
    work: Work,
) -> Response:
    """Change what is sent, all of it or nothing.

    An earlier slug stays the workspace's: pages go on from it, paths under `/v1` do not.
    """
    at = request.app.state.clock.now()
    settings = change_settings(work, caller.workspace_id, message.change(), actor=caller.actor, at=at)
    return json_answer(SettingsShown.of(settings))


@router.put("/v1/{workspace}/settings/logo", **_PUT_LOGO)
def put_logo(
    request: Request, caller: Editor, upload: Annotated[bytes, Depends(uploaded_logo)], work: Work
) -> Response:
    """Take a PNG, JPEG, GIF or WebP as the request's body; what is kept is a PNG encoded anew. SVG is refused."""
    set_logo(work, caller.workspace_id, upload, actor=caller.actor, at=request.app.state.clock.now())
    return json_answer(SettingsShown.of(settings_of(work, caller.workspace_id)))


@router.delete(
    "/v1/{workspace}/settings/logo",
    **describe(
        "Remove the logo",
        answer=SettingsShown,
        example={**SETTINGS, "logo": None},
        answer_description="The settings without a logo",
        refusals=(401, 403, 404, 409),
    ),
)
def delete_logo(request: Request, caller: Editor, work: Work) -> Response:
    """Remove the logo."""
    remove_logo(work, caller.workspace_id, actor=caller.actor, at=request.app.state.clock.now())
    return json_answer(SettingsShown.of(settings_of(work, caller.workspace_id)))


def plan_named(text: str) -> Plan:
    """Return the plan of a name.

    Raises:
        Refused: 422 there is none.
    """
    try:
        return Plan(text)
    except ValueError:
        raise invalid("Choose a plan.") from None
