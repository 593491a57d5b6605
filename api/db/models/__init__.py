"""Tables of the app database that people and devices live in, a module per subject.

Belongs here: columns, keys and the words a column may hold. Does not belong here: the landing ledger and providers'
bills (`pipelines.lake.ledger`, `pipelines.lake.bills`, same `MetaData`), rules over these rows (`api.plans`,
`api.devices`, `api.projects`), queries.

Ids are lower-case UUID text. Instants are microseconds since 1970-01-01 UTC in columns ending in `_us`. Money is
millicents (1 USD = 100,000; of another currency: 100,000 to its unit), prices are picodollars per token.
"""

from __future__ import annotations

from api.db.models.alerts import Alert, AlertDelivery, AlertSettings, AlertWebhook
from api.db.models.audit import AuditDigest, AuditRecord
from api.db.models.base import GENESIS_HASH, Base, PairingStatus, Plan, RevokedReason, Role
from api.db.models.billing import OutboxMessage, Subscription, WebhookEvent
from api.db.models.closes import BillUpload, MonthClose, MonthCloseTotal
from api.db.models.devices import ApiKey, Device, DeviceInstance, PairingSession, SyncToken
from api.db.models.optimisation import OptimisationDecision
from api.db.models.people import (
    BrowserSession,
    DirectoryMember,
    FormerMembership,
    Invitation,
    Membership,
    OidcAttempt,
    SignInAttempt,
    User,
    UserIdentity,
)
from api.db.models.projects import Budget, CostCentre, Project, RateOverride, Reattribution
from api.db.models.reports import IssuedReport
from api.db.models.restatements import RestatementEntry, RestatementRun
from api.db.models.workspaces import Purge, RetiredSlug, Workspace, WorkspaceExport, WorkspaceLogo
from pipelines.lake.bills import bill_connections, bill_lines, bill_periods

__all__ = [
    "GENESIS_HASH",
    "Alert",
    "AlertDelivery",
    "AlertSettings",
    "AlertWebhook",
    "ApiKey",
    "AuditDigest",
    "AuditRecord",
    "Base",
    "BillUpload",
    "BrowserSession",
    "Budget",
    "CostCentre",
    "Device",
    "DeviceInstance",
    "DirectoryMember",
    "FormerMembership",
    "Invitation",
    "IssuedReport",
    "Membership",
    "MonthClose",
    "MonthCloseTotal",
    "OidcAttempt",
    "OptimisationDecision",
    "OutboxMessage",
    "PairingSession",
    "PairingStatus",
    "Plan",
    "Project",
    "Purge",
    "RateOverride",
    "Reattribution",
    "RestatementEntry",
    "RestatementRun",
    "RetiredSlug",
    "RevokedReason",
    "Role",
    "SignInAttempt",
    "Subscription",
    "SyncToken",
    "User",
    "UserIdentity",
    "WebhookEvent",
    "Workspace",
    "WorkspaceExport",
    "WorkspaceLogo",
    "bill_connections",
    "bill_lines",
    "bill_periods",
]
