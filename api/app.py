"""Putting the server together: routes, handlers, headers, and what they share.

Belongs here: `create_app`. Does not belong here: processes and sockets (`api.server`), or anything a route does.

No path redirects: daemons take an empty 3xx for success and would lose their rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dashboards.recent_answers import GivenAgain, RecentAnswers
from api.dashboards.routes import router as dashboards
from api.error_answers import install_error_answers
from api.ingest.group import GroupCommitter
from api.ingest.routes import router as ingest
from api.ingest.senders import KnownSenders
from api.openapi import install_openapi
from api.pairing.routes import router as pairing
from api.rate_limits import RateLimits
from api.server_routes import router as server
from api.server_routes import server_version
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
    home: Home, *, engine: Engine | None = None, clock: Clock | None = None, rate_limits: RateLimits | None = None
) -> FastAPI:
    """Return the server as an ASGI application; the database must have been upgraded (`api.db.migrate`).

    Args:
        home: where the installation's data lives.
        engine: the app database; opened from `home` (and closed at the end) when not given.
        clock: the machine's clock when not given.
        rate_limits: the standard ones when not given.
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
    app.state.snapshots = SnapshotReader(home)
    app.state.senders = KnownSenders(app.state.engine)
    app.state.recent_answers = RecentAnswers(home, app.state.engine, clock)
    app.add_middleware(GivenAgain, recent=app.state.recent_answers)
    app.add_middleware(_SecurityHeaders)
    install_error_answers(app)
    for router in (server, pairing, ingest, dashboards):  # dashboards last: their paths begin with any slug
        app.include_router(router)
    app.router.redirect_slashes = False
    install_openapi(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    state = app.state
    state.committer = committer = GroupCommitter(state.home, state.engine, state.clock)
    try:
        yield
    finally:
        await run_in_threadpool(committer.close)
        await run_in_threadpool(state.snapshots.close)
        state.recent_answers.close()
        state.senders.close()
        if state.owns_engine:
            await run_in_threadpool(state.engine.dispose)


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
