"""Callers of a workspace's routes: a member's browser or an API key, and what they may do there.

Belongs here: turning credentials and a slug into a `Caller`, and the FastAPI dependency that routes name their
permission with. Does not belong here: daemons (`api.auth`), the table of permissions (`permissions`).

The first of these that fits is the answer:

    no or dead credentials           401 `sign_in_required` (an API key that is no good: `api_key_unknown`)
    no such workspace                404 `workspace_not_found`
    somebody else's workspace        the same 404
    one they were removed from       403 `membership_removed`
    role or key may not do it        403 `not_allowed`
    the workspace is read-only       409 `workspace_read_only`, with the reason

Membership is read with every call, so that a removal takes effect at the very next one; and calls that change something
read it again under the workspace's lock, so that one under way when a removal is committed changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from fastapi import Depends, Path, Request
from sqlalchemy import Connection, Engine, RowMapping, and_, bindparam, select, update
from sqlalchemy.orm import Session

from api.access.browser_sessions import SESSION_COOKIE, SignedIn, find_session
from api.access.caller import Caller
from api.access.permissions import KEY_PERMISSIONS, ROLE_PERMISSIONS, KeyScope, Permission
from api.access.same_site import FORM_HEADER, require_form_token, require_same_origin
from api.audit import Actor, ActorType
from api.db.models import ApiKey, FormerMembership, Membership, Plan, Role, Subscription, User, Workspace
from api.db.session import lock_workspace, transaction
from api.errors import Refused, unauthorised, workspace_not_found
from api.tokens import SecretKind, bearer_secret, secret_digest
from pipelines.lake.clock import Clock, to_micros

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_JSON_PATHS: Final = ("/v1/", "/scim/")
_KEY_USE_NOTED_EVERY_US: Final = 60_000_000


def signed_in(request: Request) -> SignedIn:
    """FastAPI dependency: the person behind the browser, whatever workspace they look at.

    Raises:
        Refused: 401 `sign_in_required`; 403 when a change does not come from our own pages.
    """
    state = request.app.state
    person = find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)
    if person is None:
        raise sign_in_required()
    _guard_change(request, person)
    return person


def signed_in_or_nobody(request: Request) -> SignedIn | None:
    """FastAPI dependency: the person behind the browser, None when nobody is signed in. For pages that only look."""
    state = request.app.state
    return find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)


def caller_with(permission: Permission) -> Callable[[Request, str], Caller]:
    """Return a FastAPI dependency: the caller of a workspace's route, who needs this permission.

    The function carries the permission as `permission`, so that a test can read every route's.
    """

    def let_in(
        request: Request,
        workspace: Annotated[str, Path(description="Slug of the workspace.", examples=["acme-co"])],
    ) -> Caller:
        caller = find_caller(request, workspace)
        caller.require(permission)
        if request.method not in _SAFE_METHODS:
            request.state.begin_change = partial(
                require_still, caller=caller, permission=permission, clock=request.app.state.clock
            )
        return caller

    let_in.permission = permission  # pyright: ignore[reportFunctionMemberAccess]
    return let_in


def find_caller(request: Request, slug: str) -> Caller:
    """Return who calls a workspace's route. Blocks on the database: call it in a thread.

    Raises:
        Refused: as the module's docstring says.
    """
    state = request.app.state
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _by_key(state.engine, authorization, slug, state.clock)
    person = find_session(state.engine, request.cookies.get(SESSION_COOKIE), state.clock)
    if person is None:
        raise sign_in_required()
    _guard_change(request, person)
    return by_membership(state.engine, person, slug, state.clock)


def by_membership(engine: Engine, person: SignedIn, slug: str, clock: Clock) -> Caller:
    """Return a person as caller of one of their workspaces.

    Raises:
        Refused: 404 absent or not theirs; 403 `membership_removed`.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        return _member(connection, person, slug, clock)


def require_still(session: Session, caller: Caller, permission: Permission, clock: Clock) -> None:
    """Lock the caller's workspace until the transaction ends, and refuse what the caller may no longer do.

    Between a call's credentials and its change somebody may remove the member, revoke the key, or delete the workspace.

    Raises:
        Refused: as the module's docstring says.
    """
    lock_workspace(session, caller.workspace_id)
    connection = session.connection()
    if caller.person is not None:
        _member(connection, caller.person, caller.slug, clock).require(permission)
        return
    alive = select(ApiKey.id).where(ApiKey.id == caller.api_key_id, ApiKey.revoked_at_us.is_(None))
    if connection.execute(alive).one_or_none() is None:
        raise _key_unknown()


