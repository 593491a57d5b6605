"""Page of API keys: `/{workspace}/settings/advanced`, reachable as `/settings/api-keys` too.

Belongs here: the list, making, rotating and revoking a key. Does not belong here: rules (`api.api_keys`).

A secret stands on the one page that answers its making. That page is never stored by browsers and comes straight from
the form: a page to be fetched again would need the secret kept.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import KeyScope, Permission
from api.access.same_site import public_url
from api.api_keys import IssuedKey, find_api_key, issue_api_key, list_api_keys, revoke_api_key, rotate_api_key
from api.db.dependencies import Look, Work
from api.db.models import ApiKey, Plan, Role
from api.errors import Refused, invalid
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Manager = Annotated[Caller, Depends(caller_with(Permission.MANAGE_API_KEYS))]

DONE: Final = {"revoked": "The key was revoked. Whoever used it gets no answer any more."}
SCOPES: Final = {
    KeyScope.READ: "Read dashboards, devices and the audit log",
    KeyScope.SCIM: "Add and remove members from a company directory (SCIM)",
}


@router.get("/{workspace}/settings/advanced")
def keys_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show the workspace's keys, and the form for another."""
    return _keys(request, caller, look, done=DONE.get(done, ""))


@router.get("/{workspace}/settings/api-keys")
def keys_by_their_name(caller: Viewer) -> Response:
    """Lead to the page under its documented path."""
    return see_other(f"/{caller.slug}/settings/advanced")


@router.post("/{workspace}/settings/advanced")
def create(request: Request, caller: Manager, form: PostedForm, work: Work) -> Response:
    """Make a key and show its secret, this once."""
    form.only("name", "scope")
    caller.require_writable()
    typed = (form.text("name"), form.text("scope"))
    now = request.app.state.clock.now()
    try:
        issued = issue_api_key(
            work,
            caller.workspace_id,
            name=typed[0],
            scope=_scope(typed[1]),
            role=caller.role,
            actor=caller.actor,
            at=now,
        )
    except Refused as refused:
        work.rollback()
        return _keys(request, caller, work, refused=refused, typed=typed)
    return _secret(request, caller, issued, "made")


@router.get("/{workspace}/settings/advanced/{key_id}/rotate")
def ask_to_rotate(request: Request, caller: Manager, key_id: str, look: Look) -> Response:
    """Ask whether a key should really get a new secret."""
    caller.require_writable()
    return _ask(request, caller, look, key_id, "rotate")


@router.post("/{workspace}/settings/advanced/{key_id}/rotate")
def rotate(request: Request, caller: Manager, key_id: str, form: PostedForm, work: Work) -> Response:
    """Give a key a new secret and show it, this once."""
    form.only()
    caller.require_writable()
    now = request.app.state.clock.now()
    issued = rotate_api_key(work, caller.workspace_id, key_id, role=caller.role, actor=caller.actor, at=now)
    return _secret(request, caller, issued, "rotated")


@router.get("/{workspace}/settings/advanced/{key_id}/revoke")
def ask_to_revoke(request: Request, caller: Manager, key_id: str, look: Look) -> Response:
    """Ask whether a key should really end."""
    return _ask(request, caller, look, key_id, "revoke")


@router.post("/{workspace}/settings/advanced/{key_id}/revoke")
def revoke(request: Request, caller: Manager, key_id: str, form: PostedForm, work: Work) -> Response:
    """End a key."""
    form.only()
    now = request.app.state.clock.now()
    revoke_api_key(work, caller.workspace_id, key_id, role=caller.role, actor=caller.actor, at=now)
    return see_other(f"/{caller.slug}/settings/advanced?done=revoked")


def _scope(text: str) -> KeyScope:
    try:
        return KeyScope(text)
    except ValueError:
        raise invalid("Choose what the key may do.") from None


def _scopes_for(caller: Caller) -> list[tuple[str, str]]:
    """Return the scopes the caller may give a key, with their words."""
    directory = caller.role is Role.OWNER and caller.plan is Plan.ENTERPRISE
    return [(scope.value, words) for scope, words in SCOPES.items() if scope is KeyScope.READ or directory]


def _keys(
    request: Request,
    caller: Caller,
    session: Session,
    *,
    refused: Refused | None = None,
    typed: tuple[str, str] = ("", KeyScope.READ.value),
    done: str = "",
) -> Response:
    keys = list_api_keys(session, caller.workspace_id)
    return page(
        request,
        "api_keys/list.html",
        caller=caller,
        status=200 if refused is None else refused.status,
        keys=keys,
        manageable={key.id for key in keys if _may_manage(caller, key)},
        scopes=_scopes_for(caller),
        words=SCOPES,
        refused=refused,
        typed=typed,
        now=request.app.state.clock.now(),
        base_url=public_url(request),
        done=done,
    )


def _ask(request: Request, caller: Caller, session: Session, key_id: str, action: str) -> Response:
    key = find_api_key(session, caller.workspace_id, key_id)
    now = request.app.state.clock.now()
    return page(request, "api_keys/confirm.html", caller=caller, key=key, action=action, now=now)


def _secret(request: Request, caller: Caller, issued: IssuedKey, event: str) -> Response:
    return page(
        request,
        "api_keys/secret.html",
        caller=caller,
        issued=issued,
        event=event,
        words=SCOPES[KeyScope(issued.key.scope)],
        base_url=public_url(request),
    )


def _may_manage(caller: Caller, key: ApiKey) -> bool:
    right = key.scope != KeyScope.SCIM or caller.role is Role.OWNER
    return right and caller.may(Permission.MANAGE_API_KEYS) and key.revoked_at_us is None
