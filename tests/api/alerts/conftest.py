"""A workspace with budgets, figures to raise alerts from, and a server that takes webhooks in every mood."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from api.alerts.addresses import own_networks
from api.alerts.crossings import AnomalyCrossing, BudgetCrossing, Crossing, RegressionCrossing
from api.alerts.delivering import Caller
from api.alerts.figures import Watched, watched_workspaces
from api.alerts.raising import Telling, raise_alerts
from api.alerts.webhooks import WebhookVault, set_webhook
from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, StandingBudget
from api.db.models import Alert, AlertDelivery, OutboxMessage
from api.db.session import reading, transaction
from api.outbox.queue import Seal
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home

BUILD = "b20260701T115900-00000001"
HERE = own_networks({"HALTON_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8, ::1/128"})


def budget(percents: tuple[int, ...] = (50, 80, 100), monthly: int = 1_000_000, slug: str = "") -> StandingBudget:
    scope = BudgetScope.PROJECT if slug else BudgetScope.WORKSPACE
    return StandingBudget(BudgetOf(scope, slug), slug, monthly, percents)


def reached(percent: int, *, of: StandingBudget | None = None, month: date = date(2026, 7, 1)) -> BudgetCrossing:
    of = of or budget()
    spent = of.monthly_millicents * percent // 100
    return BudgetCrossing(budget=of, month=month, percent=percent, spent_millicents=spent)


@dataclass
class Desk:
    """Raises alerts of one workspace and calls its webhook."""

    engine: Engine
    home: Home
    clock: FixedClock
    workspace_id: str

    def __post_init__(self) -> None:
        self.telling = Telling(self.engine, Seal(self.home), "https://meter.example")
        self.vault = WebhookVault(self.home)

    @property
    def workspace(self) -> Watched:
        (one,) = (one for one in watched_workspaces(self.engine) if one.id == self.workspace_id)
        return one

    def tell(self, *crossings: Crossing) -> int:
        return raise_alerts(self.telling, self.workspace, crossings, build_id=BUILD, at=self.clock.now())

    def anomaly(self, number: int = 0, hours_ago: int = 1, spent: int = 5_000_000) -> AnomalyCrossing:
        return AnomalyCrossing(
            anomaly_id=f"{number:064x}",
            project="acme-api",
            provider="openai",
            model="gpt-5",
            hour_starts_at=self.clock.now() - timedelta(hours=hours_ago),
            spent_millicents=spent,
            expected_millicents=100_000,
            limit_millicents=200_000,
        )

    def regression(self, number: int = 0, since: int = 900_000) -> RegressionCrossing:
        return RegressionCrossing(
            decision_id=f"{number:08x}-0000-4000-8000-000000000000",
            check_id="model_swap",
            project="acme-api",
            provider="openai",
            model="gpt-5",
            unit="requests",
            spent_millicents=since,
            limit_millicents=450_000,
        )

    def webhook(self, url: str) -> str:
        """Set the webhook and return its secret."""
        with transaction(self.engine) as session:
            at = self.clock.now()
            return set_webhook(session, self.vault, self.workspace_id, url, networks=HERE, actor=OPERATOR, at=at).secret

    def call(self, **options: Any) -> int:
        return Caller(self.engine, self.vault, HERE, self.clock, **options).call_due()

    def rows(self, table: Any) -> list[Any]:
        with reading(self.engine) as session:
            return list(session.scalars(select(table).where(table.workspace_id == self.workspace_id)))

    def counts(self) -> tuple[int, int, int]:
        """Return how many alerts, e-mails and calls there are."""
        tables = (Alert, OutboxMessage, AlertDelivery)
        with reading(self.engine) as session:
            alerts, mails, calls = (
                session.scalar(select(func.count()).where(one.workspace_id == self.workspace_id)) or 0 for one in tables
            )
        return alerts, mails, calls


@pytest.fixture
def desk(engine: Engine, home: Home, clock: FixedClock, workspace_id: str) -> Desk:
    return Desk(engine, home, clock, workspace_id)


@dataclass
class Receiver:
    """A server on this machine.

    Attributes:
        taken: path, headers and body of every call.
        moods: what it does with the next calls; afterwards it takes them.
    """

    port: int = 0
    taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    moods: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a header line without an end, a byte at a time, for as long as anybody listens."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            handler.wfile.write(b"y")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Say that all is well, and send a body without an end."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(20_000):
            handler.wfile.write(b"z" * 65_536)
    except OSError:
        pass


def gibberish(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x16\x03\x01 <secret of the neighbour>\r\n\r\n")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def go_on_for_ever(handler: BaseHTTPRequestHandler) -> None:
    """Ask for patience again and again."""
    try:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    served = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            served.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.close_connection = True
            (served.moods.pop(0) if served.moods else status(204))(self)

        do_GET = do_POST  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
