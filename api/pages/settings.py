"""Pages of the general settings: name, address, time zone, currency note, logo, retention.

Belongs here: `/{workspace}/settings`, on the services the JSON routes use. Does not belong here: rules
(`api.workspaces`), the other tabs (a module per subject).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.db.dependencies import Look, Work
from api.errors import Refused, invalid
from api.pages.forms import Form, PostedForm
from api.pages.shell import page, see_other
from api.workspaces.logos import logo_path, remove_logo, set_logo
from api.workspaces.settings import RETENTION_MAX_DAYS, SettingsChange, change_settings, settings_of
from api.workspaces.zones import time_zones

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_WORKSPACE))]

DONE: Final = {
    "saved": "The settings were saved.",
    "address": "The address was changed. Pages at the earlier one lead here.",
    "logo": "The logo was saved.",
    "logo-removed": "The logo was removed.",
    "retention": "The retention was set; the figures follow with their next refresh.",
}
_GENERAL: Final = ("name", "time_zone", "currency_note")
_SEEN: Final = {name: f"seen_{name}" for name in _GENERAL}
"""Hidden fields: what the form showed when it was opened."""
_DAYS_DIGITS_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class _Failed:
    """A form that was refused: which one, why, and what was typed."""

    action: str
    refused: Refused
    typed: Mapping[str, str] = field(default_factory=dict[str, str])


@router.get("/{workspace}/settings")
def settings_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show the general settings."""
    return _general(request, caller, look, done=DONE.get(done, ""))


@router.post("/{workspace}/settings")
def save(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Save what was changed of name, time zone and currency note: what another tab saved meanwhile stays."""
    form.only(*_GENERAL, *_SEEN.values())

    def typed_anew(name: str) -> str | None:
        return None if form.sent(_SEEN[name]) and form.text(name) == form.text(_SEEN[name]) else form.text(name)

    change = SettingsChange(
        name=typed_anew("name"), time_zone=typed_anew("time_zone"), currency_note=typed_anew("currency_note")
    )
    return _changed(request, caller, work, change, "general", "saved", _typed(form, *_GENERAL, *_SEEN.values()))


@router.post("/{workspace}/settings/address")
def save_address(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Change the slug."""
    form.only("slug")
    change = SettingsChange(slug=form.text("slug"))
    return _changed(request, caller, work, change, "address", "address", _typed(form, "slug"))


@router.post("/{workspace}/settings/logo")
def save_logo(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Take the uploaded picture."""
    form.only("logo")
    try:
        if "logo" not in form.files:
            raise invalid("Choose a file first.", code="logo_missing")
        at = request.app.state.clock.now()
        set_logo(work, caller.workspace_id, form.files["logo"], actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _general(request, caller, work, failed=_Failed("logo", refused))
    return see_other(f"/{caller.slug}/settings?done=logo")


@router.post("/{workspace}/settings/logo/remove")
def drop_logo(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Remove the logo."""
    form.only()
    try:
        remove_logo(work, caller.workspace_id, actor=caller.actor, at=request.app.state.clock.now())
    except Refused as refused:
        work.rollback()
        return _general(request, caller, work, failed=_Failed("logo", refused))
    return see_other(f"/{caller.slug}/settings?done=logo-removed")


@router.get("/{workspace}/settings/retention")
def retention_page(request: Request, caller: Editor, look: Look, days: str = "") -> Response:
    """Ask whether requests shall really be kept for so long only."""
    settings = settings_of(look, caller.workspace_id)
    try:
        wanted = _days(days)
    except Refused as refused:
        return _general(request, caller, look, failed=_Failed("retention", refused, {"days": days}))
    return page(request, "settings/retention.html", caller=caller, settings=settings, days=wanted)


@router.post("/{workspace}/settings/retention")
def save_retention(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Set the retention that was confirmed."""
    form.only("days")
    typed = _typed(form, "days")
    try:
        change = SettingsChange(retention_days=_days(form.text("days")))
    except Refused as refused:
        return _general(request, caller, work, failed=_Failed("retention", refused, typed))
    return _changed(request, caller, work, change, "retention", "retention", typed)


def _changed(
    request: Request,
    caller: Caller,
    work: Session,
    change: SettingsChange,
    action: str,
    done: str,
    typed: Mapping[str, str],
) -> Response:
    try:
        at = request.app.state.clock.now()
        settings = change_settings(work, caller.workspace_id, change, actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _general(request, caller, work, failed=_Failed(action, refused, typed))
    return see_other(f"/{settings.slug}/settings?done={done}")


def _general(
    request: Request, caller: Caller, session: Session, *, done: str = "", failed: _Failed | None = None
) -> Response:
    settings = settings_of(session, caller.workspace_id)
    zones = time_zones()
    if settings.time_zone not in zones:
        zones = (settings.time_zone, *zones)
    return page(
        request,
        "settings/general.html",
        caller=caller,
        status=failed.refused.status if failed else 200,
        done=done,
        settings=settings,
        zones=[(zone, zone.replace("_", " ")) for zone in zones],
        logo=logo_path(settings.slug, settings.logo.sha256) if settings.logo else None,
        action=failed.action if failed else "",
        error=failed.refused.message if failed else "",
        typed=failed.typed if failed else {},
        retention_max=RETENTION_MAX_DAYS,
    )


def _typed(form: Form, *names: str) -> dict[str, str]:
    return {name: form.text(name) for name in names}


def _days(text: str) -> int:
    """Return the number of days of a form, 0 for an empty field: for ever."""
    text = text.strip()
    if text and (not text.isascii() or not text.isdecimal() or len(text) > _DAYS_DIGITS_MAX or int(text) == 0):
        raise invalid("The number of days must be a whole number such as 400, or empty.")
    days = int(text or "0")
    if days > RETENTION_MAX_DAYS:
        raise invalid(f"The number of days must be from 1 to {RETENTION_MAX_DAYS}.")
    return days
