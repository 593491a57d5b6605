"""HTTP of decisions about recommendations.

Belongs here: deciding, withdrawing, the history. Does not belong here: rules (`decisions`), recommendations
(`api.dashboards.optimisation_routes`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.dashboards.analysed import analysing
from api.dashboards.filters import Filters
from api.dashboards.findings import find_finding
from api.dashboards.models.optimisation import DecisionShown
from api.dashboards.optimisation import decision_shown
from api.dashboards.serving import Call
from api.db.dependencies import Work
from api.db.session import reading
from api.errors import invalid, not_found
from api.openapi import describe
from api.optimisation.decisions import About, DecisionKind, decide, list_decisions, withdraw_decision
from api.optimisation.messages import DECISION, SUPPRESSION, DecisionsAnswer, NewDecision

router = APIRouter(prefix="/v1/{workspace}/optimization", tags=["optimization"])

# One dependency, not two of one sort: a body can be read once.
Message = Annotated[NewDecision, Depends(message_body(NewDecision))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
DecisionId = Annotated[str, Path(description="Id of the decision.", examples=[DECISION["decision_id"]])]
_FINDING_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHANGING: Final = (400, 401, 403, 404, 409, 413, 422)


@router.get(
    "/decisions",
    **describe(
        "Decisions about recommendations",
        answer=DecisionsAnswer,
        example={"decisions": [DECISION]},
        answer_description="The decisions",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_decisions(request: Request, reader: ReadWorkspace) -> Response:
    """Every decision ever taken, newest first, withdrawn ones included."""
    with reading(request.app.state.engine) as session:
        found = list_decisions(session, reader.workspace_id)
        return json_answer(DecisionsAnswer(decisions=[decision_shown(one) for one in found]))


def decided_about(request: Request, caller: Editor, message: Message) -> About:
    """FastAPI dependency: what a decision is about. It stands before `Work`: a call holds one connection at a time."""
    kind = DecisionKind(message.kind)
    if kind is DecisionKind.SUPPRESS:
        if message.finding_id is not None:
            raise invalid("Suppressing takes a check, a project or both, not a recommendation.")
        return About(check_id=message.check_id, project=message.project)
    if message.finding_id is None or message.check_id is not None or message.project is not None:
        raise invalid("Accepting and dismissing take a recommendation, and nothing else.")
    found = None
    if _FINDING_ID.fullmatch(message.finding_id):
        with analysing(Call(request, caller, Filters())) as analysed:
            found = find_finding(analysed, message.finding_id)
    if found is None:
        raise not_found("finding_not_found", "No such recommendation in the present analysis.")
    return found


@router.post(
    "/decisions",
    **describe(
        "Accept, dismiss or suppress",
        answer=DecisionShown,
        example=DECISION,
        status=201,
        message=NewDecision,
        message_example=SUPPRESSION,
        refusals=_CHANGING,
    ),
)
def post_decision(
    request: Request,
    caller: Editor,
    message: Message,
    about: Annotated[About, Depends(decided_about)],
    work: Work,
) -> Response:
    """Accept or dismiss a recommendation, or suppress a check, a project's checks, or a check for a project.

    What is dismissed or suppressed is not recommended again until the decision is withdrawn; what is accepted is
    measured from then on.
    """
    kind = DecisionKind(message.kind)
    decision = decide(
        work,
        caller.workspace_id,
        kind,
        about,
        reason=message.reason,
        actor=caller.actor,
        at=request.app.state.clock.now(),
    )
    return json_answer(decision_shown(decision), status=201)


@router.post(
    "/decisions/{decision_id}/withdraw",
    **describe(
        "Withdraw a decision",
        answer=DecisionShown,
        example={**DECISION, "withdrawn_by": "ada@acme.co", "withdrawn_at": "2026-04-07T12:00:00Z"},
        refusals=(401, 403, 404, 409),
    ),
)
def post_withdraw(request: Request, caller: Editor, decision_id: DecisionId, work: Work) -> Response:
    """Take a decision back; it stays in the history."""
    at = request.app.state.clock.now()
    decision = withdraw_decision(work, caller.workspace_id, decision_id, actor=caller.actor, at=at)
    return json_answer(decision_shown(decision))
