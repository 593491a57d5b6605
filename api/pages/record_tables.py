"""CSV of lists that are no figures: people, machines, keys, bills, prices, decisions, reports, exports.

Belongs here: their columns and rows, as the JSON routes tell them. Does not belong here: figures (each view's page),
the lists on their pages, where every row has buttons of its own.

Every permission is that of the list's page: whoever may not look at it gets no CSV of it either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.access.permissions import Permission
from api.api_key_messages import ApiKeyShown, key_shown
from api.api_keys import list_api_keys
from api.bills.connections import list_connections
from api.bills.listing import LIMIT_MAX, WantedBills, all_lines, find_bills
from api.bills.messages import BillShown, ConnectionShown, LineShown
from api.dashboards.models.optimisation import DecisionShown
from api.dashboards.optimisation import decision_shown
from api.db.session import reading
from api.devices import device_state, list_devices
from api.members.invitations import list_invitations
from api.members.messages import InvitationShown, MemberShown
from api.members.roster import list_members
from api.optimisation.decisions import list_decisions
from api.pages.cell_words import Kind
from api.pages.dashboard import Asked, table_source
from api.pages.tables import Column, Table
from api.pairing.instances import live_instances
from api.projects.messages import ReattributionShown
from api.projects.reattribution import list_reattributions
from api.reports.issuing import list_reports
from api.reports.messages import ReportShown
from api.workspaces.exports import list_exports
from api.workspaces.messages import ExportShown
from pipelines.lake.bills import LineCategory
from pipelines.lake.clock import from_micros, iso_utc


def record_table(
    name: str,
    caption: str,
    shape: type[Struct],
    *,
    without: Sequence[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    more: Sequence[Column] = (),
) -> Table:
    """Return the table of a JSON shape: a column for each of its fields.

    Args:
        name: in URLs.
        caption: what it lists.
        shape: of its rows.
        without: fields it leaves out: those that hold more than a value.
        kinds: of fields that are no text; a number is one without.
        more: further columns.
    """
    own = [
        Column(field.name, field.name, _reader(field.name), (kinds or {}).get(field.name, "text"))
        for field in msgspec.structs.fields(shape)
        if field.name not in without
    ]
    return Table(name, caption, (*own, *more))


def _reader(field: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, field)


def _category(category: str) -> Column:
    return Column(f"{category}_usd", category, lambda bill: bill.usd_by_category.get(category), "precise")


MEMBERS: Final = record_table("members", "Members", MemberShown)
INVITATIONS: Final = record_table("invitations", "Open invitations", InvitationShown)
API_KEYS: Final = record_table("api-keys", "API keys", ApiKeyShown)
DEVICES: Final = Table(
    "paired-devices",
    "Paired machines",
    (
        Column("device_id", "Machine id", lambda row: row[0].id),
        Column("name", "Name", lambda row: row[0].display_name or row[0].hostname),
        Column("hostname", "Host name", lambda row: row[0].hostname),
        Column("state", "State", lambda row: row[1].value),
        Column("machines", "Machines under this identity", lambda row: "; ".join(row[2])),
        Column("platform", "Platform", lambda row: row[0].platform),
        Column("daemon_version", "Daemon", lambda row: row[0].daemon_version),
        Column("paired_at", "Paired", lambda row: _instant(row[0].paired_at_us)),
        Column("last_seen_at", "Last heard of", lambda row: _instant(row[0].last_seen_at_us)),
        Column("last_sync_at", "Last sync", lambda row: _instant(row[0].last_batch_at_us)),
        Column("revoked_at", "Access ended", lambda row: _instant(row[0].revoked_at_us)),
        Column("revoked_reason", "Why", lambda row: row[0].revoked_reason),
    ),
)
BILLS: Final = record_table(
    "bills",
    "Bills",
    BillShown,
    without=("usd_by_category",),
    more=[_category(one.value) for one in LineCategory],
)
BILL_LINES: Final = record_table(
    "bill-lines", "Lines of a bill", LineShown, kinds={"amount_usd": "precise", "list_amount_usd": "precise"}
)
CONNECTIONS: Final = record_table("bill-connections", "How bills arrive", ConnectionShown)
DECISIONS: Final = record_table(
    "decisions", "Decisions about recommendations", DecisionShown, kinds={"quoted_saving_usd": "precise"}
)
REATTRIBUTIONS: Final = record_table("reattributions", "Requests moved between projects", ReattributionShown)
REPORTS: Final = record_table("reports", "Reports", ReportShown, without=("asked",))
EXPORTS: Final = record_table("exports", "Exports of everything", ExportShown)


@table_source(MEMBERS, Permission.VIEW_MEMBERS)
def members(asked: Asked) -> list[MemberShown]:
    """Return the members, Owners first."""
    with reading(asked.request.app.state.engine) as session:
        return [MemberShown.of(one) for one in list_members(session, asked.caller.workspace_id)]


@table_source(INVITATIONS, Permission.VIEW_MEMBERS)
def invitations(asked: Asked) -> list[InvitationShown]:
    """Return the open invitations, never their links."""
    state = asked.request.app.state
    with reading(state.engine) as session:
        found = list_invitations(session, asked.caller.workspace_id)
        return [InvitationShown.of(one, state.clock) for one in found]


@table_source(API_KEYS, Permission.VIEW_SETTINGS)
def api_keys(asked: Asked) -> list[ApiKeyShown]:
    """Return the API keys, never their secrets."""
    with reading(asked.request.app.state.engine) as session:
        return [key_shown(one) for one in list_api_keys(session, asked.caller.workspace_id)]


@table_source(DEVICES, Permission.VIEW_DEVICES)
def devices(asked: Asked) -> list[tuple[Any, Any, list[str]]]:
    """Return every machine, those without access as well."""
    state, workspace_id = asked.request.app.state, asked.caller.workspace_id
    now = state.clock.now()
    with reading(state.engine) as session:
        machines = live_instances(session, workspace_id)
        return [
            (one, device_state(one, now), sorted(machines.get(one.id, {}).values()))
            for one in list_devices(session, workspace_id)
        ]


@table_source(BILLS, Permission.VIEW_BILLS)
def bills(asked: Asked) -> Iterator[BillShown]:
    """Yield bills, newest days first; with `history=1` superseded and withdrawn ones as well."""
    after: str | None = None
    with reading(asked.request.app.state.engine) as session:
        while True:
            wanted = WantedBills(limit=LIMIT_MAX, after=after, history=asked.parameter("history") == "1")
            found, after = find_bills(session, asked.caller.workspace_id, wanted)
            yield from [BillShown.of(one) for one in found]
            if after is None:
                return


@table_source(BILL_LINES, Permission.VIEW_BILLS)
def bill_lines(asked: Asked) -> list[LineShown]:
    """Return all lines of the bill that `period` names.

    Raises:
        Refused: 404 the workspace has no such bill.
    """
    with reading(asked.request.app.state.engine) as session:
        found = all_lines(session, asked.caller.workspace_id, asked.parameter("period"))
        return [LineShown.of(row) for row in found]


@table_source(CONNECTIONS, Permission.VIEW_BILLS)
def connections(asked: Asked) -> list[ConnectionShown]:
    """Return how bills arrive, ended ways as well; never a key."""
    with reading(asked.request.app.state.engine) as session:
        return [ConnectionShown.of(one) for one in list_connections(session, asked.caller.workspace_id)]


@table_source(DECISIONS)
def decisions(asked: Asked) -> list[DecisionShown]:
    """Return every decision about recommendations, newest first; of one check when `check` names it."""
    check = asked.parameter("check")
    with reading(asked.request.app.state.engine) as session:
        found = list_decisions(session, asked.caller.workspace_id)
        return [decision_shown(one) for one in found if not check or one.check_id == check]


@table_source(REATTRIBUTIONS)
def reattributions(asked: Asked) -> list[ReattributionShown]:
    """Return decisions about a project's requests, newest first; of all projects when none is named."""
    projects = asked.rail.filters.projects
    with reading(asked.request.app.state.engine) as session:
        found = list_reattributions(session, asked.caller.workspace_id, projects[0] if projects else None)
        return [ReattributionShown.of(one) for one in found]


@table_source(REPORTS)
def reports(asked: Asked) -> list[ReportShown]:
    """Return the newest reports, newest first."""
    with reading(asked.request.app.state.engine) as session:
        return [ReportShown.of(one, asked.caller.slug) for one in list_reports(session, asked.caller.workspace_id)]


@table_source(EXPORTS, Permission.EXPORT_WORKSPACE)
def exports(asked: Asked) -> list[ExportShown]:
    """Return the latest exports of everything."""
    with reading(asked.request.app.state.engine) as session:
        return [ExportShown.of(one, asked.caller.slug) for one in list_exports(session, asked.caller.workspace_id)]


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
