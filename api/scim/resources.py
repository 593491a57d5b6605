"""Users as SCIM writes them, and what of one a directory may say.

Belongs here: pure translation both ways, attribute names without regard to case. Does not belong here: storing anything
(`directory`), filters and patches (`filters`, `patches`).

`userName` is the e-mail address: who somebody is, in every workspace. A directory of one workspace may say it once,
when it adds the person, and change it never. Names belong to the person too, so they are taken for new people only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from api.access.text import clipped
from api.scim.answers import bad_request
from pipelines.lake.clock import from_micros, iso_utc

USER_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
LIST_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_LENGTH_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """One person a directory manages here."""

    id: str
    user_id: str
    email: str
    display_name: str | None
    external_id: str | None
    active: bool
    created_at_us: int
    changed_at_us: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a directory says of a person in POST or PUT.

    Attributes:
        active: None when it is not said.
    """

    user_name: str
    external_id: str | None
    display_name: str | None
    active: bool | None


def user_resource(user: DirectoryUser, base: str) -> dict[str, Any]:
    """Return a person as SCIM writes them.

    Args:
        user: who.
        base: URL of the workspace's SCIM service, without a slash at its end.
    """
    resource: dict[str, Any] = {
        "schemas": [USER_SCHEMA],
        "id": user.id,
        "userName": user.email,
        "active": user.active,
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "meta": {
            "resourceType": "User",
            "created": iso_utc(from_micros(user.created_at_us)),
            "lastModified": iso_utc(from_micros(user.changed_at_us)),
            "location": f"{base}/Users/{user.id}",
        },
    }
    if user.external_id is not None:
        resource["externalId"] = user.external_id
    if user.display_name is not None:
        resource["displayName"] = user.display_name
    return resource


def list_resource(resources: Sequence[Mapping[str, Any]], *, total: int, start: int) -> dict[str, Any]:
    """Return a page of a list."""
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def wanted_user(body: Mapping[str, Any]) -> Wanted:
    """Return what a POST or PUT says.

    Raises:
        Refused: 400 without a usable userName, or with a value of the wrong kind.
    """
    said = folded(body)
    user_name = said.get("username")
    if not isinstance(user_name, str) or not user_name:
        raise bad_request("invalid_value", "userName is missing: the person's e-mail address.")
    active = said.get("active")
    return Wanted(
        user_name,
        external_id_of(said.get("externalid")),
        _display_name(said),
        None if active is None else flag(active),
    )


def folded(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping by lower-case names: SCIM's attribute names know no case."""
    return {name.lower(): value for name, value in body.items()}


def flag(value: object) -> bool:
    """Return a truth value, also one that Entra writes as text.

    Raises:
        Refused: 400 it is none.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise bad_request("invalid_value", "active must be true or false.")


def external_id_of(value: object) -> str | None:
    """Return a directory's own id of a person; null and "" mean none.

    Raises:
        Refused: 400 it is no text of at most 255 printable characters.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LENGTH_MAX or not value.isprintable():
        raise bad_request("invalid_value", "externalId must be text of at most 255 printable characters.")
    return value


def _display_name(said: Mapping[str, Any]) -> str | None:
    name = said.get("name")
    parts = folded(cast("Mapping[str, Any]", name)) if isinstance(name, dict) else {}
    pair = " ".join(str(parts[key]) for key in ("givenname", "familyname") if isinstance(parts.get(key), str))
    for candidate in (said.get("displayname"), parts.get("formatted"), pair):
        if isinstance(candidate, str) and candidate.strip():
            return clipped(candidate.strip(), _LENGTH_MAX)
    return None
