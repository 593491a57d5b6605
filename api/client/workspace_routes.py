"""What a workspace is and records: bills, audit log, people, settings, reports.

Belongs here: one method per GET route, named after its path. Does not belong here: the other half
(`spend_routes`), calling (`transport`), pages (`client`).
"""

from __future__ import annotations

from collections.abc import Sequence

from api.client.answers.alerts import AlertsAnswer, AlertSettingsShown
from api.client.answers.api_keys import ApiKeysAnswer
from api.client.answers.audit import AuditAnswer, DigestsAnswer
from api.client.answers.billing import PlanAnswer
from api.client.answers.bills import BillAnswer, BillsAnswer, ClosesAnswer, ConnectionsAnswer, UploadsAnswer
from api.client.answers.members import InvitationsAnswer, MembersAnswer
from api.client.answers.optimization import DecisionsAnswer
from api.client.answers.projects import ProjectSettingsAnswer, ReattributionsAnswer
from api.client.answers.rates import RatesAnswer, RestatementAnswer, RunsAnswer
from api.client.answers.reports import ReportsAnswer, ReportShown
from api.client.answers.workspaces import (
    DeletionAnswer,
    ExportsAnswer,
    ExportShown,
    ScheduledExportAnswer,
    SettingsShown,
)
from api.client.calling import Calling, quoted


class WorkspaceRoutes(Calling):
    """Routes without the filter rail; some are for Members and refuse API keys with a 403."""

    def alerts(self) -> AlertsAnswer:
        """Alerts that were raised: `GET /v1/{workspace}/alerts`."""
        return self._get("alerts", AlertsAnswer)

    def alert_settings(self) -> AlertSettingsShown:
        """Who is told of alerts: `GET /v1/{workspace}/alerts/settings`."""
        return self._get("alerts/settings", AlertSettingsShown)

    def api_keys(self) -> ApiKeysAnswer:
        """API keys: `GET /v1/{workspace}/api-keys`."""
        return self._get("api-keys", ApiKeysAnswer)

    def audit(
        self,
        *,
        family: str | None = None,
        event: str | None = None,
        actor: str | None = None,
        search: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> AuditAnswer:
        """Audit log: `GET /v1/{workspace}/audit`."""
        return self._get(
            "audit",
            AuditAnswer,
            {
                "family": family,
                "event": event,
                "actor": actor,
                "search": search,
                "limit": limit,
                "cursor": cursor,
                "from": start,
                "to": end,
            },
        )

    def audit_digests(self) -> DigestsAnswer:
        """Signed digests of the audit log: `GET /v1/{workspace}/audit/digests`."""
        return self._get("audit/digests", DigestsAnswer)

    def bills(
        self,
        *,
        provider: str | Sequence[str] | None = None,
        history: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> BillsAnswer:
        """Bills: `GET /v1/{workspace}/bills`."""
        return self._get(
            "bills",
            BillsAnswer,
            {
                "provider": provider,
                "history": "1" if history else None,
                "limit": limit,
                "cursor": cursor,
                "from": start,
                "to": end,
            },
        )

    def bill_connections(self) -> ConnectionsAnswer:
        """Connections to providers' billing: `GET /v1/{workspace}/bills/connections`."""
        return self._get("bills/connections", ConnectionsAnswer)

    def bill_uploads(self) -> UploadsAnswer:
        """Invoice files that wait: `GET /v1/{workspace}/bills/uploads`."""
        return self._get("bills/uploads", UploadsAnswer)

    def bill(self, period_id: str) -> BillAnswer:
        """One bill: `GET /v1/{workspace}/bills/periods/{period_id}`."""
        return self._get(f"bills/periods/{quoted(period_id)}", BillAnswer)

    def closes(self) -> ClosesAnswer:
        """Closed months: `GET /v1/{workspace}/closes`."""
        return self._get("closes", ClosesAnswer)

    def deletion(self) -> DeletionAnswer:
        """Deletion: `GET /v1/{workspace}/deletion`."""
        return self._get("deletion", DeletionAnswer)

    def workspace_exports(self) -> ExportsAnswer:
        """Exports of everything: `GET /v1/{workspace}/exports`."""
        return self._get("exports", ExportsAnswer)

    def workspace_export(self, export_id: str) -> ExportShown:
        """An export: `GET /v1/{workspace}/exports/{export_id}`."""
        return self._get(f"exports/{quoted(export_id)}", ExportShown)

    def invitations(self) -> InvitationsAnswer:
        """Open invitations: `GET /v1/{workspace}/invitations`."""
        return self._get("invitations", InvitationsAnswer)

    def members(self) -> MembersAnswer:
        """Members and seats: `GET /v1/{workspace}/members`."""
        return self._get("members", MembersAnswer)

    def optimization_decisions(self) -> DecisionsAnswer:
        """Decisions about recommendations: `GET /v1/{workspace}/optimization/decisions`."""
        return self._get("optimization/decisions", DecisionsAnswer)

    def plan(self) -> PlanAnswer:
        """Plan, seats and prices: `GET /v1/{workspace}/plan`."""
        return self._get("plan", PlanAnswer)

    def project_settings(self) -> ProjectSettingsAnswer:
        """Settings of all projects: `GET /v1/{workspace}/project-settings`."""
        return self._get("project-settings", ProjectSettingsAnswer)

    def rates(
        self,
        *,
        provider: str | Sequence[str] | None = None,
        model: str | Sequence[str] | None = None,
        at: str | None = None,
        history: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RatesAnswer:
        """Rates: `GET /v1/{workspace}/rates`."""
        asked = {"provider": provider, "model": model, "at": at, "history": "1" if history else None}
        return self._get("rates", RatesAnswer, {**asked, "limit": limit, "cursor": cursor})

    def restatements(
        self, *, month: str | None = None, known_at: str | None = None, build_id: str | None = None
    ) -> RestatementAnswer:
        """What learning of prices changed: `GET /v1/{workspace}/rates/restatements`."""
        return self._get(
            "rates/restatements", RestatementAnswer, {"month": month, "known_at": known_at, "build_id": build_id}
        )

    def restatement_runs(
        self, *, month: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> RunsAnswer:
        """What repricing runs recorded: `GET /v1/{workspace}/rates/restatements/runs`."""
        return self._get("rates/restatements/runs", RunsAnswer, {"month": month, "limit": limit, "cursor": cursor})

    def reattributions(self) -> ReattributionsAnswer:
        """Requests moved between projects: `GET /v1/{workspace}/reattributions`."""
        return self._get("reattributions", ReattributionsAnswer)

    def reports(self) -> ReportsAnswer:
        """Reports: `GET /v1/{workspace}/reports`."""
        return self._get("reports", ReportsAnswer)

    def report(self, report_id: str) -> ReportShown:
        """A report: `GET /v1/{workspace}/reports/{report_id}`."""
        return self._get(f"reports/{quoted(report_id)}", ReportShown)

    def scheduled_export(self) -> ScheduledExportAnswer:
        """The daily export: `GET /v1/{workspace}/scheduled-export`."""
        return self._get("scheduled-export", ScheduledExportAnswer)

    def settings(self) -> SettingsShown:
        """Settings: `GET /v1/{workspace}/settings`."""
        return self._get("settings", SettingsShown)
