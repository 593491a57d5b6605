"""Answers of `api_keys` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import TypedDict


class ApiKeyShown(TypedDict):
    """A key without its secret."""

    id: str
    name: str
    scope: str
    created_at: str
    created_by: str | None
    rotated_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class ApiKeysAnswer(TypedDict):
    """`GET /v1/{workspace}/api-keys`: working keys first."""

    api_keys: list[ApiKeyShown]
