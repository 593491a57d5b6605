"""Pages of optimisation: recommendations, the catalogue of checks, realised savings, and deciding about them.

Belongs here: `/{workspace}/optimization…`, on the views and the service the JSON routes use. Does not belong here:
finding and measuring (`dbt_project`), rules of decisions (`api.optimisation`), columns
(`optimisation_figures`), words (`optimisation_words`).

What was decided is said on the page one comes back to, with a button that takes it back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.analysed import AnalysedView, analysing
from api.dashboards.filters import FilterError, Filters
from api.dashboards.findings import FindingPage, find_finding, findings, parse_finding_cursor
from api.dashboards.models.optimisation import CatalogAnswer, DecisionShown, OptimisationAnswer, SavingsAnswer
from api.dashboards.optimisation import catalog, decision_shown, savings
from api.dashboards.serving import Call
from api.db.dependencies import Work
from api.db.session import reading
from api.errors import Refused, invalid, not_found
from api.optimisation.decisions import About, DecisionKind, decide, list_decisions, withdraw_decision
from api.pages.dashboard import dashboard_page
from api.pages.forms import Form, PostedForm
from api.pages.optimisation_figures import HISTORY, RECOMMENDATIONS, SAVINGS, savings_drawn, windows
from api.pages.optimisation_words import CONFIDENCE, STATES, check_words, recommendation
from api.pages.rail import EVERYTHING, PageFilters, Rail, RailShown
from api.pages.shell import see_other
from api.pages.tables import TableShown
from api.projects.visibility import list_projects
from pipelines.lake.row_lookup import NO_PROJECT

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
CARDS: Final = 40
"""Recommendations of a page; the CSV has them all."""
WITHDRAWN: Final = "withdrawn"
KIND_WORDS: Final = {"accept": "Accepted", "dismiss": "Dismissed", "suppress": "Suppressed"}
_VIEWS: Final = ("", "catalog", "savings")
_WHERE: Final = ("view", "filter")
"""Fields that say which page a form stands on."""
_FINDING_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@router.get("/{workspace}/optimization")
def recommendations_page(request: Request, caller: Viewer, rail: PageFilters, done: str = "") -> Response:
    """Show what to change and what that saves."""
    return _recommendations(request, caller, rail, done=done)


@router.get("/{workspace}/optimization/catalog")
def catalogue_page(request: Request, caller: Viewer, rail: PageFilters, done: str = "") -> Response:
    """Show every check that fired, what it found when, and what was decided about it."""
    return _catalogue(request, caller, rail, done=done)


@router.get("/{workspace}/optimization/savings")
def savings_page(request: Request, caller: Viewer, rail: PageFilters, done: str = "") -> Response:
    """Show what accepted recommendations came to."""
    return _savings(request, caller, rail, done=done)


def posted_about(request: Request, caller: Editor, form: PostedForm) -> About:
    """FastAPI dependency: what a posted decision is about, looked up before the route holds its connection.

    Raises:
        Refused: 404 there is no such recommendation; 422 the form does not say what to do.
    """
    if form.text("kind") == DecisionKind.SUPPRESS:
        form.only("kind", "check_id", "project", "reason", *_WHERE)
        return About(check_id=form.text("check_id") or None, project=form.text("project") or None)
    form.only("kind", "finding_id", *_WHERE)
    if form.text("kind") not in set(DecisionKind):
        raise invalid("The form does not say what to do.")
    found = None
    if _FINDING_ID.fullmatch(form.text("finding_id")):
        with analysing(Call(request, caller, Filters())) as analysed:
            found = find_finding(analysed, form.text("finding_id"))
    if found is None:
        raise not_found("finding_not_found", "No such recommendation in the present analysis.")
    return found


@router.post("/{workspace}/optimization/decisions")
def take(
    request: Request, caller: Editor, form: PostedForm, about: Annotated[About, Depends(posted_about)], work: Work
) -> Response:
    """Accept, dismiss or suppress; a refusal is shown on the page it came from."""
    at, kind = request.app.state.clock.now(), DecisionKind(form.text("kind"))
    try:
        reason = form.text("reason")
        decision = decide(work, caller.workspace_id, kind, about, reason=reason, actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _SHOWN[_view(form)](request, caller, EVERYTHING, refused=refused)
    return _back(caller, form, decision.id)


@router.post("/{workspace}/optimization/decisions/{decision_id}/withdraw")
def withdraw(request: Request, caller: Editor, decision_id: str, form: PostedForm, work: Work) -> Response:
    """Take a decision back."""
    form.only(*_WHERE)
    at = request.app.state.clock.now()
    withdraw_decision(work, caller.workspace_id, decision_id, actor=caller.actor, at=at)
    return _back(caller, form, WITHDRAWN)


def _view(form: Form) -> str:
    return form.text("view") if form.text("view") in _VIEWS else ""


def _back(caller: Caller, form: Form, done: str) -> Response:
    # What a form says is written anew: it leads nowhere else, whatever stands in it.
    pairs = [(name, value) for name, value in parse_qsl(form.text("filter")) if name != "done"]
    view = _view(form)
    path = f"/{caller.slug}/optimization{'/' if view else ''}{view}"
    return see_other(f"{path}?{urlencode([*pairs, ('done', done)])}")


def _decisions(analysed: AnalysedView) -> Sequence[DecisionShown]:
    with reading(analysed.view.engine) as session:
        return [decision_shown(one) for one in list_decisions(session, analysed.view.workspace_id)]


def _told(decisions: Sequence[DecisionShown], done: str) -> DecisionShown | None:
    """Return the decision that was just taken, if it stands."""
    return next((one for one in decisions if one.decision_id == done and one.withdrawn_at is None), None)


def _recommendations(
    request: Request, caller: Caller, rail: Rail, *, done: str = "", refused: Refused | None = None
) -> Response:
    place_refusal = ""
    try:
        page = FindingPage(CARDS, parse_finding_cursor(request.query_params.get("cursor")))
    except FilterError as error:
        page, place_refusal = FindingPage(CARDS), str(error)
    with analysing(rail.call(request, caller)) as analysed:
        answer: OptimisationAnswer = findings(analysed, page)
        is_all = page.after is None and answer.next_cursor is None
        decisions = _decisions(analysed)
        saved = savings(analysed)
        cards = [recommendation(caller.slug, one) for one in answer.findings]

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {"recommendations": RECOMMENDATIONS.shown(answer.findings, shown, is_all=is_all)}

        return dashboard_page(
            request,
            "optimisation/list.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=tables,
            status=refused.status if refused else 200,
            refused=refused,
            told=_told(decisions, done),
            is_withdrawn=done == WITHDRAWN,
            kind_words=KIND_WORDS,
            check_words=check_words,
            open=[one for one in cards if one.shown.state == "open"],
            accepted=[one for one in cards if one.shown.state == "accepted"],
            place_refusal=place_refusal,
            is_first=page.after is None,
            is_all=is_all,
            silenced=sum(one.kind != DecisionKind.ACCEPT and one.withdrawn_at is None for one in decisions),
            saved=saved,
            confidence_kind=CONFIDENCE,
        )


def _catalogue(
    request: Request, caller: Caller, rail: Rail, *, done: str = "", refused: Refused | None = None
) -> Response:
    with analysing(rail.call(request, caller)) as analysed:
        answer: CatalogAnswer = catalog(analysed)
        decisions = _decisions(analysed)
        with reading(analysed.view.engine) as session:
            projects = list_projects(session, caller.workspace_id)
        names = {one.slug: one.display_name or one.slug for one in projects if one.archived_at_us is None}

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {"history": HISTORY.shown(windows(answer.checks), shown)}

        return dashboard_page(
            request,
            "optimisation/catalog.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=tables,
            status=refused.status if refused else 200,
            refused=refused,
            told=_told(decisions, done),
            is_withdrawn=done == WITHDRAWN,
            kind_words=KIND_WORDS,
            check_words=check_words,
            of_projects=[one for one in decisions if one.check_id is None],
            project_choices=sorted(names.items(), key=lambda one: one[1].casefold()),
            no_project=NO_PROJECT,
        )


def _savings(
    request: Request, caller: Caller, rail: Rail, *, done: str = "", refused: Refused | None = None
) -> Response:
    with analysing(rail.call(request, caller)) as analysed:
        answer: SavingsAnswer = savings(analysed)
        decisions = _decisions(analysed)
        standing = [one for one in decisions if one.kind == "accept" and one.withdrawn_at is None]
        measured = {one.decision_id for one in answer.savings}

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {"savings": SAVINGS.shown(answer.savings, shown, zone=answer.time_zone)}

        return dashboard_page(
            request,
            "optimisation/savings.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=tables,
            status=refused.status if refused else 200,
            refused=refused,
            told=_told(decisions, done),
            is_withdrawn=done == WITHDRAWN,
            kind_words=KIND_WORDS,
            check_words=check_words,
            standing=standing,
            waiting=[] if rail.filters.narrows else [one for one in standing if one.decision_id not in measured],
            counts={state: sum(one.state == state for one in answer.savings) for state in STATES},
            drawn=len(savings_drawn(answer.savings)),
        )


_SHOWN: Final[dict[str, Callable[..., Response]]] = {"": _recommendations, "catalog": _catalogue, "savings": _savings}
