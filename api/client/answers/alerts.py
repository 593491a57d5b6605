"""Answers of `alerts` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, TypedDict


class AlertSettingsShown(TypedDict):
    """Who is told of alerts."""

    mail_to: Literal["addresses", "nobody", "owners_and_admins"]
    addresses: list[str]
    tells_anomalies: bool
    webhook: WebhookShown | None


class AlertShown(TypedDict):
    """One crossing, told once."""

    id: str
    kind: Literal["anomaly", "budget", "regression"]
    noticed_at: str
    build_id: str
    is_told: bool
    mails: int
    webhook_call: CallShown | None
    spent_usd: str
    limit_usd: str
    scope: Literal["cost_centre", "project", "workspace"] | None
    slug: str | None
    month: str | None
    percent: int | None
    anomaly_id: str | None
    project: str | None
    provider: str | None
    model: str | None
    hour_starts_at: str | None
    expected_usd: str | None
    decision_id: str | None
    check_id: str | None


class AlertsAnswer(TypedDict):
    """`GET /v1/{workspace}/alerts`: the newest 200, newest first, and who is told."""

    told: WhoShown
    alerts: list[AlertShown]


class CallShown(TypedDict):
    """What became of an alert's webhook call."""

    state: str
    attempts: int
    last_failure: str | None


class WebhookShown(TypedDict):
    """A workspace's webhook, never its secret."""

    url: str
    created_at: str
    created_by: str


class WhoShown(TypedDict):
    """Who is told, as everybody may know: no address, and nothing of the webhook but that there is one."""

    mail_to: Literal["addresses", "nobody", "owners_and_admins"]
    addresses: int
    tells_anomalies: bool
    has_webhook: bool
