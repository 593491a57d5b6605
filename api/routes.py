"""Every route of the server, in the order they are tried.

Belongs here: which routers there are, and which goes first where paths overlap. Does not belong here: anything a route
does, the application around them (`api.app`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute

from api.alerts.routes import router as alerts
from api.api_key_routes import router as api_keys
from api.audit.routes import router as audit
from api.billing.routes import router as billing
from api.billing.webhook_routes import router as billing_webhooks
from api.bills.connection_routes import router as bill_connections
from api.bills.routes import router as bills
from api.bills.upload_routes import router as bill_uploads
from api.budgets.routes import router as budgets
from api.closes.routes import router as closes
from api.cost_centres.routes import router as cost_centres
from api.dashboards.focus_routes import router as focus
from api.dashboards.optimisation_routes import router as optimisation
from api.dashboards.planning_routes import router as planning
from api.dashboards.rates.routes import router as rates
from api.dashboards.reconciliation_routes import router as reconciliation
from api.dashboards.routes import router as dashboards
from api.device_routes import router as device_changes
from api.ingest.routes import router as ingest
from api.members.invitation_routes import router as invitations
from api.members.routes import router as members
from api.metrics.routes import router as metrics
from api.optimisation.routes import router as optimisation_decisions
from api.pages.alerts import router as alert_pages
from api.pages.api_keys import router as api_key_pages
from api.pages.api_reference import router as api_reference
from api.pages.assets import router as assets
from api.pages.audit import router as audit_page
from api.pages.bill_connections import router as bill_connection_pages
from api.pages.bill_uploads import router as bill_upload_pages
from api.pages.bills import router as bill_pages
from api.pages.budgets import router as budget_pages
from api.pages.chart_script import router as chart_script
from api.pages.clusters import router as cluster_pages
from api.pages.connect import router as connect_page
from api.pages.cost_centres import router as cost_centre_pages
from api.pages.deletion import router as deletion_pages
from api.pages.devices import router as device_pages
from api.pages.executive import router as executive_page
from api.pages.figure_routes import router as figures
from api.pages.home import router as home_page
from api.pages.invitations import router as invitation_page
from api.pages.logos import router as logo_pages
from api.pages.me import router as me
from api.pages.members import router as member_pages
from api.pages.new_workspace import router as new_workspace_page
from api.pages.optimisation import router as optimisation_pages
from api.pages.overview import router as overview_page
from api.pages.plan import router as plan_pages
from api.pages.planning import router as planning_pages
from api.pages.projects import router as project_pages
from api.pages.rates import router as rate_pages
from api.pages.reconciliation import router as reconciliation_pages
from api.pages.reconciliation_month import router as reconciled_month_pages
from api.pages.reports import router as report_pages
from api.pages.requests import router as request_pages
from api.pages.settings import router as settings_pages
from api.pages.sign_in import router as sign_in
from api.pages.sign_in_oidc import router as sign_in_oidc
from api.pages.trace import router as trace_page
from api.pages.verify import router as verify_pages
from api.pairing.approval_routes import router as pairing_answers
from api.pairing.routes import router as pairing
from api.projects.routes import router as projects
from api.reports.routes import router as reports
from api.repricing.routes import router as repricing
from api.scheduled_exports import router as scheduled_exports
from api.scim.routes import router as scim
from api.server_routes import router as server
from api.workspaces.ending_routes import router as workspace_endings
from api.workspaces.routes import router as workspaces

_IN_ORDER: Final = (
    home_page,
    sign_in,
    sign_in_oidc,
    me,
    verify_pages,
    billing_webhooks,
    scim,
    invitations,
    members,
    billing,
    pairing,
    pairing_answers,
    device_changes,
    api_keys,
    connect_page,
    device_pages,
    api_key_pages,
    invitation_page,
    member_pages,
    plan_pages,
    new_workspace_page,
    settings_pages,
    deletion_pages,
    workspaces,
    workspace_endings,
    scheduled_exports,
    logo_pages,
    projects,
    cost_centres,
    budgets,
    bills,
    bill_uploads,
    bill_connections,
    closes,
    repricing,
    optimisation,
    optimisation_decisions,
    alerts,
    audit,
    reports,
    report_pages,
    # Last: paths that begin with any slug.
    server,
    metrics,
    api_reference,
    chart_script,
    assets,
    ingest,
    planning,
    dashboards,
    reconciliation,
    rates,
    focus,
    # Behind /v1: a slug of a project may have slashes.
    figures,
    overview_page,
    request_pages,
    audit_page,
    trace_page,
    project_pages,
    cost_centre_pages,
    budget_pages,
    executive_page,
    optimisation_pages,
    planning_pages,
    alert_pages,
    # A month last: "bills" and "coverage" are none.
    bill_pages,
    bill_connection_pages,
    bill_upload_pages,
    reconciliation_pages,
    reconciled_month_pages,
    cluster_pages,
    rate_pages,
)
"""A path is answered by the first route that fits it."""


@lru_cache(maxsize=1)
def all_routes() -> tuple[BaseRoute, ...]:
    """Return the routes. FastAPI works a route's parameters out once: every application of the process shares them."""
    together = APIRouter()
    for router in _IN_ORDER:
        together.include_router(router)
    return tuple(together.routes)
