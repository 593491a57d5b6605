"""Who gets in where: every route of the server, one line each. A route that is missing here fails the build.

"METHOD /path": Rule(WHO)                          nothing else to say
"METHOD /path": Rule(WHO, stops=True)              refused with 409 while the workspace is read-only
"METHOD /path": Rule(WHO, body={…})                what is sent, so that the thing it names is looked up;
                                                   "{device_id}" and its like are put in
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.api.authorisation.cast import Who

PUBLIC: Final = frozenset(Who)
SIGNED_IN: Final = frozenset({Who.MEMBER, Who.ADMIN, Who.OWNER, Who.FOREIGN_OWNER, Who.REMOVED})
DAEMONS: Final = frozenset({Who.SYNC_TOKEN})
OWNERS: Final = frozenset({Who.OWNER})
ADMINS: Final = OWNERS | {Who.ADMIN}
MEMBERS: Final = ADMINS | {Who.MEMBER}
READERS: Final = MEMBERS | {Who.READ_KEY}
DIRECTORY: Final = OWNERS | {Who.SCIM_KEY}


@dataclass(frozen=True)
class Rule:
    """Who gets in.

    Attributes:
        who: everybody; all others are refused.
        stops: whether it is refused while the workspace is read-only.
        body: what a call sends.
    """

    who: frozenset[Who]
    stops: bool = False
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])


_SCIM_USER: Final = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "new@ours.example",
    "active": True,
}
_SCIM_SAME: Final = {**_SCIM_USER, "userName": "ours-secret-person@ours.example"}
_SCIM_PATCH: Final = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "active", "value": False}],
}

_WHAT_IF: Final = {"rates": [{"uncached_input": "1", "output": "2"}]}
_STATEMENT: Final = {"provider": "openai", "month": "2026-01", "lines": [{"amount": "12.5"}]}
_TAKE: Final = {"provider": "openai", "columns": {"date": 0, "amount": 1}, "day_format": "iso"}
_CONNECTION: Final = {"kind": "anthropic_analytics", "name": "Anthropic", "start_day": "2026-01-01", "key": "k" * 20}

TABLE: Final[Mapping[str, Rule]] = {
    # Nobody in particular
    "GET /": Rule(PUBLIC),
    "GET /openapi.json": Rule(PUBLIC),
    "GET /health": Rule(PUBLIC),
    "GET /metrics": Rule(PUBLIC),  # for callers on the machine, or with a token of its own
    "GET /docs/api": Rule(PUBLIC),
    "GET /assets/{digest}/{name}": Rule(PUBLIC),
    "GET /assets/{digest}/charts.js": Rule(PUBLIC),
    "GET /signin": Rule(PUBLIC),
    "POST /signin": Rule(PUBLIC),
    "GET /signin/code": Rule(PUBLIC),
    "POST /signin/code": Rule(PUBLIC),
    "GET /signin/link": Rule(PUBLIC),
    "POST /signin/link": Rule(PUBLIC),
    "GET /signin/oidc": Rule(PUBLIC),
    "GET /signin/oidc/callback": Rule(PUBLIC),
    "POST /signout": Rule(PUBLIC),
    "GET /invitations/{token}": Rule(PUBLIC),
    "POST /webhooks/billing/{provider}": Rule(PUBLIC),  # proves itself by its signature
    "POST /v1/pairing/start": Rule(PUBLIC),
    "POST /v1/pairing/poll": Rule(PUBLIC),
    "GET /verify": Rule(PUBLIC),
    "POST /verify": Rule(PUBLIC),
    "GET /verify/certificate.pem": Rule(PUBLIC),
    "GET /v1/verify/{digest}": Rule(PUBLIC),
    "GET /docs/concepts/pricing": Rule(PUBLIC),
    # Whoever is signed in
    "POST /signup": Rule(SIGNED_IN),
    "GET /me": Rule(SIGNED_IN),
    "POST /me/name": Rule(SIGNED_IN),
    "POST /me/sessions/{session_id}/end": Rule(SIGNED_IN),
    "POST /me/sessions/end-others": Rule(SIGNED_IN),
    "GET /connect": Rule(SIGNED_IN),
    "POST /connect": Rule(SIGNED_IN),
    "GET /new": Rule(SIGNED_IN),
    "POST /new": Rule(SIGNED_IN),
    "POST /invitations/{token}": Rule(SIGNED_IN),
    "POST /v1/invitations/accept": Rule(SIGNED_IN, body={"token": "{token}"}),
    "GET /v1/workspaces": Rule(SIGNED_IN),
    "POST /v1/workspaces": Rule(SIGNED_IN),
    # Machines
    "GET /v1/daemon/whoami": Rule(DAEMONS),
    "GET /v1/daemon/receipts": Rule(DAEMONS),
    "POST /v1/pairing/revoke": Rule(DAEMONS),
    "DELETE /v1/daemon/disconnect": Rule(DAEMONS),
    "POST /v1/requests/batch": Rule(DAEMONS),
    "POST /v1/requests/{request_id}/body": Rule(DAEMONS),
    "GET /v1/reconciliation/daemon-totals": Rule(DAEMONS),
    "GET /v1/pricing/rates": Rule(DAEMONS),
    # Dashboards
    "GET /v1/{workspace}/overview": Rule(READERS),
    "GET /v1/{workspace}/projects": Rule(READERS),
    "GET /v1/{workspace}/projects/{slug:path}": Rule(READERS),
    "GET /v1/{workspace}/requests": Rule(READERS),
    "GET /v1/{workspace}/requests.csv": Rule(READERS),
    "GET /v1/{workspace}/traces/{request_id}": Rule(READERS),
    "GET /v1/{workspace}/devices": Rule(READERS),
    "GET /v1/{workspace}/filters": Rule(READERS),
    "GET /v1/{workspace}/cost-centers": Rule(READERS),
    "GET /v1/{workspace}/budgets": Rule(READERS),
    "GET /v1/{workspace}/rates": Rule(READERS),
    "POST /v1/{workspace}/rates/what-if": Rule(READERS, body=_WHAT_IF),
    "GET /v1/{workspace}/rates/restatements": Rule(READERS),
    "GET /v1/{workspace}/rates/restatements/runs": Rule(READERS),
    "POST /v1/{workspace}/rates/restatements/runs": Rule(ADMINS, stops=True, body={"month": "2026-01"}),
    # Bills and closed months
    "GET /v1/{workspace}/bills": Rule(READERS),
    "GET /v1/{workspace}/bills/periods/{period_id}": Rule(READERS),
    "PUT /v1/{workspace}/bills/statement": Rule(ADMINS, stops=True, body=_STATEMENT),
    "POST /v1/{workspace}/bills/periods/{period_id}/withdraw": Rule(ADMINS, stops=True, body={"reason": "test"}),
    "GET /v1/{workspace}/bills/uploads": Rule(ADMINS, stops=True),
    "POST /v1/{workspace}/bills/uploads": Rule(ADMINS, stops=True, body={"date": "amount"}),
    "POST /v1/{workspace}/bills/uploads/{upload_id}/preview": Rule(ADMINS, stops=True, body=_TAKE),
    "POST /v1/{workspace}/bills/uploads/{upload_id}/confirm": Rule(ADMINS, stops=True, body=_TAKE),
    "DELETE /v1/{workspace}/bills/uploads/{upload_id}": Rule(ADMINS, stops=True),
    "GET /v1/{workspace}/bills/connections": Rule(READERS),
    "POST /v1/{workspace}/bills/connections": Rule(ADMINS, stops=True, body=_CONNECTION),
    "DELETE /v1/{workspace}/bills/connections/{connection_id}": Rule(ADMINS),
    "POST /v1/{workspace}/bills/connections/{connection_id}/rotate": Rule(ADMINS, stops=True, body={"key": "k" * 20}),
    "POST /v1/{workspace}/bills/connections/{connection_id}/test": Rule(ADMINS, stops=True),
    "GET /v1/{workspace}/closes": Rule(READERS),
    "POST /v1/{workspace}/closes": Rule(ADMINS, stops=True, body={"month": "2026-01"}),
    "POST /v1/{workspace}/closes/{month}/reopen": Rule(ADMINS, stops=True, body={"reason": "test"}),
    "GET /v1/{workspace}/reconciliation": Rule(READERS),
    "GET /v1/{workspace}/reconciliation/{month}": Rule(READERS),
    "GET /v1/{workspace}/reconciliation/days/{day}": Rule(READERS),
    "GET /v1/{workspace}/coverage": Rule(READERS),
    "GET /v1/{workspace}/forecast": Rule(READERS),
    "GET /v1/{workspace}/anomalies": Rule(READERS),
    "GET /v1/{workspace}/executive": Rule(READERS),
    "GET /v1/{workspace}/chargeback": Rule(READERS),
    "GET /v1/{workspace}/focus": Rule(READERS),
    "GET /v1/{workspace}/focus.csv": Rule(READERS),
    "GET /v1/{workspace}/alerts": Rule(READERS),
    "GET /v1/{workspace}/clusters": Rule(READERS),
    "GET /v1/{workspace}/clusters/{cluster_id}": Rule(READERS),
    "GET /v1/{workspace}/optimization": Rule(READERS),
    "GET /v1/{workspace}/optimization/catalog": Rule(READERS),
    "GET /v1/{workspace}/optimization/savings": Rule(READERS),
    "GET /v1/{workspace}/optimization/decisions": Rule(READERS),
    "POST /v1/{workspace}/optimization/decisions": Rule(
        ADMINS, stops=True, body={"kind": "suppress", "check_id": "model_swap", "project": "{slug}"}
    ),
    "POST /v1/{workspace}/optimization/decisions/{decision_id}/withdraw": Rule(ADMINS, stops=True),
    "GET /v1/{workspace}/project-settings": Rule(READERS),
    "GET /v1/{workspace}/reattributions": Rule(READERS),
    "GET /{workspace}/overview": Rule(READERS),
    "GET /{workspace}/requests": Rule(READERS),
    "GET /{workspace}/reconciliation": Rule(READERS),
    "GET /{workspace}/reconciliation/{month}": Rule(READERS),
    "POST /{workspace}/reconciliation/{month}/close": Rule(ADMINS, stops=True),
    "POST /{workspace}/reconciliation/{month}/reopen": Rule(ADMINS, stops=True, body={"reason": "test"}),
    "GET /{workspace}/reconciliation/days/{day}": Rule(READERS),
    "GET /{workspace}/reconciliation/coverage": Rule(READERS),
    "GET /{workspace}/reconciliation/bills": Rule(READERS),
    "POST /{workspace}/reconciliation/bills/statement": Rule(
        ADMINS, stops=True, body={"provider": "openai", "month": "2026-01", "usage": "12.5"}
    ),
    "POST /{workspace}/reconciliation/bills/uploads": Rule(ADMINS, stops=True),
    "GET /{workspace}/reconciliation/bills/uploads/{upload_id}": Rule(ADMINS, stops=True),
    "POST /{workspace}/reconciliation/bills/uploads/{upload_id}": Rule(ADMINS, stops=True, body={"action": "drop"}),
    "GET /{workspace}/reconciliation/bills/periods/{period_id}": Rule(READERS),
    "POST /{workspace}/reconciliation/bills/periods/{period_id}/withdraw": Rule(
        ADMINS, stops=True, body={"reason": "test"}
    ),
    "POST /{workspace}/reconciliation/bills/connections": Rule(
        ADMINS, stops=True, body={**_CONNECTION, "kind": "xai_usage", "team": "t"}
    ),
    "GET /{workspace}/reconciliation/bills/connections/{connection_id}": Rule(READERS),
    "POST /{workspace}/reconciliation/bills/connections/{connection_id}/rotate": Rule(
        ADMINS, stops=True, body={"key": "k" * 20}
    ),
    "POST /{workspace}/reconciliation/bills/connections/{connection_id}/test": Rule(ADMINS, stops=True),
    "POST /{workspace}/reconciliation/bills/connections/{connection_id}/end": Rule(ADMINS, body={"confirmed": "yes"}),
    "GET /{workspace}/clusters": Rule(READERS),
    "GET /{workspace}/clusters/{cluster_id}": Rule(READERS),
    "GET /{workspace}/rates": Rule(READERS),
    "GET /{workspace}/rates/what-if": Rule(READERS),
    "GET /{workspace}/charts/{name}.json": Rule(READERS),
    "GET /{workspace}/charts/{name}.svg": Rule(READERS),
    "GET /{workspace}/tables/{name}.csv": Rule(READERS),
    "GET /{workspace}/projects": Rule(READERS),
    "GET /{workspace}/projects/{slug:path}": Rule(READERS),
    "GET /{workspace}/cost-centers": Rule(READERS),
    "GET /{workspace}/executive": Rule(READERS),
    "GET /{workspace}/budgets": Rule(READERS),
    "GET /{workspace}/anomalies": Rule(READERS),
    "GET /{workspace}/alerts": Rule(READERS),
    "GET /{workspace}/optimization": Rule(READERS),
    "GET /{workspace}/optimization/catalog": Rule(READERS),
    "GET /{workspace}/optimization/savings": Rule(READERS),
    "POST /{workspace}/optimization/decisions": Rule(
        ADMINS, stops=True, body={"kind": "suppress", "check_id": "model_swap", "project": "{slug}"}
    ),
    "POST /{workspace}/optimization/decisions/{decision_id}/withdraw": Rule(ADMINS, stops=True),
    "GET /{workspace}/logo/{digest}.png": Rule(READERS),
    # Audit log
    "GET /v1/{workspace}/audit": Rule(READERS),
    "GET /v1/{workspace}/audit.csv": Rule(READERS),
    "GET /v1/{workspace}/audit/digests": Rule(READERS),
    "GET /{workspace}/audit": Rule(READERS),
    "GET /{workspace}/traces/{request_id}": Rule(READERS),
    # Members and invitations
    "GET /v1/{workspace}/members": Rule(MEMBERS),
    "PUT /v1/{workspace}/members/{user_id}/role": Rule(ADMINS, stops=True, body={"role": "admin"}),
    "DELETE /v1/{workspace}/members/{user_id}": Rule(ADMINS),
    "POST /v1/{workspace}/members/leave": Rule(MEMBERS),
    "POST /v1/{workspace}/ownership": Rule(OWNERS, stops=True, body={"user_id": "{user_id}"}),
    "GET /v1/{workspace}/invitations": Rule(MEMBERS),
    "POST /v1/{workspace}/invitations": Rule(ADMINS, stops=True, body={"email": "new@ours.example"}),
    "POST /v1/{workspace}/invitations/{invitation_id}/resend": Rule(ADMINS, stops=True),
    "DELETE /v1/{workspace}/invitations/{invitation_id}": Rule(ADMINS, stops=True),
    "GET /{workspace}/members": Rule(MEMBERS),
    "POST /{workspace}/members/invite": Rule(ADMINS, stops=True),
    "POST /{workspace}/members/invitations/{invitation_id}/resend": Rule(ADMINS, stops=True),
    "POST /{workspace}/members/invitations/{invitation_id}/revoke": Rule(ADMINS, stops=True),
    "GET /{workspace}/members/leave": Rule(MEMBERS),
    "POST /{workspace}/members/leave": Rule(MEMBERS),
    "GET /{workspace}/members/{user_id}": Rule(ADMINS, stops=True),
    "POST /{workspace}/members/{user_id}/role": Rule(ADMINS, stops=True, body={"role": "admin"}),
    "GET /{workspace}/members/{user_id}/remove": Rule(ADMINS),
    "POST /{workspace}/members/{user_id}/remove": Rule(ADMINS),
    "GET /{workspace}/members/{user_id}/ownership": Rule(OWNERS, stops=True),
    "POST /{workspace}/members/{user_id}/ownership": Rule(OWNERS, stops=True),
    # Plan
    "GET /v1/{workspace}/plan": Rule(MEMBERS),
    "POST /v1/{workspace}/plan/quote": Rule(OWNERS),
    "PUT /v1/{workspace}/plan": Rule(OWNERS),
    "POST /v1/{workspace}/plan/cancel": Rule(OWNERS),
    "POST /v1/{workspace}/plan/resume": Rule(OWNERS),
    "GET /{workspace}/settings/plan": Rule(MEMBERS),
    "GET /{workspace}/settings/plan/change": Rule(OWNERS),
    "POST /{workspace}/settings/plan/change": Rule(OWNERS),
    "GET /{workspace}/settings/plan/cancel": Rule(OWNERS),
    "POST /{workspace}/settings/plan/cancel": Rule(OWNERS),
    "POST /{workspace}/settings/plan/resume": Rule(OWNERS),
    # Directory
    "GET /scim/v2/{workspace}/ServiceProviderConfig": Rule(DIRECTORY),
    "GET /scim/v2/{workspace}/ResourceTypes": Rule(DIRECTORY),
    "GET /scim/v2/{workspace}/ResourceTypes/{name}": Rule(DIRECTORY),
    "GET /scim/v2/{workspace}/Schemas": Rule(DIRECTORY),
    "GET /scim/v2/{workspace}/Schemas/{name}": Rule(DIRECTORY),
    "GET /scim/v2/{workspace}/Users": Rule(DIRECTORY),
    "POST /scim/v2/{workspace}/Users": Rule(DIRECTORY, body=_SCIM_USER),
    "GET /scim/v2/{workspace}/Users/{directory_id}": Rule(DIRECTORY),
    "PUT /scim/v2/{workspace}/Users/{directory_id}": Rule(DIRECTORY, body=_SCIM_SAME),
    "PATCH /scim/v2/{workspace}/Users/{directory_id}": Rule(DIRECTORY, body=_SCIM_PATCH),
    "DELETE /scim/v2/{workspace}/Users/{directory_id}": Rule(DIRECTORY),
    # Machines of a workspace
    "POST /v1/{workspace}/pairings/approve": Rule(MEMBERS, stops=True, body={"code": "WXJ4-9KLM"}),
    "POST /v1/{workspace}/pairings/deny": Rule(MEMBERS, stops=True, body={"code": "WXJ4-9KLM"}),
    "PATCH /v1/{workspace}/devices/{device_id}": Rule(ADMINS, stops=True, body={"name": "new"}),
    "POST /v1/{workspace}/devices/{device_id}/revoke": Rule(ADMINS),
    "GET /{workspace}/settings/devices": Rule(READERS),
    "GET /{workspace}/settings/devices/{device_id}": Rule(READERS),
    "POST /{workspace}/settings/devices/{device_id}/rename": Rule(ADMINS, stops=True, body={"name": "new"}),
    "GET /{workspace}/settings/devices/{device_id}/revoke": Rule(ADMINS),
    "POST /{workspace}/settings/devices/{device_id}/revoke": Rule(ADMINS),
    # API keys
    "GET /v1/{workspace}/api-keys": Rule(MEMBERS),
    "POST /v1/{workspace}/api-keys": Rule(ADMINS, stops=True, body={"name": "new"}),
    "POST /v1/{workspace}/api-keys/{key_id}/rotate": Rule(ADMINS, stops=True),
    "DELETE /v1/{workspace}/api-keys/{key_id}": Rule(ADMINS),
    "GET /{workspace}/settings/advanced": Rule(MEMBERS),
    "GET /{workspace}/settings/api-keys": Rule(MEMBERS),
    "POST /{workspace}/settings/advanced": Rule(ADMINS, stops=True),
    "GET /{workspace}/settings/advanced/{key_id}/rotate": Rule(ADMINS, stops=True),
    "POST /{workspace}/settings/advanced/{key_id}/rotate": Rule(ADMINS, stops=True),
    "GET /{workspace}/settings/advanced/{key_id}/revoke": Rule(ADMINS),
    "POST /{workspace}/settings/advanced/{key_id}/revoke": Rule(ADMINS),
    # Projects, cost centres, budgets
    "PATCH /v1/{workspace}/projects/{slug:path}": Rule(ADMINS, stops=True, body={"cost_centre": "{cost_centre}"}),
    "POST /v1/{workspace}/projects/{slug:path}/archive": Rule(ADMINS, stops=True),
    "POST /v1/{workspace}/projects/{slug:path}/restore": Rule(ADMINS, stops=True),
    "POST /v1/{workspace}/reattributions": Rule(
        ADMINS,
        stops=True,
        body={"from_project": "(not shared)", "to_project": "{slug}", "device_id": "{device_id}"},
    ),
    "POST /v1/{workspace}/reattributions/{reattribution_id}/withdraw": Rule(ADMINS, stops=True),
    "POST /{workspace}/projects/{slug:path}": Rule(
        ADMINS, stops=True, body={"action": "save", "cost_centre": "{cost_centre}"}
    ),
    "POST /{workspace}/reattributions/{reattribution_id}/withdraw": Rule(ADMINS, stops=True, body={"project": "web"}),
    "POST /v1/{workspace}/cost-centers": Rule(ADMINS, stops=True, body={"name": "new"}),
    "PATCH /v1/{workspace}/cost-centers/{cost_centre}": Rule(ADMINS, stops=True, body={"name": "new"}),
    "POST /v1/{workspace}/cost-centers/{cost_centre}/archive": Rule(ADMINS, stops=True),
    "POST /v1/{workspace}/cost-centers/{cost_centre}/restore": Rule(ADMINS, stops=True),
    "POST /{workspace}/cost-centers": Rule(ADMINS, stops=True),
    "POST /{workspace}/cost-centers/{cost_centre}": Rule(ADMINS, stops=True, body={"action": "renamed", "name": "new"}),
    "PUT /v1/{workspace}/budgets": Rule(
        ADMINS, stops=True, body={"scope": "project", "slug": "{slug}", "monthly_usd": "5"}
    ),
    "POST /v1/{workspace}/budgets/remove": Rule(
        ADMINS, stops=True, body={"scope": "cost_centre", "slug": "{cost_centre}"}
    ),
    "GET /v1/{workspace}/alerts/settings": Rule(ADMINS, stops=True),
    "PUT /v1/{workspace}/alerts/settings": Rule(ADMINS, stops=True, body={"mail_to": "nobody"}),
    "POST /v1/{workspace}/alerts/webhook": Rule(ADMINS, stops=True, body={"url": "https://hooks.ours.example/x"}),
    "DELETE /v1/{workspace}/alerts/webhook": Rule(ADMINS, stops=True),
    "GET /{workspace}/settings/budgets": Rule(MEMBERS),
    "POST /{workspace}/settings/budgets": Rule(
        ADMINS, stops=True, body={"of": "project:{slug}", "monthly_usd": "5", "alert_percents": ""}
    ),
    "POST /{workspace}/settings/budgets/remove": Rule(ADMINS, stops=True, body={"of": "cost_centre:{cost_centre}"}),
    "GET /{workspace}/settings/alerts": Rule(ADMINS, stops=True),
    "POST /{workspace}/settings/alerts": Rule(ADMINS, stops=True, body={"mail_to": "nobody"}),
    "POST /{workspace}/settings/alerts/webhook": Rule(ADMINS, stops=True, body={"url": "https://hooks.ours.example/x"}),
    "POST /{workspace}/settings/alerts/webhook/remove": Rule(ADMINS, stops=True),
    # Reports
    "GET /{workspace}/reports": Rule(READERS),
    "POST /{workspace}/reports": Rule(MEMBERS),
    "GET /{workspace}/reports/{report_id}/file": Rule(READERS),
    "GET /v1/{workspace}/reports": Rule(READERS),
    "POST /v1/{workspace}/reports": Rule(MEMBERS, body={"kind": "executive"}),
    "GET /v1/{workspace}/reports/{report_id}": Rule(READERS),
    "GET /v1/{workspace}/reports/{report_id}/figures": Rule(READERS),
    "GET /v1/{workspace}/reports/{report_id}/file": Rule(READERS),
    # Settings, deletion, exports
    "GET /v1/{workspace}/settings": Rule(MEMBERS),
    "PATCH /v1/{workspace}/settings": Rule(OWNERS, stops=True),
    "PUT /v1/{workspace}/settings/logo": Rule(OWNERS, stops=True),
    "DELETE /v1/{workspace}/settings/logo": Rule(OWNERS, stops=True),
    "GET /{workspace}/settings": Rule(MEMBERS),
    "POST /{workspace}/settings": Rule(OWNERS, stops=True),
    "POST /{workspace}/settings/address": Rule(OWNERS, stops=True),
    "POST /{workspace}/settings/logo": Rule(OWNERS, stops=True),
    "POST /{workspace}/settings/logo/remove": Rule(OWNERS, stops=True),
    "GET /{workspace}/settings/retention": Rule(OWNERS, stops=True),
    "POST /{workspace}/settings/retention": Rule(OWNERS, stops=True),
    "GET /v1/{workspace}/deletion": Rule(MEMBERS),
    "POST /v1/{workspace}/deletion": Rule(OWNERS, body={"confirm": "{workspace}"}),
    "DELETE /v1/{workspace}/deletion": Rule(OWNERS),
    "GET /{workspace}/settings/deletion": Rule(MEMBERS),
    "POST /{workspace}/settings/deletion": Rule(OWNERS),
    "POST /{workspace}/settings/deletion/undo": Rule(OWNERS),
    "POST /{workspace}/settings/deletion/export": Rule(OWNERS),
    "GET /{workspace}/settings/deletion/exports/{export_id}": Rule(OWNERS),
    "GET /v1/{workspace}/scheduled-export": Rule(MEMBERS),
    "GET /v1/{workspace}/exports": Rule(OWNERS),
    "POST /v1/{workspace}/exports": Rule(OWNERS),
    "GET /v1/{workspace}/exports/{export_id}": Rule(OWNERS),
    "GET /v1/{workspace}/exports/{export_id}/file": Rule(OWNERS),
}
