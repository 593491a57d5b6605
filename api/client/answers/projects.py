"""Answers of `projects` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class HourlyRateShown(TypedDict):
    """What an hour of work costs the client."""

    amount: str
    currency: str


class ProjectSettings(TypedDict):
    """What a project is called and billed as."""

    project: str
    display_name: str | None
    client_name: str | None
    hourly_rate: HourlyRateShown | None
    markup_basis_points: int | None
    cost_centre: str | None
    state: Literal["active", "archived", "over_ceiling"]
    first_seen_at: str
    archived_at: str | None


class ProjectSettingsAnswer(TypedDict):
    """Settings of all projects, and how many of them the plan shows."""

    projects: list[ProjectSettings]
    shown: int
    ceiling: int | None


class ReattributionShown(TypedDict):
    """One decision."""

    id: str
    position: int
    from_project: str
    to_project: str
    starts_at: str | None
    ends_at: str | None
    device_id: str | None
    reason: str
    decided_by: str
    decided_at: str
    withdrawn_at: str | None


class ReattributionsAnswer(TypedDict):
    """All decisions, newest first, withdrawn ones included."""

    reattributions: list[ReattributionShown]
