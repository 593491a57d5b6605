"""What one worker process measures.

Belongs here: the instruments, and the middleware that counts calls. Does not belong here: other workers (`sharing`).

Labels are few by construction: a route's template, never a path, and a status.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.wire.batch import Receipt

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNMATCHED: Final = "(none)"
"""Route of a call to a path that is none; its words are the caller's and no label."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATHS_REMEMBERED: Final = 4_096
_DURATION: Final = "http.server.request.duration"


class Measures:
    """The instruments of one application."""

    def __init__(self, engine: Engine) -> None:
        """Begin to measure.

        Args:
            engine: whose pool is looked at.
        """
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=self._registry
        )  # fmt: skip
        buckets = View(instrument_name=_DURATION, aggregation=ExplicitBucketHistogramAggregation(SECONDS))
        self._provider = MeterProvider([reader], views=[buckets], shutdown_on_exit=False)
        meter = self._provider.get_meter("halton")
        self._duration = meter.create_histogram(_DURATION, "s", "Time from a call to the end of its answer.")
        self._batches = meter.create_counter("halton.batches", "{batch}", "Batches acknowledged.")
        self._rows = meter.create_counter(
            "halton.rows", "{row}", "Records received, by what became of them at the door."
        )
        self._engine = engine
        meter.create_observable_gauge(
            "halton.database.pool", [self._pool], "{connection}", "Connections of the app database, by state."
        )

    def call_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one call."""
        labels = {"method": method if method in _METHODS else "OTHER", "route": route, "status": status}
        self._duration.record(seconds, labels)

    def batch_landed(self, receipt: Receipt) -> None:
        """Count one acknowledged batch and its records."""
        self._batches.add(1)
        quarantined = len(receipt.quarantined)
        for outcome, count in (
            ("landed", receipt.accepted),
            ("duplicate", receipt.duplicates),
            ("quarantined", quarantined),
        ):
            if count:
                self._rows.add(count, {"outcome": outcome})

    def text(self) -> str:
        """Return this process' figures as Prometheus text."""
        return generate_latest(self._registry).decode()

    def close(self) -> None:
        """Measure no more."""
        self._provider.shutdown()

    def _pool(self, _options: CallbackOptions) -> Iterable[Observation]:
        pool = self._engine.pool
        if isinstance(pool, QueuePool):
            yield Observation(pool.checkedout(), {"state": "in_use"})
            yield Observation(pool.checkedin(), {"state": "idle"})


class Measured:
    """Middleware that counts every call when its answer has ended, however it ended."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app, self._measures = app, measures
        # Answers that are given again never reach a route: their paths were called before, and are looked up.
        self._templates: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500  # what the server makes of an exception

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            template = self._template(scope)
            self._measures.call_ended(scope["method"], template, status, time.perf_counter() - began)

    def _template(self, scope: Scope) -> str:
        route: Any = scope.get("route")
        template: str | None = getattr(route, "path_format", None)
        if template is None:
            return self._templates.get(scope["path"], UNMATCHED)
        if scope["method"] == "GET" and scope["path"] not in self._templates:
            if len(self._templates) >= _PATHS_REMEMBERED:
                self._templates.clear()
            self._templates[scope["path"]] = template
        return template
