"""Which page of the anomalies is asked for.

Belongs here: a place in the order of anomalies, and the page that begins after it. Does not belong here: how a place
is written in a URL (`api.dashboards.cursor`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ANOMALIES_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class AnomalyPosition:
    """A place in the order of anomalies: the newest hour first, in it the largest excess, then the id.

    Attributes:
        hour_starts_at: instant, aware UTC.
        excess_millicents: what it cost above the usual.
        anomaly_id: its id.
    """

    hour_starts_at: datetime
    excess_millicents: int
    anomaly_id: str


@dataclass(frozen=True, slots=True)
class AnomalyPage:
    """A page of anomalies.

    Attributes:
        limit: most anomalies in it.
        after: the last one of the page before; None for the first page.
    """

    limit: int = ANOMALIES_DEFAULT
    after: AnomalyPosition | None = None
