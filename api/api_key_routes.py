"""HTTP of API keys: `/v1/{workspace}/api-keys`.

Belongs here: messages and routes, thin over `api.api_keys`. Does not belong here: rules, the page
(`api.pages.api_keys`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta

from api.access.callers import Caller, caller_with
from api.access.permissions import KeyScope, Permission
from api.answers import json_answer, message_body
from api.api_key_messages import ApiKeyShown, key_shown
from api.api_keys import IssuedKey, issue_api_key, list_api_keys, revoke_api_key, rotate_api_key
from api.db.dependencies import Look, Work
from api.openapi import describe

router = APIRouter(tags=["api keys"])
KeyReader = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
KeyManager = Annotated[Caller, Depends(caller_with(Permission.MANAGE_API_KEYS))]


class ApiKeysAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/api-keys`: working keys first."""

    api_keys: list[ApiKeyShown]


class ApiKeyIssued(msgspec.Struct, kw_only=True, frozen=True):
    """A key with its secret, which is told this once."""

    secret: str
    api_key: ApiKeyShown


class ApiKeyWanted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/{workspace}/api-keys`."""

    name: Annotated[str, Meta(max_length=255)]
    scope: KeyScope = KeyScope.READ


_KEY: Final = {
    "id": "8a1f6f1e-3f0a-4a51-9d56-0f5a8b1c2d3e",
    "name": "notebook",
    "scope": "read",
    "created_at": "2026-07-01T09:00:00Z",
    "created_by": "vk@acme.co",
    "rotated_at": None,
    "last_used_at": "2026-07-02T07:31:00Z",
    "revoked_at": None,
}
_ISSUED: Final = {"secret": "hm_api_0123456789ABCDEFGHIJKLMNOPQRSTabcdef", "api_key": {**_KEY, "last_used_at": None}}


@router.get(
    "/v1/{workspace}/api-keys",
    **describe("API keys", answer=ApiKeysAnswer, example={"api_keys": [_KEY]}, refusals=(401, 403, 404)),
)
def get_keys(caller: KeyReader, look: Look) -> Response:
    """List the workspace's keys, revoked ones included; never their secrets."""
    return json_answer(ApiKeysAnswer(api_keys=[key_shown(key) for key in list_api_keys(look, caller.workspace_id)]))


@router.post(
    "/v1/{workspace}/api-keys",
    **describe(
        "Make an API key",
        answer=ApiKeyIssued,
        example=_ISSUED,
        status=201,
        message=ApiKeyWanted,
        message_example={"name": "notebook", "scope": "read"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def create_key(
    request: Request,
    caller: KeyManager,
    work: Work,
    message: Annotated[ApiKeyWanted, Depends(message_body(ApiKeyWanted))],
) -> Response:
    """Make a key; the answer is the only one that ever holds its secret."""
    caller.require_writable()
    issued = issue_api_key(
        work,
        caller.workspace_id,
        name=message.name,
        scope=message.scope,
        role=caller.role,
        actor=caller.actor,
        at=_now(request),
    )
    return _issued(issued, 201)


@router.post(
    "/v1/{workspace}/api-keys/{key_id}/rotate",
    **describe(
        "Give an API key a new secret",
        answer=ApiKeyIssued,
        example=_ISSUED,
        refusals=(401, 403, 404, 409),
    ),
)
def rotate_key(request: Request, caller: KeyManager, work: Work, key_id: str) -> Response:
    """Replace a key's secret; the old one is dead before this answer is sent."""
    caller.require_writable()
    return _issued(
        rotate_api_key(work, caller.workspace_id, key_id, role=caller.role, actor=caller.actor, at=_now(request)), 200
    )


@router.delete(
    "/v1/{workspace}/api-keys/{key_id}",
    **describe("Revoke an API key", status=204, answer_description="The key is dead", refusals=(401, 403, 404, 409)),
)
def delete_key(request: Request, caller: KeyManager, work: Work, key_id: str) -> Response:
    """End a key; possible also while the workspace is read-only."""
    revoke_api_key(work, caller.workspace_id, key_id, role=caller.role, actor=caller.actor, at=_now(request))
    return Response(status_code=204)


def _issued(issued: IssuedKey, status: int) -> Response:
    answer = ApiKeyIssued(secret=issued.secret, api_key=key_shown(issued.key))
    return json_answer(answer, status=status, headers={"Cache-Control": "no-store"})


def _now(request: Request) -> datetime:
    return request.app.state.clock.now()
