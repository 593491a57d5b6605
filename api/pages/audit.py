"""The page of the audit log: `/{workspace}/audit`.

Belongs here: its filter form, its table and its pages. Does not belong here: finding entries (`api.audit.listing`).

The filter is a GET form: a filtered log has an address one can share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.audit import AuditEvent
from api.audit.digests import Signer
from api.audit.families import FAMILY_OF, FAMILY_WORDS, Family
from api.audit.listing import audit_page
from api.audit.messages import AuditEntry
from api.audit.wanted import FILTER_NAMES, Wanted, WantedPage, parse_page, parse_wanted, with_query
from api.dashboards.filters import FilterError
from api.dashboards.serving import Call, viewing
from api.pages.shell import page
from pipelines.lake.clock import to_micros

router = APIRouter(include_in_schema=False)
Auditor = Annotated[Caller, Depends(caller_with(Permission.VIEW_AUDIT_LOG))]

ENTRIES_PER_PAGE: Final = 50
ACTOR_WORDS: Final = {
    "user": "person",
    "device": "daemon",
    "api_key": "API key",
    "operator": "on the server",
    "system": "by itself",
}
_ID_SHOWN: Final = 13
_PAGES: Final[dict[str, str]] = {
    "project": "projects/{}",
    "device": "settings/devices/{}",
    "cost_centre": "cost-centers#centre-{}",
    "user": "members",
    "invitation": "members",
    "budget": "budgets",
    "recommendation": "optimization/catalog",
    "report": "reports",
    "api_key": "settings/advanced",
}
"""Pages of the things events are about, below the slug."""


@dataclass(frozen=True)
class Line:
    """One entry as the table shows it.

    Attributes:
        entry: the entry.
        at_us: when it happened.
        actor: who, in people's words.
        resource: what it was done to, in people's words.
        details: JSON, indented; empty when there are none.
        path: the page of what it was done to; None where there is none.
    """

    entry: AuditEntry
    at_us: int
    actor: str
    resource: str
    details: str
    path: str | None


@router.get("/{workspace}/audit")
def audit_log(request: Request, caller: Auditor) -> Response:
    """Show one page of the log; a filter that cannot be understood is shown again with the reason."""
    typed = {name: request.query_params.get(name, "") for name in FILTER_NAMES}
    refusal, wanted, wanted_page, status = "", Wanted(), WantedPage(ENTRIES_PER_PAGE), 200
    try:
        wanted = parse_wanted(typed)
        given = {"limit": str(ENTRIES_PER_PAGE), "cursor": request.query_params.get("cursor", "")}
        wanted_page = parse_page(given)
    except FilterError as error:
        refusal, status = str(error), 422
    with viewing(Call(request, caller, wanted.rail())) as view:
        found = audit_page(view, wanted, wanted_page)
    return page(
        request,
        "audit/list.html",
        caller=caller,
        status=status,
        answer=found,
        lines=[_line(caller, entry) for entry in found.entries],
        typed=typed,
        refusal=refusal,
        narrows=wanted.narrows,
        is_first=wanted_page.after is None,
        newest_path=with_query(f"/{caller.slug}/audit", wanted.pairs()),
        older_path=_older(caller, wanted, found.next_cursor),
        tabs=_tabs(caller, wanted),
        families=[("", "Everything"), *((family.value, words) for family, words in FAMILY_WORDS.items())],
        events=[("", "All events"), *_events(wanted.family)],
        actor_words=ACTOR_WORDS,
        family_words={family.value: words for family, words in FAMILY_WORDS.items()},
        public_key=Signer.of(request.app.state.home).public_key,
    )


def _older(caller: Caller, wanted: Wanted, cursor: str | None) -> str:
    return with_query(f"/{caller.slug}/audit", [*wanted.pairs(), ("cursor", cursor)]) if cursor else ""


def _events(family: Family | None) -> list[tuple[str, str]]:
    names = [event.value for event in AuditEvent if family in {None, FAMILY_OF.get(event)}]
    return [(name, name) for name in sorted(names)]


def _tabs(caller: Caller, wanted: Wanted) -> list[tuple[str, str, bool]]:
    """Return each kind's words, its path with the rest of the filter, and whether it is the one shown."""
    kept = [(name, value) for name, value in wanted.pairs() if name not in ("family", "event")]
    here = f"/{caller.slug}/audit"
    everything = ("Everything", with_query(here, kept), wanted.family is None)
    return [
        everything,
        *(
            (words, with_query(here, [("family", family.value), *kept]), wanted.family is family)
            for family, words in FAMILY_WORDS.items()
        ),
    ]


def _line(caller: Caller, entry: AuditEntry) -> Line:
    return Line(
        entry=entry,
        at_us=to_micros(datetime.fromisoformat(entry.at)),
        actor=entry.actor.name or entry.actor.id,
        resource=_resource(entry),
        details=json.dumps(entry.details, indent=2, ensure_ascii=False) if entry.details else "",
        path=entry.path or _page_of(caller, entry),
    )


def _page_of(caller: Caller, entry: AuditEntry) -> str | None:
    below = _PAGES.get(entry.resource.type)
    return below and f"/{quote(caller.slug, safe='')}/{below.format(quote(entry.resource.id, safe=''))}"


def _resource(entry: AuditEntry) -> str:
    """Return what people know the thing by: its name, a person's address, or the beginning of a long id."""
    known = entry.resource.name or (entry.details.get("email") if entry.resource.type == "user" else None)
    if known:
        return str(known)
    id_ = entry.resource.id
    return f"{id_[:_ID_SHOWN]}…" if len(id_) > 2 * _ID_SHOWN else id_
