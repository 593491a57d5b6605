"""The documentation's matrix of roles."""

from __future__ import annotations

from api.access.permissions import KEPT_WHEN_READ_ONLY, KEY_PERMISSIONS, ROLE_PERMISSIONS, KeyScope, Permission
from api.db.models import Role

P = Permission
READ = {
    P.VIEW_DASHBOARDS, P.GENERATE_REPORTS, P.VIEW_AUDIT_LOG, P.VIEW_MEMBERS, P.VIEW_DEVICES, P.VIEW_SETTINGS,
    P.VIEW_BILLS,
}  # fmt: skip


def test_an_owner_may_do_everything() -> None:
    assert ROLE_PERMISSIONS[Role.OWNER] == set(Permission)


def test_each_role_may_do_what_the_one_below_may() -> None:
    assert ROLE_PERMISSIONS[Role.MEMBER] < ROLE_PERMISSIONS[Role.ADMIN] < ROLE_PERMISSIONS[Role.OWNER]


def test_an_admin_runs_the_workspace_but_neither_pays_nor_owns_it() -> None:
    assert ROLE_PERMISSIONS[Role.OWNER] - ROLE_PERMISSIONS[Role.ADMIN] == {
        P.EDIT_WORKSPACE, P.CHANGE_BILLING, P.MANAGE_DIRECTORY, P.TRANSFER_OWNERSHIP, P.EXPORT_WORKSPACE,
        P.DELETE_WORKSPACE,
    }  # fmt: skip


def test_a_member_looks_and_pairs_a_machine() -> None:
    assert ROLE_PERMISSIONS[Role.MEMBER] == READ | {P.PAIR_DEVICES}


def test_no_key_changes_anything_but_the_directory() -> None:
    assert KEY_PERMISSIONS[KeyScope.READ] < READ
    assert KEY_PERMISSIONS[KeyScope.SCIM] == {P.MANAGE_DIRECTORY}


def test_in_a_read_only_workspace_access_can_still_be_taken_away() -> None:
    further = KEPT_WHEN_READ_ONLY - READ
    assert further == {
        P.CHANGE_BILLING, P.EXPORT_WORKSPACE, P.DELETE_WORKSPACE, P.MANAGE_DEVICES, P.MANAGE_API_KEYS,
        P.REMOVE_MEMBERS, P.MANAGE_DIRECTORY, P.CONNECT_BILLS,
    }  # fmt: skip
