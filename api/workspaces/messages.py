"""Messages of the workspace routes.

Belongs here: their shapes and examples. Does not belong here: routes (`routes`, `ending_routes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.db.models import WorkspaceExport
from api.workspaces.deletion import Deletion
from api.workspaces.exports import ExportState
from api.workspaces.logos import logo_path
from api.workspaces.own import OwnWorkspace
from api.workspaces.settings import CURRENCY, Settings, SettingsChange
from pipelines.lake.clock import from_micros, iso_utc


class OwnWorkspaceShown(msgspec.Struct, frozen=True):
    """One workspace the signed-in person belongs to."""

    slug: str
    name: str
    role: str


class OwnWorkspacesAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/workspaces`."""

    workspaces: list[OwnWorkspaceShown]

    @classmethod
    def of(cls, workspaces: Sequence[OwnWorkspace]) -> OwnWorkspacesAnswer:
        """Return workspaces as the API writes them."""
        return cls([OwnWorkspaceShown(one.slug, one.name, one.role) for one in workspaces])


class NewWorkspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/workspaces`."""

    name: str
    plan: str
    slug: str | None = None
    time_zone: str = "UTC"


class LogoShown(msgspec.Struct, frozen=True):
    """A logo.

    Attributes:
        path: of the PNG; another picture has another path.
    """

    path: str
    sha256: str
    width_px: int
    height_px: int
    uploaded_at: str


class SettingsShown(msgspec.Struct, frozen=True):
    """A workspace's settings.

    Attributes:
        currency: of all amounts.
        retention_days: null keeps everything for ever.
        retired_slugs: slugs it had before; pages go on from them.
    """

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

    @classmethod
    def of(cls, settings: Settings) -> SettingsShown:
        """Return settings as the API writes them."""
        logo = None
        if settings.logo is not None:
            path = logo_path(settings.slug, settings.logo.sha256)
            uploaded_at = iso_utc(from_micros(settings.logo.uploaded_at_us))
            logo = LogoShown(path, settings.logo.sha256, settings.logo.width_px, settings.logo.height_px, uploaded_at)
        return cls(
            workspace_id=settings.workspace_id,
            slug=settings.slug,
            name=settings.name,
            plan=settings.plan.value,
            time_zone=settings.time_zone,
            currency=CURRENCY,
            currency_note=settings.currency_note,
            retention_days=settings.retention_days,
            logo=logo,
            retired_slugs=list(settings.retired_slugs),
            created_at=iso_utc(from_micros(settings.created_at_us)),
        )


class SettingsPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PATCH /v1/{workspace}/settings`: only what is sent changes; a retention of null keeps everything."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    currency_note: str | UnsetType = UNSET
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] | UnsetType | None = UNSET

    def change(self) -> SettingsChange:
        """Return it as the service takes it."""
        return SettingsChange(
            name=_given(self.name),
            slug=_given(self.slug),
            time_zone=_given(self.time_zone),
            currency_note=_given(self.currency_note),
            retention_days=None if self.retention_days is UNSET else self.retention_days or 0,
        )


class DeletionAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/{workspace}/deletion`; all null while nobody asked for it.

    Attributes:
        purge_at: when every byte goes, at the earliest.
        final: whether they are going: nothing can be undone.
    """

    requested_at: str | None
    purge_at: str | None
    final: bool

    @classmethod
    def of(cls, deletion: Deletion | None) -> DeletionAnswer:
        """Return a deletion as the API writes it."""
        if deletion is None:
            return cls(None, None, final=False)
        requested_at, purge_at = (from_micros(at) for at in (deletion.requested_at_us, deletion.purge_at_us))
        return cls(iso_utc(requested_at), iso_utc(purge_at), deletion.begun)


class DeletionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/{workspace}/deletion`: `confirm` repeats the slug."""

    confirm: str


class ExportShown(msgspec.Struct, frozen=True):
    """One export of everything.

    Attributes:
        state: queued, running, ready, failed or expired.
        sha256: digest of the ZIP, hex, once it is ready.
        path: where to download it while it is ready.
    """

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

    @classmethod
    def of(cls, export: WorkspaceExport, slug: str) -> ExportShown:
        """Return an export as the API writes it."""
        ready = export.state == ExportState.READY.value
        return cls(
            export_id=export.id,
            state=export.state,
            requested_by=export.requested_by,
            requested_at=iso_utc(from_micros(export.requested_at_us)),
            done_steps=export.done_steps,
            total_steps=export.total_steps,
            finished_at=_instant(export.finished_at_us),
            expires_at=_instant(export.expires_at_us),
            bytes=export.byte_count,
            sha256=export.sha256,
            path=f"/v1/{slug}/exports/{export.id}/file" if ready else None,
            failure=export.failure,
        )


class ExportsAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/{workspace}/exports`."""

    exports: list[ExportShown]


def _given(value: str | UnsetType) -> str | None:
    return None if value is UNSET else value


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))


SETTINGS: Final[dict[str, Any]] = {
    "workspace_id": "6a1f5c0e-6f0e-4e7e-9a57-0c1d2e3f4a5b", "slug": "acme-co", "name": "Acme Co", "plan": "team",
    "time_zone": "Europe/Berlin", "currency": "USD", "currency_note": "Converted at the ECB's monthly rate.",
    "retention_days": None,
    "logo": {
        "path": f"/acme-co/logo/{'0' * 64}.png", "sha256": "0" * 64, "width_px": 512, "height_px": 128,
        "uploaded_at": "2026-07-01T12:00:00Z",
    },
    "retired_slugs": ["acme"], "created_at": "2026-06-01T09:00:00Z",
}  # fmt: skip
OWN: Final[dict[str, Any]] = {"workspaces": [{"slug": "acme-co", "name": "Acme Co", "role": "owner"}]}
DELETION: Final[dict[str, Any]] = {
    "requested_at": "2026-07-01T12:00:00Z", "purge_at": "2026-07-31T12:00:00Z", "final": False,
}  # fmt: skip
EXPORT: Final[dict[str, Any]] = {
    "export_id": "0d3a1b52-3f0b-4c5e-8d86-9f7a6b5c4d3e", "state": "ready", "requested_by": "vk@acme.co",
    "requested_at": "2026-07-01T12:00:00Z", "done_steps": 6, "total_steps": 6, "finished_at": "2026-07-01T12:00:09Z",
    "expires_at": "2026-07-08T12:00:09Z", "bytes": 1048576, "sha256": "0" * 64,
    "path": "/v1/acme-co/exports/0d3a1b52-3f0b-4c5e-8d86-9f7a6b5c4d3e/file", "failure": None,
}  # fmt: skip
