"""Workspaces: how they begin, what they are called, and how they end.

Belongs here: creation (`creation`), slugs (`slugs`), settings (`settings`, `logos`), deletion and its undoing
(`deletion`), exports of everything (`exports`), and their JSON routes. Does not belong here: plans and billing
(`api.plans`, `api.billing`), members (`api.members`), removing the bytes of a deleted one (`api.purge`).
"""

from __future__ import annotations

from api.workspaces.creation import create_further_workspace, create_workspace
from api.workspaces.settings import RETENTION_MAX_DAYS, set_retention
from api.workspaces.slugs import RESERVED_SLUGS, find_any_workspace, find_workspace, slug_of

__all__ = [
    "RESERVED_SLUGS",
    "RETENTION_MAX_DAYS",
    "create_further_workspace",
    "create_workspace",
    "find_any_workspace",
    "find_workspace",
    "set_retention",
    "slug_of",
]
