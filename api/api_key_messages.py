"""How API keys are told to people and programs: by routes, and by operators' commands.

Belongs here: that shape. Does not belong here: routes (`api_key_routes`), rules (`api_keys`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from api.db.models import ApiKey
from pipelines.lake.clock import from_micros, iso_utc


class ApiKeyShown(msgspec.Struct, kw_only=True, frozen=True):
    """A key without its secret."""

    id: str
    name: str
    scope: Annotated[str, Meta(description="`read` or `scim`.")]
    created_at: str
    created_by: Annotated[str | None, Meta(description="Who made it; null for keys of old.")]
    rotated_at: str | None
    last_used_at: Annotated[str | None, Meta(description="To the minute; null when it never was.")]
    revoked_at: str | None


def key_shown(key: ApiKey) -> ApiKeyShown:
    """Return a key as it is told to people and programs."""
    return ApiKeyShown(
        id=key.id,
        name=key.name,
        scope=key.scope,
        created_at=iso_utc(from_micros(key.created_at_us)),
        created_by=key.created_by,
        rotated_at=_instant(key.rotated_at_us),
        last_used_at=_instant(key.last_used_at_us),
        revoked_at=_instant(key.revoked_at_us),
    )


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
