"""`GET /metrics`.

Belongs here: who may read it, and what the whole service says beside its workers. Does not belong here: the workers'
figures (`measures`, `sharing`).

With `$HALTON_METRICS_TOKEN` set, whoever brings it may read; without, only callers on this machine, and none that a
proxy on this machine speaks for.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.db.models import OutboxMessage
from api.db.session import reading
from api.errors import Refused
from api.outbox.queue import MailState
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.catalog import build_instant, read_pointer
from pipelines.lake.clock import from_micros

router = APIRouter(include_in_schema=False)

TOKEN_VARIABLE: Final = "HALTON_METRICS_TOKEN"  # noqa: S105 - a name
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
_WAITING: Final = (MailState.QUEUED.value, MailState.SENDING.value)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Answer the figures of all workers as Prometheus text."""
    _admit(request)
    state = request.app.state
    return Response(state.shared_figures.all_text() + _service_text(state), media_type=CONTENT_TYPE)


def _admit(request: Request) -> None:
    """Let the caller pass.

    Raises:
        Refused: 401 without the token that is set, 404 from elsewhere when none is.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Refused(401, "metrics_token_needed", "Send the metrics token of this server.")
        return
    if any(request.headers.get(name) for name in _FORWARDED) or not _is_loopback(request):
        raise Refused(404, "not_found", "There is nothing at this path.")


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _service_text(state: Any) -> str:
    """Return what is the same whichever worker is asked."""
    now = state.clock.now()
    gauges: list[tuple[str, str, float]] = []
    try:
        marts, analysis = read_pointer(state.home), read_analysis_pointer(state.home)
    except (OSError, ValueError):
        marts = analysis = None
    if marts is not None:
        age = (now - build_instant(marts.build_id)).total_seconds()
        gauges.append(("halton_build_age_seconds", "Time since the published build began.", age))
    if analysis is not None:
        made = analysis.analysis_id.replace("a", "b", 1)
        gauges.append(
            (
                "halton_analysis_age_seconds",
                "Time since the published analysis.",
                (now - build_instant(made)).total_seconds(),
            )
        )
    of = OutboxMessage
    try:
        with reading(state.engine) as session:
            waiting = select(func.count(), func.min(of.created_at_us)).where(of.state.in_(_WAITING))
            found: tuple[int, int | None] = tuple(session.execute(waiting).one())  # pyright: ignore[reportAssignmentType]
    except SQLAlchemyError:
        pass  # whoever reads metrics wants the rest all the more
    else:
        count, oldest = found
        lag = (now - from_micros(oldest)).total_seconds() if oldest is not None else 0.0
        gauges += [
            ("halton_outbox_waiting", "E-mails that are owed.", float(count)),
            ("halton_outbox_lag_seconds", "Age of the oldest of them.", max(0.0, lag)),
        ]
    return "".join(f"# HELP {name} {words}\n# TYPE {name} gauge\n{name} {value}\n" for name, words, value in gauges)
