"""Messages of projects and re-attributions, with their examples.

Belongs here: shapes. Does not belong here: rules (`settings`, `reattribution`), spend (`api.dashboards.models`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.currencies import amount_of, amount_text
from api.db.models import Project, Reattribution
from api.projects.settings import HourlyRate, ProjectChange, hourly_rate
from pipelines.lake.clock import from_micros, iso_utc

Amount = Annotated[str, Meta(description="Exact decimal text.", examples=["120.00"])]


class _Shape(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Closed and unchanging."""


class HourlyRateShown(_Shape, frozen=True):
    """What an hour of work costs the client."""

    amount: Amount
    currency: Annotated[str, Meta(description="ISO 4217.", examples=["EUR"])]


class ProjectSettings(_Shape, frozen=True):
    """What a project is called and billed as."""

    project: str
    display_name: str | None
    client_name: str | None
    hourly_rate: HourlyRateShown | None
    markup_basis_points: Annotated[int | None, Meta(description="Added to its cost when charged on; 1500 is 15 %.")]
    cost_centre: Annotated[str | None, Meta(description="Slug of its cost centre.")]
    state: Literal["active", "archived", "over_ceiling"]
    first_seen_at: str
    archived_at: str | None

    @staticmethod
    def of(project: Project, centres: dict[str, str]) -> ProjectSettings:
        """Return a project's settings; `centres` gives slugs by id."""
        rate = hourly_rate(project)
        return ProjectSettings(
            project=project.slug,
            display_name=project.display_name,
            client_name=project.client_name,
            hourly_rate=HourlyRateShown(amount=amount_text(rate.millicents), currency=rate.currency) if rate else None,
            markup_basis_points=project.markup_basis_points,
            cost_centre=centres.get(project.cost_centre_id or ""),
            state="archived" if project.archived_at_us else "over_ceiling" if project.over_ceiling else "active",
            first_seen_at=iso_utc(from_micros(project.first_seen_at_us)),
            archived_at=_instant(project.archived_at_us),
        )


class ProjectSettingsAnswer(_Shape, frozen=True):
    """Settings of all projects, and how many of them the plan shows."""

    projects: list[ProjectSettings]
    shown: Annotated[int, Meta(description="Projects that take one of the plan's places.")]
    ceiling: Annotated[int | None, Meta(description="How many the plan shows; null without limit.")]


class ProjectPatch(_Shape, frozen=True):
    """What to change; a field that is not sent stays as it is, null takes it away."""

    display_name: str | UnsetType | None = UNSET
    client_name: str | UnsetType | None = UNSET
    hourly_rate: HourlyRateShown | UnsetType | None = UNSET
    markup_basis_points: Annotated[int | UnsetType | None, Meta(description="From 0 to 100000.")] = UNSET
    cost_centre: Annotated[str | UnsetType | None, Meta(description="Slug of a cost centre.")] = UNSET

    def change(self) -> ProjectChange:
        """Return what it asks for.

        Raises:
            Refused: 422 the amount is not one.
        """
        rate = self.hourly_rate
        if isinstance(rate, HourlyRateShown):
            rate = HourlyRate(amount_of(rate.amount, what="hourly rate"), rate.currency)
        return ProjectChange(
            display_name=self.display_name,
            client_name=self.client_name,
            hourly_rate=rate,
            markup_basis_points=self.markup_basis_points,
            cost_centre=self.cost_centre,
        )


class NewReattribution(_Shape, frozen=True):
    """Which requests shall count for another project."""

    from_project: Annotated[str, Meta(description="Slug they were logged under; (not shared) for those without one.")]
    to_project: Annotated[str, Meta(description="Slug of the project they shall count for.")]
    first_day: Annotated[date | None, Meta(description="In the workspace's zone; null since ever.")] = None
    last_day: Annotated[date | None, Meta(description="Included; null for ever.")] = None
    device_id: Annotated[str | None, Meta(description="Only requests of this device.")] = None
    reason: str = ""


class ReattributionShown(_Shape, frozen=True):
    """One decision."""

    id: str
    position: Annotated[int, Meta(description="Of the standing decisions that fit a request the highest holds.")]
    from_project: str
    to_project: str
    starts_at: Annotated[str | None, Meta(description="Requests made from then on; null since ever.")]
    ends_at: Annotated[str | None, Meta(description="Requests made before then; null for ever.")]
    device_id: str | None
    reason: str
    decided_by: str
    decided_at: str
    withdrawn_at: str | None

    @staticmethod
    def of(decision: Reattribution) -> ReattributionShown:
        """Return a decision as it is shown."""
        return ReattributionShown(
            id=decision.id,
            position=decision.position,
            from_project=decision.from_slug,
            to_project=decision.to_slug,
            starts_at=_instant(decision.from_us),
            ends_at=_instant(decision.until_us),
            device_id=decision.device_id,
            reason=decision.reason,
            decided_by=decision.decided_by,
            decided_at=iso_utc(from_micros(decision.decided_at_us)),
            withdrawn_at=_instant(decision.withdrawn_at_us),
        )


class ReattributionsAnswer(_Shape, frozen=True):
    """All decisions, newest first, withdrawn ones included."""

    reattributions: list[ReattributionShown]

    @staticmethod
    def of(decisions: Iterable[Reattribution]) -> ReattributionsAnswer:
        """Return decisions as they are shown."""
        return ReattributionsAnswer(reattributions=[ReattributionShown.of(one) for one in decisions])


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))


PROJECT_SETTINGS: Final[dict[str, Any]] = {
    "project": "batch-summariser",
    "display_name": "Batch summariser",
    "client_name": "Globex",
    "hourly_rate": {"amount": "120.00", "currency": "EUR"},
    "markup_basis_points": 1500,
    "cost_centre": "client-work",
    "state": "active",
    "first_seen_at": "2026-01-05T09:00:00Z",
    "archived_at": None,
}
REATTRIBUTION: Final[dict[str, Any]] = {
    "id": "8c1f0e6a-4f43-4f0e-9a53-6d5f7f0c2b11",
    "position": 1,
    "from_project": "scratch",
    "to_project": "batch-summariser",
    "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": None,
    "device_id": None,
    "reason": "Worked in the wrong folder",
    "decided_by": "vk@acme.co",
    "decided_at": "2026-04-06T12:00:00Z",
    "withdrawn_at": None,
}
