"""What each role, and each kind of key, may do in a workspace: the documentation's matrix as one table.

Belongs here: permissions, who has them, and which survive in a read-only workspace. Does not belong here: finding out
who calls (`callers`), or rules that depend on whom it is done to (an Admin removes no Owner: `api.members`).

Every route names the one permission it needs; nothing else asks for a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from api.db.models import Role


class Permission(StrEnum):
    """One thing that may be done in a workspace."""

    VIEW_DASHBOARDS = "view_dashboards"
    GENERATE_REPORTS = "generate_reports"
    VIEW_AUDIT_LOG = "view_audit_log"
    VIEW_MEMBERS = "view_members"
    VIEW_DEVICES = "view_devices"
    VIEW_SETTINGS = "view_settings"
    PAIR_DEVICES = "pair_devices"
    MANAGE_DEVICES = "manage_devices"
    INVITE_MEMBERS = "invite_members"
    REMOVE_MEMBERS = "remove_members"
    CHANGE_ROLES = "change_roles"
    EDIT_PROJECTS = "edit_projects"
    EDIT_POLICIES = "edit_policies"
    MANAGE_API_KEYS = "manage_api_keys"
    EDIT_WORKSPACE = "edit_workspace"
    CHANGE_BILLING = "change_billing"
    MANAGE_DIRECTORY = "manage_directory"
    TRANSFER_OWNERSHIP = "transfer_ownership"
    EXPORT_WORKSPACE = "export_workspace"
    DELETE_WORKSPACE = "delete_workspace"
    VIEW_BILLS = "view_bills"
    EDIT_BILLS = "edit_bills"
    CONNECT_BILLS = "connect_bills"


class KeyScope(StrEnum):
    """What an API key is for."""

    READ = "read"
    SCIM = "scim"


_READING: Final = frozenset({
    Permission.VIEW_DASHBOARDS, Permission.GENERATE_REPORTS, Permission.VIEW_AUDIT_LOG, Permission.VIEW_MEMBERS,
    Permission.VIEW_DEVICES, Permission.VIEW_SETTINGS, Permission.VIEW_BILLS,
})  # fmt: skip
_MEMBER: Final = _READING | {Permission.PAIR_DEVICES}
_ADMIN: Final = _MEMBER | {
    Permission.MANAGE_DEVICES, Permission.INVITE_MEMBERS, Permission.REMOVE_MEMBERS, Permission.CHANGE_ROLES,
    Permission.EDIT_PROJECTS, Permission.EDIT_POLICIES, Permission.MANAGE_API_KEYS, Permission.EDIT_BILLS,
    Permission.CONNECT_BILLS,
}  # fmt: skip

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {Role.OWNER: frozenset(Permission), Role.ADMIN: _ADMIN, Role.MEMBER: _MEMBER}
)
KEY_PERMISSIONS: Final[Mapping[KeyScope, frozenset[Permission]]] = MappingProxyType(
    {
        KeyScope.READ: frozenset(
            {Permission.VIEW_DASHBOARDS, Permission.VIEW_AUDIT_LOG, Permission.VIEW_DEVICES, Permission.VIEW_BILLS}
        ),
        KeyScope.SCIM: frozenset({Permission.MANAGE_DIRECTORY}),
    }
)
KEPT_WHEN_READ_ONLY: Final = _READING | {
    Permission.CHANGE_BILLING, Permission.EXPORT_WORKSPACE, Permission.DELETE_WORKSPACE, Permission.MANAGE_DEVICES,
    Permission.MANAGE_API_KEYS, Permission.REMOVE_MEMBERS, Permission.MANAGE_DIRECTORY, Permission.CONNECT_BILLS,
}  # fmt: skip
"""What stays possible while a workspace is being deleted or its subscription has ended: looking, taking the data out,
paying, undoing the deletion, and taking access away from a person, machine or key. What else such a permission allows
(a new key, another name) asks for `Caller.require_writable` as well."""
