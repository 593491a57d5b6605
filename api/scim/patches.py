"""SCIM patches: what the operations that Okta and Entra send come to.

Belongs here: turning a PatchOp into one wanted change, purely. Does not belong here: making it (`directory`).

    Okta    {"op": "replace", "value": {"active": false}}
    Entra   {"op": "Replace", "path": "active", "value": "False"}

Operations on attributes that are not kept here (names, titles, groups) are taken and change nothing: directories send
them by default and stop synchronising when one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from api.scim.answers import bad_request
from api.scim.resources import PATCH_SCHEMA, USER_SCHEMA, external_id_of, flag, folded

_OPERATIONS: Final = frozenset({"add", "replace", "remove"})
_OPERATIONS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Patch:
    """What is wanted; None leaves an attribute as it is.

    Attributes:
        external_id: the new one; "" takes it away.
        user_name: what the directory believes it to be; it cannot be changed.
    """

    active: bool | None = None
    external_id: str | None = None
    user_name: str | None = None


def read_patch(body: Mapping[str, Any]) -> Patch:
    """Return what a PatchOp wants; later operations win.

    Raises:
        Refused: 400 it is no PatchOp, or a value is of the wrong kind.
    """
    said = folded(body)
    operations, schemas = said.get("operations"), said.get("schemas") or [PATCH_SCHEMA]
    if not isinstance(schemas, list) or PATCH_SCHEMA not in schemas or not isinstance(operations, list):
        raise bad_request("invalid_syntax", "The body is not a PatchOp with Operations.")
    listed = cast("list[Any]", operations)
    if not 1 <= len(listed) <= _OPERATIONS_MAX:
        raise bad_request("invalid_value", f"A patch has 1 to {_OPERATIONS_MAX} operations.")
    patch = Patch()
    for operation in listed:
        patch = _after(patch, operation)
    return patch


def _after(patch: Patch, operation: object) -> Patch:
    if not isinstance(operation, dict):
        raise bad_request("invalid_syntax", "An operation is a JSON object.")
    said = folded(cast("Mapping[str, Any]", operation))
    name, path, value = said.get("op"), said.get("path"), said.get("value")
    if not isinstance(name, str) or name.lower() not in _OPERATIONS:
        raise bad_request("invalid_syntax", "An operation is add, replace or remove.")
    if path is not None and not isinstance(path, str):
        raise bad_request("invalid_path", "A path is text.")
    removing = name.lower() == "remove"
    if path is None:
        if removing:
            raise bad_request("invalid_path", "Removing needs a path.")
        if not isinstance(value, dict):
            raise bad_request("invalid_value", "An operation without a path has an object as its value.")
        for attribute, content in cast("Mapping[str, Any]", value).items():
            patch = _with(patch, attribute, content, removing=False)
        return patch
    return _with(patch, path, value, removing=removing)


def _with(patch: Patch, attribute: str, value: object, *, removing: bool) -> Patch:
    plain = attribute.lower().removeprefix(f"{USER_SCHEMA.lower()}:")
    if plain == "externalid":
        return replace(patch, external_id="" if removing else external_id_of(value) or "")
    if plain in {"active", "username"} and removing:
        raise bad_request("mutability", "userName and active cannot be removed.")
    if plain == "active":
        return replace(patch, active=flag(value))
    if plain == "username":
        if not isinstance(value, str):
            raise bad_request("invalid_value", "userName is text.")
        return replace(patch, user_name=value)
    return patch
