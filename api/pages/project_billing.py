"""What projects are billed as, as their list and their pages say it.

Belongs here: reading it for all projects at once. Does not belong here: changing it (`api.projects.settings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from api.cost_centres.centres import list_cost_centres
from api.currencies import amount_text
from api.db.models import CostCentre, Project
from api.projects.settings import hourly_rate
from api.projects.visibility import list_projects


class Billed:
    """What a workspace's projects are billed as, for the list's columns."""

    def __init__(self, projects: Sequence[Project], centres: Sequence[CostCentre]) -> None:
        self.projects: Mapping[str, Project] = {one.slug: one for one in projects}
        self._centres = {one.id: one.name for one in centres}

    def centre(self, slug: str) -> str | None:
        """Return the name of a project's cost centre."""
        project = self.projects.get(slug)
        return self._centres.get(project.cost_centre_id or "") if project else None

    def rate(self, slug: str) -> str | None:
        """Return a project's hourly rate in words."""
        project = self.projects.get(slug)
        rate = hourly_rate(project) if project else None
        return f"{amount_text(rate.millicents)} {rate.currency}" if rate else None

    @property
    def unused(self) -> list[str]:
        """Keys of columns that would be empty in every row."""
        centres = any(project.cost_centre_id for project in self.projects.values())
        rates = any(hourly_rate(project) for project in self.projects.values())
        clients = any(project.client_name for project in self.projects.values())
        used = {"cost_centre": centres, "hourly_rate": rates, "client": clients}
        return [key for key, is_used in used.items() if not is_used]


def billed_projects(session: Session, workspace_id: str) -> Billed:
    """Return what a workspace's projects are billed as."""
    return Billed(list_projects(session, workspace_id), list_cost_centres(session, workspace_id))
