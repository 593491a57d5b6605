"""Putting the server together: routes, handlers, headers, and what they share.

Belongs here: `create_app`. Does not belong here: processes and sockets (`api.server`), or anything a route does.

No path that machines call redirects: daemons take an empty 3xx for success and would lose their rows. Pages do.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.alerts.addresses import own_networks
from api.alerts.delivering import Caller
from api.alerts.keeper import AlertKeeper, Sources
from api.alerts.raising import Telling
from api.alerts.webhooks import WebhookVault
from api.audit.upkeep import DigestKeeper
from api.background import REPORTS, Background
from api.billing.prices import load_billing
from api.dashboards.recent_answers import GivenAgain, RecentAnswers
from api.drawing.worker import ChartWorker
from api.error_answers import install_error_answers
from api.ingest.group import GroupCommitter
from api.ingest.senders import KnownSenders
from api.metrics.measures import Measured, Measures
from api.metrics.sharing import SharedFigures
from api.openapi import install_openapi
from api.outbox.configuration import chosen_transport
from api.outbox.queue import Seal
from api.outbox.sender import Sender
from api.rate_limits import RateLimits
from api.routes import all_routes
from api.server_routes import server_version
from api.sign_in.oidc.issuer import Issuer
from api.sign_in.oidc.settings import oidc_settings
from pipelines.billing.connections import Reach
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import Clock, SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Sent with every answer that does not set its own."""

DESCRIPTION: Final = (
    "What paired daemons and dashboards call. Money is exact decimal text in USD; instants are UTC. "
    'Every refusal is `{"error": {"code", "message"}}`.'
)


def create_app(
    home: Home,
    *,
    engine: Engine | None = None,
    clock: Clock | None = None,
    rate_limits: RateLimits | None = None,
    sends_mail: bool = True,
) -> FastAPI:
    """Return the server as an ASGI application; the database must have been upgraded (`api.db.migrate`).

    Args:
        home: where the installation's data lives.
        engine: the app database; opened from `home` (and closed at the end) when not given.
        clock: the machine's clock when not given.
        rate_limits: the standard ones when not given.
        sends_mail: whether this process sends the e-mails that are queued, and starts exports, purges and reports that
            are due; False leaves that to others. Alerts go with them.

    Raises:
        BillingFileError: the home's billing.toml cannot be used.
        NetworksError: the environment names networks for webhooks that are none.
        MailSettingsError: the environment asks for a way of sending e-mails that is not usable.
        OidcSettingsError: it names an issuer that cannot be used.
    """
    clock = clock or SystemClock()
    app = FastAPI(
        title="Halton Meter Cloud",
        version=server_version(),
        description=DESCRIPTION,
        redirect_slashes=False,
        docs_url=None,  # its page loads scripts from elsewhere; the document itself is at /openapi.json
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.home = home
    app.state.engine = engine or open_database(home.database_url)
    app.state.owns_engine = engine is None
    app.state.clock = clock
    app.state.rate_limits = rate_limits or RateLimits.standard(clock)
    issuer = oidc_settings(os.environ)
    app.state.oidc = None if issuer is None else Issuer(issuer, clock)
    app.state.mail_seal = Seal(home)
    app.state.mail_sender = None
    if sends_mail:
        transport = chosen_transport(os.environ, home)
        app.state.mail_sender = Sender(app.state.engine, app.state.mail_seal, transport, clock)
    app.state.webhook_vault = WebhookVault(home)
    app.state.webhook_networks = own_networks(os.environ)
    app.state.background = Background(home, app.state.engine, clock) if sends_mail else None
    app.state.report_background = Background(home, app.state.engine, clock, REPORTS) if sends_mail else None
    app.state.digest_keeper = DigestKeeper(home, app.state.engine, clock)
    app.state.billing = load_billing(home)
    app.state.bill_reach = Reach()
    app.state.snapshots = SnapshotReader(home)
    app.state.analyses = AnalysisReader(home)
    app.state.chart_worker = ChartWorker()
    app.state.alert_keeper = _alert_keeper(app, wanted=sends_mail)
    app.state.senders = KnownSenders(app.state.engine, clock)
    app.state.recent_answers = RecentAnswers(home, app.state.engine, clock)
    app.add_middleware(GivenAgain, recent=app.state.recent_answers)
    app.add_middleware(_SecurityHeaders)
    app.state.measures = Measures(app.state.engine)
    app.state.shared_figures = SharedFigures(home.metrics, app.state.measures.text)
    app.add_middleware(Measured, measures=app.state.measures)
    install_error_answers(app)
    app.router.routes.extend(all_routes())
    app.router.redirect_slashes = False
    install_openapi(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    state = app.state
    state.committer = committer = GroupCommitter(state.home, state.engine, state.clock)
    if state.mail_sender is not None:
        state.mail_sender.start()
    state.digest_keeper.start()
    state.shared_figures.start()
    if state.background is not None:
        state.background.start()
        state.report_background.start()
    if state.alert_keeper is not None:
        state.alert_keeper.start()
    try:
        yield
    finally:
        if state.alert_keeper is not None:
            await run_in_threadpool(state.alert_keeper.stop)
        if state.background is not None:
            await run_in_threadpool(state.background.stop)
            await run_in_threadpool(state.report_background.stop)
        await run_in_threadpool(state.digest_keeper.stop)
        await run_in_threadpool(state.shared_figures.stop)
        state.measures.close()
        if state.mail_sender is not None:
            await run_in_threadpool(state.mail_sender.stop)
        await run_in_threadpool(committer.close)
        await run_in_threadpool(state.chart_worker.close)
        await run_in_threadpool(state.snapshots.close)
        await run_in_threadpool(state.analyses.close)
        state.recent_answers.close()
        state.senders.close()
        if state.oidc is not None:
            await run_in_threadpool(state.oidc.close)
        if state.owns_engine:
            await run_in_threadpool(state.engine.dispose)


def _alert_keeper(app: FastAPI, *, wanted: bool) -> AlertKeeper | None:
    if not wanted:
        return None
    state = app.state
    # No call to take the address from: without a configured one letters name paths alone.
    base_url = os.environ.get(PUBLIC_URL_VARIABLE, "").rstrip("/")
    return AlertKeeper(
        Sources(state.engine, state.snapshots, state.analyses),
        Telling(state.engine, state.mail_seal, base_url),
        Caller(state.engine, state.webhook_vault, state.webhook_networks, state.clock),
        state.clock,
    )


class _SecurityHeaders:
    """Adds the headers an answer did not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
