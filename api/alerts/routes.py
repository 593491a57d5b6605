"""HTTP of alerts.

Belongs here: the alerts that were raised, who is told of them, and the webhook. Does not belong here: rules (the
modules beside this one), budgets and their thresholds (`api.budgets.routes`).
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.alerts import messages
from api.alerts.listing import alerts_answer
from api.alerts.messages import (
    AlertsAnswer,
    AlertSettingsShown,
    NewAlertSettings,
    NewWebhookUrl,
    WebhookRemoved,
    WebhookSet,
    WebhookShown,
)
from api.alerts.settings import change_settings, who_is_told
from api.alerts.webhooks import remove_webhook, set_webhook
from api.answers import json_answer, message_body
from api.db.dependencies import Look, Work
from api.db.models import AlertWebhook
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}/alerts", tags=["alerts"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
_CHANGING = (400, 401, 403, 404, 409, 413, 422)
_SECRET: Final = "whsec_" + "A" * 43 + "="


@router.get(
    "",
    **describe(
        "Alerts that were raised",
        answer=AlertsAnswer,
        example={"told": messages.TOLD, "alerts": [messages.ALERT]},
        answer_description="The newest 200, newest first, and who is told",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_alerts(caller: ReadWorkspace, look: Look) -> Response:
    """List thresholds that budgets reached and hours that cost far more than usual, each written down once."""
    return json_answer(alerts_answer(look, caller.workspace_id))


@router.get(
    "/settings",
    **describe(
        "Who is told of alerts",
        answer=AlertSettingsShown,
        example=messages.SETTINGS,
        refusals=(401, 403, 404, 409),
    ),
)
def get_settings(caller: Editor, look: Look) -> Response:
    """Show who gets e-mails, and the webhook without its secret."""
    webhook = look.get(AlertWebhook, caller.workspace_id)
    return json_answer(AlertSettingsShown.of(who_is_told(look, caller.workspace_id), webhook))


@router.put(
    "/settings",
    **describe(
        "Change who is told of alerts",
        answer=AlertSettingsShown,
        example=messages.SETTINGS,
        message=NewAlertSettings,
        message_example={"mail_to": "addresses", "addresses": ["finance@acme.example"], "tells_anomalies": True},
        refusals=_CHANGING,
    ),
)
def put_settings(
    request: Request,
    caller: Editor,
    message: Annotated[NewAlertSettings, Depends(message_body(NewAlertSettings))],
    work: Work,
) -> Response:
    """Let Owners and Admins, up to 20 addresses or nobody get e-mails, with or without those about anomalies."""
    at = request.app.state.clock.now()
    told = change_settings(work, caller.workspace_id, message.wanted(), actor=caller.actor, at=at)
    return json_answer(AlertSettingsShown.of(told, work.get(AlertWebhook, caller.workspace_id)))


@router.post(
    "/webhook",
    **describe(
        "Set the webhook",
        answer=WebhookSet,
        example={"webhook": messages.WEBHOOK, "secret": _SECRET},
        status=201,
        answer_description="Set; the secret is shown this once",
        message=NewWebhookUrl,
        message_example={"url": messages.WEBHOOK["url"]},
        refusals=_CHANGING,
    ),
)
def post_webhook(
    request: Request,
    caller: Editor,
    message: Annotated[NewWebhookUrl, Depends(message_body(NewWebhookUrl))],
    work: Work,
) -> Response:
    """Send alerts to a URL, signed with a new secret; one that was set before ends.

    Calls are signed as Standard Webhooks (Svix) say: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    """
    state = request.app.state
    new = set_webhook(
        work,
        state.webhook_vault,
        caller.workspace_id,
        message.url,
        networks=state.webhook_networks,
        actor=caller.actor,
        at=state.clock.now(),
    )
    return json_answer(WebhookSet(webhook=WebhookShown.of(new.row), secret=new.secret), status=201)


@router.delete(
    "/webhook",
    **describe("Remove the webhook", answer=WebhookRemoved, example={"webhook": None}, refusals=_CHANGING),
)
def delete_webhook(request: Request, caller: Editor, work: Work) -> Response:
    """Send alerts to no URL any more; calls that are still owed are given up."""
    remove_webhook(work, caller.workspace_id, actor=caller.actor, at=request.app.state.clock.now())
    return json_answer(WebhookRemoved())
