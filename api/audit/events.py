"""The grammar of the audit log: actor x event x resource.

Belongs here: every event there is (new ones are added here, and in `families`), kinds of actors, and the structs that
name an actor, a resource and a happening. Does not belong here: writing events (`chain`), showing them (`listing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Detail = str | int | bool | None


class AuditEvent(StrEnum):
    """Everything the log shows, as `noun.past_tense`; all but REQUEST_CAPTURED is recorded by `chain`."""

    REQUEST_CAPTURED = "request.captured"

    WORKSPACE_CREATED = "workspace.created"
    WORKSPACE_RENAMED = "workspace.renamed"
    WORKSPACE_SLUG_CHANGED = "workspace.slug_changed"
    WORKSPACE_TIME_ZONE_SET = "workspace.time_zone_set"
    WORKSPACE_CURRENCY_NOTE_SET = "workspace.currency_note_set"
    WORKSPACE_LOGO_SET = "workspace.logo_set"
    WORKSPACE_LOGO_REMOVED = "workspace.logo_removed"
    WORKSPACE_DELETION_REQUESTED = "workspace.deletion_requested"
    WORKSPACE_DELETION_UNDONE = "workspace.deletion_undone"
    WORKSPACE_EXPORT_REQUESTED = "workspace.export_requested"
    WORKSPACE_EXPORT_DOWNLOADED = "workspace.export_downloaded"
    WORKSPACE_PLAN_CHANGED = "workspace.plan_changed"
    WORKSPACE_BUDGET_SET = "workspace.budget_set"
    WORKSPACE_BUDGET_REMOVED = "workspace.budget_removed"
    WORKSPACE_RETENTION_SET = "workspace.retention_set"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_LINKED = "member.linked"
    MEMBER_UNLINKED = "member.unlinked"
    OWNERSHIP_TRANSFERRED = "ownership.transferred"
    INVITATION_SENT = "invitation.sent"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_REVOKED = "invitation.revoked"
    SEATS_CHANGED = "seats.changed"
    SUBSCRIPTION_CANCELLED = "subscription.cancelled"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_UPDATED = "subscription.updated"
    PAYMENT_METHOD_UPDATED = "payment_method.updated"
    BILLING_EVENT_REFUSED = "billing_event.refused"
    PAIRING_APPROVED = "pairing.approved"
    PAIRING_DENIED = "pairing.denied"
    DEVICE_PAIRED = "device.paired"
    DEVICE_REPAIRED = "device.repaired"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_DISCONNECTED = "device.disconnected"
    DEVICE_RENAMED = "device.renamed"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - an event name
    API_KEY_CREATED = "api_key.created"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    MAIL_RESENT = "mail.resent"
    PROJECT_CREATED = "project.created"
    PROJECT_ARCHIVED = "project.archived"
    PROJECT_RESTORED = "project.restored"
    PROJECT_RELEASED = "project.released"
    PROJECT_RENAMED = "project.renamed"
    PROJECT_CLIENT_SET = "project.client_set"
    PROJECT_RATE_SET = "project.rate_set"
    PROJECT_COST_CENTRE_SET = "project.cost_centre_set"
    PROJECT_BUDGET_SET = "project.budget_set"
    PROJECT_BUDGET_REMOVED = "project.budget_removed"
    REATTRIBUTION_DECIDED = "reattribution.decided"
    REATTRIBUTION_WITHDRAWN = "reattribution.withdrawn"
    COST_CENTRE_CREATED = "cost_centre.created"
    COST_CENTRE_RENAMED = "cost_centre.renamed"
    COST_CENTRE_ARCHIVED = "cost_centre.archived"
    COST_CENTRE_RESTORED = "cost_centre.restored"
    COST_CENTRE_BUDGET_SET = "cost_centre.budget_set"
    COST_CENTRE_BUDGET_REMOVED = "cost_centre.budget_removed"
    BILL_CONNECTION_ADDED = "bill_connection.added"
    BILL_CONNECTION_REMOVED = "bill_connection.removed"
    BILL_CONNECTION_KEY_REPLACED = "bill_connection.key_replaced"
    BILL_STATED = "bill.stated"
    BILL_FILE_TAKEN = "bill.file_taken"
    BILL_WITHDRAWN = "bill.withdrawn"
    EXPORT_CONFIGURED = "scheduled_export.configured"
    EXPORT_REMOVED = "scheduled_export.removed"
    MONTH_CLOSED = "month.closed"
    MONTH_REOPENED = "month.reopened"
    MONTH_REPRICED = "month.repriced"
    PROJECT_MARKUP_SET = "project.markup_set"
    ALERT_SETTINGS_CHANGED = "alert.settings_changed"
    ALERT_WEBHOOK_SET = "alert.webhook_set"
    ALERT_WEBHOOK_REMOVED = "alert.webhook_removed"
    ALERT_RAISED = "alert.raised"
    RECOMMENDATION_ACCEPTED = "recommendation.accepted"
    RECOMMENDATION_DISMISSED = "recommendation.dismissed"
    RECOMMENDATION_SUPPRESSED = "recommendation.suppressed"
    RECOMMENDATION_DECISION_WITHDRAWN = "recommendation.decision_withdrawn"
    RATE_SET = "rate.set"
    RATE_WITHDRAWN = "rate.withdrawn"
    REPORT_REQUESTED = "report.requested"
    REPORT_ISSUED = "report.issued"
    REPORT_FAILED = "report.failed"
    REPORT_DOWNLOADED = "report.downloaded"


class ActorType(StrEnum):
    """Kinds of actors."""

    USER = "user"
    DEVICE = "device"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: an e-mail address, a machine id, or a fixed name."""

    type: ActorType
    id: str


@dataclass(frozen=True, slots=True)
class Resource:
    """What it was done to."""

    type: str
    id: str


OPERATOR = Actor(ActorType.OPERATOR, "operator")
"""Whoever runs `halton-cloud` commands on the server."""
SYSTEM = Actor(ActorType.SYSTEM, "server")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event about to be recorded."""

    event: AuditEvent
    resource: Resource
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])
