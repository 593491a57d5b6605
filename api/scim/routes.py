"""HTTP of SCIM 2.0: `/scim/v2/{workspace}/…`.

Belongs here: the paths, thin over `directory`. Does not belong here: the rules.

The service describes itself as SCIM does (`discovery`), not in the OpenAPI document. Calls bring an API key with the
scope `scim`; the workspace must be on a plan with directory sync.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.db.dependencies import Look, Work
from api.errors import Refused, not_found
from api.members.acting import Acting
from api.plans import DIRECTORY
from api.scim.answers import scim_answer, scim_body
from api.scim.directory import PAGE_MAX, Directory
from api.scim.discovery import resource_types, schemas, service_provider_config
from api.scim.filters import read_filter
from api.scim.patches import Patch, read_patch
from api.scim.resources import list_resource, user_resource, wanted_user

router = APIRouter(prefix="/scim/v2/{workspace}", include_in_schema=False)

_ManagesDirectory = Annotated[Caller, Depends(caller_with(Permission.MANAGE_DIRECTORY))]
Body = Annotated[dict[str, Any], Depends(scim_body)]


def on_enterprise(caller: _ManagesDirectory) -> Caller:
    """FastAPI dependency: a caller whose workspace's plan has directory sync.

    Raises:
        Refused: 403 `plan_required`.
    """
    if caller.plan not in DIRECTORY:
        raise Refused(403, "plan_required", "Directory sync is part of the Enterprise plan.")
    return caller


Syncing = Annotated[Caller, Depends(on_enterprise)]


@router.get("/ServiceProviderConfig")
def get_config(request: Request, caller: Syncing) -> Response:
    """Say what this service can do."""
    return scim_answer(service_provider_config(_base(request, caller)))


@router.get("/ResourceTypes")
def get_resource_types(request: Request, caller: Syncing) -> Response:
    """List the types of resources."""
    found = resource_types(_base(request, caller))
    return scim_answer(list_resource(found, total=len(found), start=1))


@router.get("/ResourceTypes/{name}")
def get_resource_type(request: Request, caller: Syncing, name: str) -> Response:
    """Describe one type of resource."""
    return _one_of(resource_types(_base(request, caller)), name)


@router.get("/Schemas")
def get_schemas(request: Request, caller: Syncing) -> Response:
    """List the schemas."""
    found = schemas(_base(request, caller))
    return scim_answer(list_resource(found, total=len(found), start=1))


@router.get("/Schemas/{name}")
def get_schema(request: Request, caller: Syncing, name: str) -> Response:
    """Describe one schema."""
    return _one_of(schemas(_base(request, caller)), name)


@router.get("/Users")
def list_users(
    request: Request,
    caller: Syncing,
    look: Look,
    wanted: Annotated[str | None, Query(alias="filter")] = None,
    start: Annotated[str | None, Query(alias="startIndex")] = None,
    count: str | None = None,
) -> Response:
    """List the directory's people, or find one."""
    first, most = _number(start, 1, least=1), _number(count, PAGE_MAX // 2, least=0)
    users, total = _directory(request, caller, look).page(read_filter(wanted), start=first, count=most)
    base = _base(request, caller)
    return scim_answer(list_resource([user_resource(user, base) for user in users], total=total, start=first))


@router.post("/Users")
def create_user(request: Request, caller: Syncing, body: Body, work: Work) -> Response:
    """Add a person."""
    user = _directory(request, caller, work).add(wanted_user(body))
    shown = user_resource(user, _base(request, caller))
    return scim_answer(shown, status=201, headers={"Location": shown["meta"]["location"]})


@router.get("/Users/{directory_id}")
def get_user(request: Request, caller: Syncing, directory_id: str, look: Look) -> Response:
    """Show a person."""
    user = _directory(request, caller, look).find(directory_id)
    return scim_answer(user_resource(user, _base(request, caller)))


@router.put("/Users/{directory_id}")
def replace_user(request: Request, caller: Syncing, directory_id: str, body: Body, work: Work) -> Response:
    """Replace what the directory says of a person; not saying whether they are active leaves that as it is."""
    said = wanted_user(body)
    patch = Patch(active=said.active, external_id=said.external_id or "", user_name=said.user_name)
    user = _directory(request, caller, work).change(directory_id, patch)
    return scim_answer(user_resource(user, _base(request, caller)))


@router.patch("/Users/{directory_id}")
def patch_user(request: Request, caller: Syncing, directory_id: str, body: Body, work: Work) -> Response:
    """Change a person."""
    user = _directory(request, caller, work).change(directory_id, read_patch(body))
    return scim_answer(user_resource(user, _base(request, caller)))


@router.delete("/Users/{directory_id}")
def delete_user(request: Request, caller: Syncing, directory_id: str, work: Work) -> Response:
    """Remove a person."""
    _directory(request, caller, work).remove(directory_id)
    return Response(status_code=204)


def _directory(request: Request, caller: Caller, session: Session) -> Directory:
    return Directory(session, caller.workspace_id, Acting.of(caller), request.app.state.clock.now())


def _base(request: Request, caller: Caller) -> str:
    return f"{public_url(request)}/scim/v2/{caller.slug}"


def _one_of(found: list[dict[str, Any]], name: str) -> Response:
    for one in found:
        if one["id"] == name:
            return scim_answer(one)
    raise not_found("not_found", "There is nothing at this path.")


def _number(text: str | None, usual: int, *, least: int) -> int:
    """Return a whole number of a query; what is too small counts as the least, and garbage as nothing said."""
    if text is None or not text.lstrip("-").isdecimal() or len(text) > 9:  # noqa: PLR2004 - a billion people
        return usual
    return max(least, int(text))
