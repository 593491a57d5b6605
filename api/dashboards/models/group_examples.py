"""Examples of cost centres and budgets for the OpenAPI document.

Belongs here: the same small imagined workspace as in `examples`, grouped. Does not belong here: shapes.
"""

from __future__ import annotations

from typing import Any, Final

from api.dashboards.models.examples import ANSWER, RAIL, SPEND, STAMP
from api.dashboards.models.planning_examples import ANALYSED, MONTH_END

COST_CENTRES: Final[dict[str, Any]] = {
    **ANSWER,
    "cost_centres": [
        {
            **SPEND,
            "cost_centre": "client-work",
            "name": "Client Work",
            "archived": False,
            "previous_cost_usd": "11.00000",
            "change_usd": "1.34567",
            "change_percent": "12.23",
            "share_percent": "100.00",
            "projects": [
                {
                    **SPEND,
                    "project": "batch-summariser",
                    "display_name": "Batch summariser",
                    "path": f"/acme-co/projects/batch-summariser?{RAIL}",
                }
            ],
        }
    ],
}

BUDGETS: Final[dict[str, Any]] = {
    **STAMP,
    **ANALYSED,
    "month": "2026-03-01",
    "budgets": [
        {
            "scope": "workspace",
            "slug": "",
            "name": "",
            "monthly_usd": "15.00000",
            "spent_usd": "12.34567",
            "remaining_usd": "2.65433",
            "used_percent": "82.30",
            "alert_percents": [80, 100],
            "reached_percents": [80],
            "unpriced_requests": 1,
            "forecast": {**MONTH_END, "crossing_day": "2026-03-11", "earliest_crossing_day": "2026-03-10"},
            "risk": {
                "unpriced_requests": 1,
                "by_rate_book_usd": "0.04000",
                "unrated_requests": 0,
                "risk_usd": "0.04000",
            },
        }
    ],
}
