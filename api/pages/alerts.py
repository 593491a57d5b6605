"""Pages of alerts: those that were raised, and who is told of them.

Belongs here: `/{workspace}/alerts` and `/{workspace}/settings/alerts`, on the services the JSON routes use. Does not
belong here: rules (`api.alerts`), budgets' thresholds (`budgets`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.alerts.listing import alerts_answer
from api.alerts.messages import AlertSettingsShown, AlertShown, NewAlertSettings, Who
from api.alerts.settings import change_settings, who_is_told
from api.alerts.webhooks import remove_webhook, set_webhook
from api.dashboards.models.answer import BuildStamp
from api.dashboards.serving import viewing
from api.dashboards.shown import build_fields
from api.db.dependencies import Look, Work
from api.db.models import AlertWebhook
from api.db.session import reading
from api.errors import Refused, invalid
from api.pages.budget_words import SCOPES
from api.pages.dashboard import Asked, dashboard_page, table_source
from api.pages.forms import Form, PostedForm
from api.pages.optimisation_words import check_words
from api.pages.rail import PageFilters, RailShown
from api.pages.shell import page, see_other
from api.pages.tables import Column, Table, TableShown
from api.providers import provider_words

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
WHO: Final[dict[Who, str]] = {
    "owners_and_admins": "Owners and Admins",
    "addresses": "These addresses",
    "nobody": "Nobody",
}
DONE: Final = {"saved": "The settings were saved.", "removed": "The webhook was removed: no further call is made."}
_KINDS: Final = {"budget": ("budget", "warn"), "anomaly": ("anomaly", "warn"), "regression": ("regression", "bad")}
_CALLS: Final = {"queued": "webhook queued", "sending": "webhook queued", "sent": "webhook called"}
_BETWEEN: Final = re.compile(r"[\s,;]+")


def _what(one: AlertShown) -> str:
    if one.kind == "budget":
        whose = "The whole workspace" if one.scope == "workspace" else f"{SCOPES[one.scope or 'project']} {one.slug}"
        return f"{whose[0].upper()}{whose[1:]} reached {one.percent} % of its budget"
    where = f"{one.project}, {provider_words(one.provider or '')} {one.model}"
    if one.kind == "anomaly":
        return f"An unusual hour of {where}"
    return f"{check_words(one.check_id or 'a recommendation')} costs more since it was accepted: {where}"


def _path(slug: str, one: AlertShown) -> str:
    if one.kind == "budget":
        return f"/{slug}/budgets"
    project = quote(one.project or "", safe="")
    if one.kind == "anomaly":
        return f"/{slug}/anomalies?project={project}"
    return f"/{slug}/optimization/savings?project={project}"


def _told(one: AlertShown) -> str:
    if not one.is_told:
        return "not told"
    mails = "no e-mail" if not one.mails else "1 e-mail" if one.mails == 1 else f"{one.mails} e-mails"
    call = one.webhook_call
    return mails if call is None else f"{mails}, {_CALLS.get(call.state, 'webhook failed')}"


ALERTS: Final = Table(
    "alerts",
    "Alerts, newest first",
    (
        Column(
            "noticed_at",
            "Noticed",
            lambda row: row[1].noticed_at,
            "instant",
            badge=lambda row: _KINDS[row[1].kind],
            also={"id": lambda row: row[1].id, "kind": lambda row: row[1].kind},
        ),
        Column(
            "what",
            "What",
            lambda row: _what(row[1]),
            link=lambda row: _path(row[0], row[1]),
            also={
                "scope": lambda row: row[1].scope,
                "slug": lambda row: row[1].slug,
                "month": lambda row: row[1].month,
                "percent": lambda row: row[1].percent,
                "project": lambda row: row[1].project,
                "provider": lambda row: row[1].provider,
                "model": lambda row: row[1].model,
                "hour_starts_at": lambda row: row[1].hour_starts_at,
            },
        ),
        Column("spent_usd", "Spent", lambda row: row[1].spent_usd, "money", note=lambda row: _per(row[1])),
        Column("limit_usd", "Limit", lambda row: row[1].limit_usd, "money", note=lambda row: _per(row[1])),
        Column(
            "told",
            "Told",
            lambda row: _told(row[1]),
            note=lambda row: row[1].webhook_call and row[1].webhook_call.last_failure,
            also={
                "mails": lambda row: row[1].mails,
                "webhook": lambda row: row[1].webhook_call and row[1].webhook_call.state,
            },
        ),
    ),
    "No alert was raised.",
)


@router.get("/{workspace}/alerts")
def alerts_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show the newest alerts, and what became of the word about each."""
    with viewing(rail.call(request, caller)) as view:
        with reading(view.engine) as session:
            raised = alerts_answer(session, caller.workspace_id)
        rows = [(caller.slug, one) for one in raised.alerts]

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {"alerts": ALERTS.shown(rows, shown, zone=view.time_zone)}

        return dashboard_page(
            request,
            "alerts/list.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=BuildStamp(**build_fields(view)),
            tables=tables,
            raised=raised,
            who=WHO[raised.told.mail_to],
        )


