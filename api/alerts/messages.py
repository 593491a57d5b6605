"""Messages of alerts, with their examples.

Belongs here: shapes. Does not belong here: rules (`settings`, `webhooks`), what a webhook is sent (`words`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from api.alerts.history import Told
from api.alerts.settings import MailTo, WhoIsTold
from api.dashboards.money import known_usd_from_millicents, usd_from_millicents
from api.db.models import AlertWebhook
from pipelines.lake.clock import from_micros, iso_utc

Usd = Annotated[str, Meta(description="USD, exact decimal text with 5 decimals.")]
Who = Literal["owners_and_admins", "addresses", "nobody"]


class _Shape(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Closed and unchanging."""


class WebhookShown(_Shape, frozen=True):
    """A workspace's webhook, never its secret."""

    url: str
    created_at: str
    created_by: str

    @staticmethod
    def of(row: AlertWebhook) -> WebhookShown:
        """Return a webhook as it is shown."""
        return WebhookShown(url=row.url, created_at=iso_utc(from_micros(row.created_at_us)), created_by=row.created_by)


class AlertSettingsShown(_Shape, frozen=True):
    """Who is told of alerts."""

    mail_to: Who
    addresses: list[str]
    tells_anomalies: Annotated[bool, Meta(description="Whether hours that cost far more than usual are told, too.")]
    webhook: WebhookShown | None

    @staticmethod
    def of(told: WhoIsTold, webhook: AlertWebhook | None) -> AlertSettingsShown:
        """Return settings as they are shown."""
        return AlertSettingsShown(
            mail_to=told.mail_to.value,
            addresses=list(told.addresses),
            tells_anomalies=told.tells_anomalies,
            webhook=None if webhook is None else WebhookShown.of(webhook),
        )


class NewAlertSettings(_Shape, frozen=True):
    """Who shall be told of alerts."""

    mail_to: Who = "owners_and_admins"
    addresses: list[str] = []
    tells_anomalies: bool = True

    def wanted(self) -> WhoIsTold:
        """Return what it asks for."""
        return WhoIsTold(MailTo(self.mail_to), tuple(self.addresses), self.tells_anomalies)


class NewWebhookUrl(_Shape, frozen=True):
    """Where calls shall go."""

    url: Annotated[str, Meta(description="https, leading to the public internet; redirects are not followed.")]


class WebhookSet(_Shape, frozen=True):
    """A webhook that was just set."""

    webhook: WebhookShown
    secret: Annotated[str, Meta(description="Signs every call as Standard Webhooks say; shown this once.")]


class WebhookRemoved(_Shape, frozen=True):
    """There is no webhook any more."""

    webhook: None = None


class CallShown(_Shape, frozen=True):
    """What became of an alert's webhook call."""

    state: Annotated[str, Meta(description="queued, sending, sent or failed.")]
    attempts: int
    last_failure: str | None


class AlertShown(_Shape, frozen=True):
    """One crossing, told once."""

    id: str
    kind: Literal["budget", "anomaly", "regression"]
    noticed_at: str
    build_id: str
    is_told: Annotated[
        bool, Meta(description="False where a higher threshold was told at the same time, or anomalies are not told.")
    ]
    mails: Annotated[int, Meta(description="How many e-mails were queued.")]
    webhook_call: CallShown | None
    spent_usd: Annotated[Usd, Meta(description="Of a regression: what 1,000 requests or prompts cost since.")]
    limit_usd: Annotated[Usd, Meta(description="Of a regression: what they cost before, at the same mix.")]
    scope: Literal["workspace", "project", "cost_centre"] | None
    slug: str | None
    month: str | None
    percent: int | None
    anomaly_id: str | None
    project: str | None
    provider: str | None
    model: str | None
    hour_starts_at: str | None
    expected_usd: Usd | None
    decision_id: Annotated[str | None, Meta(description="The acceptance after which it costs more.")]
    check_id: str | None


class WhoShown(_Shape, frozen=True):
    """Who is told, as everybody may know: no address, and nothing of the webhook but that there is one."""

    mail_to: Who
    addresses: Annotated[int, Meta(description="How many.")]
    tells_anomalies: bool
    has_webhook: bool

    @staticmethod
    def of(told: WhoIsTold, *, has_webhook: bool) -> WhoShown:
        """Return who is told as it is shown."""
        return WhoShown(
            mail_to=told.mail_to.value,
            addresses=len(told.addresses),
            tells_anomalies=told.tells_anomalies,
            has_webhook=has_webhook,
        )


class AlertsAnswer(_Shape, frozen=True):
    """`GET /v1/{workspace}/alerts`: the newest 200, newest first, and who is told."""

    told: WhoShown
    alerts: list[AlertShown]

    @staticmethod
    def of(told: Sequence[Told], who: WhoShown) -> AlertsAnswer:
        """Return alerts as they are shown."""
        return AlertsAnswer(told=who, alerts=[_shown(one) for one in told])


def _shown(told: Told) -> AlertShown:
    row, call = told.alert, told.delivery
    shown: dict[str, Any] = {name: getattr(row, name) for name in _AS_STORED}
    return AlertShown(
        **shown,
        noticed_at=iso_utc(from_micros(row.noticed_at_us)),
        webhook_call=None if call is None else CallShown(
            state=call.state, attempts=call.attempts, last_failure=call.last_failure
        ),
        spent_usd=usd_from_millicents(row.spent_millicents),
        limit_usd=usd_from_millicents(row.limit_millicents),
        hour_starts_at=None if row.hour_starts_at_us is None else iso_utc(from_micros(row.hour_starts_at_us)),
        expected_usd=known_usd_from_millicents(row.expected_millicents),
    )  # fmt: skip


_AS_STORED: Final = (
    "id", "kind", "build_id", "is_told", "mails", "scope", "slug", "month", "percent", "anomaly_id", "project",
    "provider", "model", "decision_id", "check_id",
)  # fmt: skip
WEBHOOK: Final[dict[str, Any]] = {
    "url": "https://hooks.acme.example/halton",
    "created_at": "2026-03-09T09:00:00Z",
    "created_by": "vk@acme.co",
}
SETTINGS: Final[dict[str, Any]] = {
    "mail_to": "owners_and_admins",
    "addresses": [],
    "tells_anomalies": True,
    "webhook": WEBHOOK,
}
TOLD: Final[dict[str, Any]] = {
    "mail_to": "owners_and_admins",
    "addresses": 0,
    "tells_anomalies": True,
    "has_webhook": True,
}
ALERT: Final[dict[str, Any]] = {
    "id": "8c1f0e6a-4f43-4f0e-9a53-6d5f7f0c2b11",
    "kind": "budget",
    "noticed_at": "2026-03-09T06:15:20Z",
    "build_id": "b20260309T061500-1f2e3d4c",
    "is_told": True,
    "mails": 2,
    "webhook_call": {"state": "sent", "attempts": 1, "last_failure": None},
    "spent_usd": "12.34567",
    "limit_usd": "12.00000",
    "scope": "workspace",
    "slug": "",
    "month": "2026-03-01",
    "percent": 80,
    **dict.fromkeys(
        (
            "anomaly_id",
            "project",
            "provider",
            "model",
            "hour_starts_at",
            "expected_usd",
            "decision_id",
            "check_id",
        )
    ),
}
