"""What was spent, on what, and what might be done about it: the routes with the filter rail.

Belongs here: one method per GET route, named after its path. Does not belong here: the other half
(`workspace_routes`), calling (`transport`), pages (`client`).
"""

from __future__ import annotations

from typing import Unpack

from api.client.answers.budgets import BudgetsAnswer
from api.client.answers.cost_centres import CostCentresAnswer
from api.client.answers.dashboards import AnomaliesAnswer, CatalogAnswer, ChargebackAnswer
from api.client.answers.dashboards_2 import ClusterAnswer, ClustersAnswer, CoverageAnswer
from api.client.answers.dashboards_3 import DevicesAnswer, ExecutiveAnswer, FilterValuesAnswer, ForecastAnswer
from api.client.answers.dashboards_4 import OptimisationAnswer, OverviewAnswer
from api.client.answers.dashboards_5 import (
    ProjectAnswer,
    ProjectsAnswer,
    ReconciledDayAnswer,
    ReconciledMonthAnswer,
    ReconciliationAnswer,
    RequestsAnswer,
    SavingsAnswer,
)
from api.client.answers.dashboards_6 import TraceAnswer
from api.client.answers.exports import FocusAnswer
from api.client.calling import Calling, Rail, quoted, sent


class SpendRoutes(Calling):
    """Routes with the filter rail take its parameters by name (`api.client.calling.Rail`)."""

    def anomalies(
        self, *, limit: int | None = None, cursor: str | None = None, **rail: Unpack[Rail]
    ) -> AnomaliesAnswer:
        """Hours that cost far more than usual: `GET /v1/{workspace}/anomalies`."""
        return self._get("anomalies", AnomaliesAnswer, {"limit": limit, "cursor": cursor, **sent(rail)})

    def budgets(self) -> BudgetsAnswer:
        """Budgets: `GET /v1/{workspace}/budgets`."""
        return self._get("budgets", BudgetsAnswer)

    def chargeback(self, **rail: Unpack[Rail]) -> ChargebackAnswer:
        """Chargeback: `GET /v1/{workspace}/chargeback`."""
        return self._get("chargeback", ChargebackAnswer, sent(rail))

    def clusters(
        self, *, kind: str | None = None, limit: int | None = None, cursor: str | None = None, **rail: Unpack[Rail]
    ) -> ClustersAnswer:
        """Clusters of requests: `GET /v1/{workspace}/clusters`."""
        return self._get("clusters", ClustersAnswer, {"kind": kind, "limit": limit, "cursor": cursor, **sent(rail)})

    def cluster(self, cluster_id: str, **rail: Unpack[Rail]) -> ClusterAnswer:
        """One cluster: `GET /v1/{workspace}/clusters/{cluster_id}`."""
        return self._get(f"clusters/{quoted(cluster_id)}", ClusterAnswer, sent(rail))

    def cost_centers(self, **rail: Unpack[Rail]) -> CostCentresAnswer:
        """Cost centres: `GET /v1/{workspace}/cost-centers`."""
        return self._get("cost-centers", CostCentresAnswer, sent(rail))

    def coverage(self, **rail: Unpack[Rail]) -> CoverageAnswer:
        """Coverage of what was billed: `GET /v1/{workspace}/coverage`."""
        return self._get("coverage", CoverageAnswer, sent(rail))

    def devices(self, **rail: Unpack[Rail]) -> DevicesAnswer:
        """Devices: `GET /v1/{workspace}/devices`."""
        return self._get("devices", DevicesAnswer, sent(rail))

    def executive(self, **rail: Unpack[Rail]) -> ExecutiveAnswer:
        """Executive view: `GET /v1/{workspace}/executive`."""
        return self._get("executive", ExecutiveAnswer, sent(rail))

    def filter_values(self, **rail: Unpack[Rail]) -> FilterValuesAnswer:
        """Values of the filter rail: `GET /v1/{workspace}/filters`."""
        return self._get("filters", FilterValuesAnswer, sent(rail))

    def focus(self, *, month: str | None = None, limit: int | None = None, cursor: str | None = None) -> FocusAnswer:
        """Spend and credits in FOCUS 1.2: `GET /v1/{workspace}/focus`."""
        return self._get("focus", FocusAnswer, {"month": month, "limit": limit, "cursor": cursor})

    def forecast(self, **rail: Unpack[Rail]) -> ForecastAnswer:
        """Where the month is going: `GET /v1/{workspace}/forecast`."""
        return self._get("forecast", ForecastAnswer, sent(rail))

    def recommendations(
        self, *, limit: int | None = None, cursor: str | None = None, **rail: Unpack[Rail]
    ) -> OptimisationAnswer:
        """Recommendations: `GET /v1/{workspace}/optimization`."""
        return self._get("optimization", OptimisationAnswer, {"limit": limit, "cursor": cursor, **sent(rail)})

    def optimization_catalog(self, **rail: Unpack[Rail]) -> CatalogAnswer:
        """Catalogue of checks: `GET /v1/{workspace}/optimization/catalog`."""
        return self._get("optimization/catalog", CatalogAnswer, sent(rail))

    def realised_savings(self, **rail: Unpack[Rail]) -> SavingsAnswer:
        """Realised savings: `GET /v1/{workspace}/optimization/savings`."""
        return self._get("optimization/savings", SavingsAnswer, sent(rail))

    def overview(self, **rail: Unpack[Rail]) -> OverviewAnswer:
        """Overview: `GET /v1/{workspace}/overview`."""
        return self._get("overview", OverviewAnswer, sent(rail))

    def projects(self, **rail: Unpack[Rail]) -> ProjectsAnswer:
        """All projects: `GET /v1/{workspace}/projects`."""
        return self._get("projects", ProjectsAnswer, sent(rail))

    def project(self, slug: str, **rail: Unpack[Rail]) -> ProjectAnswer:
        """One project: `GET /v1/{workspace}/projects/{slug}`."""
        return self._get(f"projects/{quoted(slug)}", ProjectAnswer, sent(rail))

    def reconciliation(self, **rail: Unpack[Rail]) -> ReconciliationAnswer:
        """Reconciliation by month: `GET /v1/{workspace}/reconciliation`."""
        return self._get("reconciliation", ReconciliationAnswer, sent(rail))

    def reconciliation_day(
        self, day: str, *, limit: int | None = None, cursor: str | None = None, **rail: Unpack[Rail]
    ) -> ReconciledDayAnswer:
        """The requests behind a day's variance: `GET /v1/{workspace}/reconciliation/days/{day}`."""
        return self._get(
            f"reconciliation/days/{quoted(day)}", ReconciledDayAnswer, {"limit": limit, "cursor": cursor, **sent(rail)}
        )

    def reconciliation_month(self, month: str, **rail: Unpack[Rail]) -> ReconciledMonthAnswer:
        """Reconciliation of a month by day: `GET /v1/{workspace}/reconciliation/{month}`."""
        return self._get(f"reconciliation/{quoted(month)}", ReconciledMonthAnswer, sent(rail))

    def requests(
        self, *, limit: int | None = None, cursor: str | None = None, search: str | None = None, **rail: Unpack[Rail]
    ) -> RequestsAnswer:
        """Recent requests: `GET /v1/{workspace}/requests`."""
        return self._get("requests", RequestsAnswer, {"limit": limit, "cursor": cursor, "search": search, **sent(rail)})

    def trace(self, request_id: str) -> TraceAnswer:
        """One request and its provenance: `GET /v1/{workspace}/traces/{request_id}`."""
        return self._get(f"traces/{quoted(request_id)}", TraceAnswer)
