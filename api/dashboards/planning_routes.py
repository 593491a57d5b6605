"""Routes of planning and paying: forecast, anomalies, executive view, chargeback.

Belongs here: paths and their documentation. Does not belong here: the views, budgets (`api.budgets.routes`).
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response

from api.dashboards.anomalies import anomaly_list
from api.dashboards.chargeback import chargeback
from api.dashboards.executive import executive
from api.dashboards.forecast import forecast
from api.dashboards.models import planning_examples
from api.dashboards.models.anomalies import AnomaliesAnswer
from api.dashboards.models.budgets import ForecastAnswer
from api.dashboards.models.executive import ChargebackAnswer, ExecutiveAnswer
from api.dashboards.parameters import DivergenceCall, RailCall, WantedAnomalies
from api.dashboards.serving import answer
from api.dashboards.with_analysis import answer_with_analysis
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["dashboards"])

_NOT_MODIFIED: Final[dict[int, dict[str, Any]]] = {304: {"description": "Unchanged since the entity tag sent"}}


@router.get(
    "/forecast",
    **describe(
        "Where the month is going",
        answer=ForecastAnswer,
        example=planning_examples.FORECAST,
        answer_description="The forecasts",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_forecast(call: RailCall) -> Response:
    """Forecast the running month's end for the workspace, its cost centres and projects, with an 80 % interval.

    Of the filter rail `project` chooses whose forecasts are shown; the others change nothing.
    """
    return answer_with_analysis(call, "forecast", forecast)


@router.get(
    "/anomalies",
    **describe(
        "Hours that cost far more than usual",
        answer=AnomaliesAnswer,
        example=planning_examples.ANOMALIES,
        answer_description="The anomalies, newest first",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_anomalies(call: DivergenceCall, page: WantedAnomalies) -> Response:
    """List hours of a project and model that stand out of the same hours before, with requests behind each, in pages.

    The last 30 days are judged.
    """
    return answer_with_analysis(call, ("anomalies", page), lambda view, analysed: anomaly_list(view, analysed, page))


@router.get(
    "/executive",
    **describe(
        "Executive view",
        answer=ExecutiveAnswer,
        example=planning_examples.EXECUTIVE,
        answer_description="The numbers",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_executive(call: RailCall) -> Response:
    """This month, last month, the year, the change period over period, the three dearest projects, the variance."""
    return answer_with_analysis(call, "executive", executive)


@router.get(
    "/chargeback",
    **describe(
        "Chargeback",
        answer=ChargebackAnswer,
        example=planning_examples.CHARGEBACK,
        answer_description="The cost centres",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_chargeback(call: RailCall) -> Response:
    """Cost centres with their projects' spend and mark-up, or the hourly rate they are billed at."""
    return answer(call, "chargeback", chargeback)