@table_source(ALERTS)
def alert_rows(asked: Asked) -> Sequence[tuple[str, AlertShown]]:
    """Return the newest alerts."""
    with reading(asked.request.app.state.engine) as session:
        return [(asked.caller.slug, one) for one in alerts_answer(session, asked.caller.workspace_id).alerts]


@router.get("/{workspace}/settings/alerts")
def settings_page(request: Request, caller: Editor, look: Look, done: str = "") -> Response:
    """Show who is told, and the webhook without its secret."""
    return _settings(request, caller, look, done=DONE.get(done, ""))


@router.post("/{workspace}/settings/alerts")
def save(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Change who is told; a refusal is shown on the form again."""
    form.only("mail_to", "addresses", "tells_anomalies")
    at = request.app.state.clock.now()
    try:
        change_settings(work, caller.workspace_id, _wanted(form).wanted(), actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _settings(request, caller, work, refused=refused, typed=_typed(form))
    return see_other(f"/{caller.slug}/settings/alerts?done=saved")


@router.post("/{workspace}/settings/alerts/webhook")
def set_url(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Set the webhook and show its secret, this once; a refusal is shown on the form again."""
    form.only("url")
    state = request.app.state
    try:
        new = set_webhook(
            work,
            state.webhook_vault,
            caller.workspace_id,
            form.text("url"),
            networks=state.webhook_networks,
            actor=caller.actor,
            at=state.clock.now(),
        )
    except Refused as refused:
        work.rollback()
        return _settings(request, caller, work, webhook_refused=refused, url=form.text("url"))
    return page(request, "alerts/secret.html", caller=caller, url=new.row.url, secret=new.secret)


@router.post("/{workspace}/settings/alerts/webhook/remove")
def remove(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Remove the webhook."""
    form.only()
    remove_webhook(work, caller.workspace_id, actor=caller.actor, at=request.app.state.clock.now())
    return see_other(f"/{caller.slug}/settings/alerts?done=removed")


def _per(one: AlertShown) -> str | None:
    return "per 1,000" if one.kind not in ("budget", "anomaly") else None


def _wanted(form: Form) -> NewAlertSettings:
    mail_to: Who | None = next((who for who in WHO if who == form.text("mail_to")), None)
    if mail_to is None:
        raise invalid("Choose who gets e-mails.")
    # Addresses that stand in the field while it says somebody else are left alone by the field, not by the settings.
    given = [one for one in _BETWEEN.split(form.text("addresses")) if one] if mail_to == "addresses" else []
    return NewAlertSettings(mail_to=mail_to, addresses=given, tells_anomalies=form.ticked("tells_anomalies"))


def _typed(form: Form) -> dict[str, Any]:
    return {
        "mail_to": form.text("mail_to"),
        "addresses": form.text("addresses"),
        "tells_anomalies": form.ticked("tells_anomalies"),
    }


def _settings(
    request: Request,
    caller: Caller,
    session: Session,
    *,
    done: str = "",
    refused: Refused | None = None,
    typed: dict[str, Any] | None = None,
    webhook_refused: Refused | None = None,
    url: str = "",
) -> Response:
    row = session.get(AlertWebhook, caller.workspace_id)
    shown = AlertSettingsShown.of(who_is_told(session, caller.workspace_id), row)
    fault = refused or webhook_refused
    session.rollback()  # what is rendered next takes a connection of its own
    return page(
        request,
        "alerts/settings.html",
        caller=caller,
        status=fault.status if fault else 200,
        done=done,
        refused=refused,
        webhook_refused=webhook_refused,
        url=url,
        settings=shown,
        webhook=shown.webhook,
        typed=typed
        or {
            "mail_to": shown.mail_to,
            "addresses": ", ".join(shown.addresses),
            "tells_anomalies": shown.tells_anomalies,
        },
        who=list(WHO.items()),
    )
