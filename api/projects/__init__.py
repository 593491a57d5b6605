"""Projects.

Belongs here: which ones there are and what is withheld (`visibility`), what they are called and billed as (`settings`),
moving requests from one to another (`reattribution`), and their routes. Does not belong here: spend (`api.dashboards`).
"""

from __future__ import annotations

from api.projects.visibility import (
    SeenProjects,
    WithheldReason,
    archive_project,
    list_projects,
    observe_projects,
    restore_project,
    set_plan,
    shown_projects,
    withheld_reason,
)

__all__ = [
    "SeenProjects",
    "WithheldReason",
    "archive_project",
    "list_projects",
    "observe_projects",
    "restore_project",
    "set_plan",
    "shown_projects",
    "withheld_reason",
]