def _member(connection: Connection, person: SignedIn, slug: str, clock: Clock) -> Caller:
    row = connection.execute(_MEMBER, {"slug": slug, "user_id": person.user_id}).mappings().one_or_none()
    if row is None or (row["role"] is None and row["removed_at_us"] is None):
        raise workspace_not_found()
    if row["role"] is None:
        raise Refused(403, "membership_removed", "You were removed from this workspace.")
    role = Role(row["role"])
    actor = Actor(ActorType.USER, person.email)
    return _caller(row, clock, role, ROLE_PERMISSIONS[role], actor, person=person)


def sign_in_required() -> Refused:
    """Return the 401 of somebody who is not signed in; pages answer it by leading to the sign-in."""
    return unauthorised("sign_in_required", "Sign in, or send a valid API key as Authorization: Bearer hm_api_...")


Person = Annotated[SignedIn, Depends(signed_in)]
MaybePerson = Annotated[SignedIn | None, Depends(signed_in_or_nobody)]
ReadWorkspace = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]


def _guard_change(request: Request, person: SignedIn) -> None:
    """Hold a change asked for with a cookie to our own pages.

    Forms carry their token in the body, which whoever reads the form checks (`api.pages.forms`: every page that takes
    one does); all others send it as a header. No JSON route takes the name of a form for an excuse.
    """
    if request.method in _SAFE_METHODS:
        return
    require_same_origin(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS or request.url.path.startswith(_JSON_PATHS):
        require_form_token(request.headers.get(FORM_HEADER), person.form_token)


_OF_WORKSPACE: Final = (
    Workspace.id.label("workspace_id"),
    Workspace.slug,
    Workspace.name,
    Workspace.plan,
    Workspace.time_zone,
    Workspace.deletion_requested_at_us,
    Subscription.cancels_at_us,
)
_MEMBER: Final = (
    select(*_OF_WORKSPACE, Membership.role, FormerMembership.removed_at_us)
    .outerjoin(Subscription, Subscription.workspace_id == Workspace.id)
    .outerjoin(
        Membership,
        and_(Membership.workspace_id == Workspace.id, Membership.user_id == bindparam("user_id", type_=User.id.type)),
    )
    .outerjoin(
        FormerMembership,
        and_(
            FormerMembership.workspace_id == Workspace.id,
            FormerMembership.user_id == bindparam("user_id", type_=User.id.type),
        ),
    )
    .where(Workspace.slug == bindparam("slug"))
)
_KEY: Final = (
    select(
        *_OF_WORKSPACE, ApiKey.id.label("key_id"), ApiKey.name.label("key_name"), ApiKey.scope, ApiKey.last_used_at_us
    )
    .join(Workspace, Workspace.id == ApiKey.workspace_id)
    .outerjoin(Subscription, Subscription.workspace_id == Workspace.id)
    .where(ApiKey.key_sha256 == bindparam("digest"), ApiKey.revoked_at_us.is_(None))
)


def _by_key(engine: Engine, authorization: str, slug: str, clock: Clock) -> Caller:
    key = bearer_secret(authorization, SecretKind.API)
    row = None
    if key is not None:
        with engine.connect().execution_options(read_only=True) as connection:
            row = connection.execute(_KEY, {"digest": secret_digest(key)}).mappings().one_or_none()
    if row is None:
        raise _key_unknown()
    if row["slug"] != slug:
        raise workspace_not_found()
    now_us = to_micros(clock.now())
    if now_us - (row["last_used_at_us"] or 0) > _KEY_USE_NOTED_EVERY_US:
        with transaction(engine) as session:
            session.execute(update(ApiKey).where(ApiKey.id == row["key_id"]).values(last_used_at_us=now_us))
    permissions = KEY_PERMISSIONS[KeyScope(row["scope"])]
    return _caller(row, clock, None, permissions, Actor(ActorType.API_KEY, row["key_id"]), key_id=row["key_id"])


def _key_unknown() -> Refused:
    return unauthorised("api_key_unknown", "Send a valid API key as Authorization: Bearer hm_api_...")


def _caller(
    row: RowMapping,
    clock: Clock,
    role: Role | None,
    permissions: frozenset[Permission],
    actor: Actor,
    *,
    person: SignedIn | None = None,
    key_id: str | None = None,
) -> Caller:
    read_only = None
    if row["deletion_requested_at_us"] is not None:
        read_only = "deletion"
    elif row["cancels_at_us"] is not None and to_micros(clock.now()) >= row["cancels_at_us"]:
        read_only = "subscription_ended"
    return Caller(
        workspace_id=row["workspace_id"],
        slug=row["slug"],
        name=row["name"],
        plan=Plan(row["plan"]),
        time_zone=row["time_zone"],
        read_only=read_only,
        deletion_requested_at_us=row["deletion_requested_at_us"],
        role=role,
        permissions=permissions,
        actor=actor,
        person=person,
        api_key_id=key_id,
    )
