"""Answers of `workspaces` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class DeletionAnswer(TypedDict):
    """`GET /v1/{workspace}/deletion`; all null while nobody asked for it."""

    requested_at: str | None
    purge_at: str | None
    final: bool


class ExportRunShown(TypedDict):
    """One run, and what the manifest says that it left at the place."""

    began_at: str
    ended_at: str
    error: str | None
    export_id: str | None
    manifest: str | None
    manifest_sha256: str | None
    is_new: bool
    files: int
    files_written: int
    bytes_written: int
    rows: dict[str, int]


class ExportShown(TypedDict):
    """One export of everything."""

    export_id: str
    state: str
    requested_by: str
    requested_at: str
    done_steps: int
    total_steps: int
    finished_at: str | None
    expires_at: str | None
    bytes: int | None
    sha256: str | None
    path: str | None
    failure: str | None


class ExportsAnswer(TypedDict):
    """`GET /v1/{workspace}/exports`."""

    exports: list[ExportShown]


class LogoShown(TypedDict):
    """A logo."""

    path: str
    sha256: str
    width_px: int
    height_px: int
    uploaded_at: str


class ScheduleShown(TypedDict):
    """Where the export goes, without any key."""

    url: str
    endpoint: str | None
    region: str | None
    kept: int
    keys: Literal["environment", "sealed"]
    configured_at: str
    configured_by: str


class ScheduledExportAnswer(TypedDict):
    """`GET /v1/{workspace}/scheduled-export`."""

    schedule: ScheduleShown | None
    last_attempt_at: str | None
    last_success_at: str | None
    runs: list[ExportRunShown]


class SettingsShown(TypedDict):
    """A workspace's settings."""

    workspace_id: str
    slug: str
    name: str
    plan: str
    time_zone: str
    currency: str
    currency_note: str
    retention_days: int | None
    logo: LogoShown | None
    retired_slugs: list[str]
    created_at: str
