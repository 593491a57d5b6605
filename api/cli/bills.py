"""`halton-cloud bills`: what providers billed.

Belongs here: the commands. Does not belong here: the rules (`api.bills`), reading providers (`pipelines.billing`).

A provider's key is never an argument: arguments stand in the shell's history and in every list of processes.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from api.audit import OPERATOR
from api.bills.connections import Connected, NewConnection, add_connection, list_connections, remove_connection
from api.bills.keys import replace_credential
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking, opened
from api.errors import not_found
from api.workspaces import find_workspace
from pipelines.billing.connections import LOOKBACK_DAYS, PROVIDERS, WITH_CREDENTIAL, ConnectionSettings
from pipelines.billing.credentials import CredentialVault, rotate_keys
from pipelines.billing.run import Reading, Wanted, read_bills
from pipelines.lake.bills import ConnectionKind
from pipelines.lake.clock import SystemClock, from_micros, iso_utc
from pipelines.lake.paths import Home

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_FOLDER: Final = click.Path(exists=True, file_okay=False)
_KEY_BYTES_MAX: Final = 4_096


@click.group("bills")
def bills_group() -> None:
    """Connect providers' billing; read, list and disconnect it."""


@bills_group.command("connect")
@click.option(
    "--kind", required=True, type=click.Choice([kind.value for kind in ConnectionKind]), help="How bills come."
)
@click.option("--name", help="What people call it (default: the kind).")
@click.option("--start-day", type=_DAY, metavar="DATE", help="First UTC day (default: the first of the last month).")
@click.option("--key-file", metavar="FILE", help="File with the provider's key; - reads it from stdin.")
@click.option("--team", metavar="ID", help="xAI: the team's id.")
@click.option(
    "--folder", type=_FOLDER, metavar="DIR", help="Gemini: folder of Cloud Billing export files, .parquet or .csv."
)
@click.option("--service", "services", multiple=True, help="Gemini: a service whose rows count; can be repeated.")
@click.option("--provider", type=click.Choice(PROVIDERS), help="Of a manual connection.")
@click.option("--base-url", metavar="URL", help="Where the provider is called, if not at its usual address.")
@click.option("--lookback-days", type=int, default=LOOKBACK_DAYS, show_default=True, help="Days read anew each time.")
@workspace_option
@home_option
def connect(
    *,
    home_folder: str | None,
    workspace_slug: str,
    kind: str,
    name: str | None,
    start_day: datetime | None,
    key_file: str | None,
    team: str | None,
    folder: str | None,
    services: tuple[str, ...],
    provider: str | None,
    base_url: str | None,
    lookback_days: int,
) -> None:
    r"""Connect a provider's billing, with a key for administration of its organization.

    The key is asked for, or read from --key-file; it is sealed with keys of the home, shown to nobody and in no backup.
    `up` reads the connection within a minute, then every day after 05:00 UTC; one that fails is asked again in an hour.

    Prints {"connection_id", "provider", "kind"}.

    \b
    Examples:
      halton-cloud bills connect --workspace acme-co --kind anthropic_analytics --start-day 2026-05-01
      halton-cloud bills connect --workspace acme-co --kind openai_costs --key-file - < openai-admin.key
      halton-cloud bills connect --workspace acme-co --kind xai_usage --team 65c1e471-205f-4566-9c5a-07198bcdf4ce
      halton-cloud bills connect --workspace acme-co --kind gemini_export --folder /srv/billing-export
    """
    of_kind = ConnectionKind(kind)
    settings = ConnectionSettings(
        start_day=start_day.date() if start_day else _first_of_last_month(SystemClock().now().date()),
        lookback_days=lookback_days,
        base_url=base_url,
        team=team,
        folder=str(Path(folder).absolute()) if folder else None,
        services=services,
    )
    credential = _credential(key_file) if of_kind in WITH_CREDENTIAL or key_file else None
    new = NewConnection(kind=of_kind, name=name or kind, settings=settings, credential=credential, provider=provider)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        vault = CredentialVault(Home.locate(home_folder))
        connection_id = add_connection(session, vault, workspace_id, new, actor=OPERATOR, at=now)
        found = [one for one in list_connections(session, workspace_id) if one.row.id == connection_id]
        answer = {"connection_id": connection_id, "provider": found[0].row.provider, "kind": kind}
    print_answer(answer)


@bills_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List a workspace's connections, ended ones included; never their keys.

    `last_error` says in plain words why the last reading failed; null when it did not.

    Prints {"connections": [{"id", "provider", "kind", "name", "first_day", "last_day", "last_error", ...}]}.

    \b
    Example:
      halton-cloud bills list --workspace acme-co
    """
    with looking(home_folder) as (session, _now):
        workspace_id = find_workspace(session, workspace_slug).id
        answer = {"connections": [_shown(one) for one in list_connections(session, workspace_id)]}
    print_answer(answer)


@bills_group.command("read")
@click.option("--workspace", "workspace_slug", metavar="SLUG", help="Of this workspace only (default: all).")
@click.option("--connection", "connection_id", metavar="ID", help="This connection only.")
@click.option("--from", "first_day", type=_DAY, metavar="DATE", help="First UTC day, instead of the usual look back.")
@click.option("--until", "last_day", type=_DAY, metavar="DATE", help="Last UTC day (default: yesterday).")
@click.option("--due", "only_due", is_flag=True, help="Leave out what was read today already.")
@home_option
def read_command(
    *,
    home_folder: str | None,
    workspace_slug: str | None,
    connection_id: str | None,
    first_day: datetime | None,
    last_day: datetime | None,
    only_due: bool,
) -> None:
    r"""Read providers' bills now: the days since the last reading, and some before them anew.

    `up` does so by itself. A day that a provider states anew supersedes what was known of it; one that did not change
    writes nothing. Exits with 1 when a connection could not be read; the others were.

    Prints {"readings": [{"connection_id", "first_day", "last_day", "new", "restated", "unchanged", "error", ...}]}.

    \b
    Examples:
      halton-cloud bills read
      halton-cloud bills read --workspace acme-co --from 2026-06-01 --until 2026-06-30
    """
    home = Home.locate(home_folder)
    workspace_id: str | None = None
    if workspace_slug is not None:
        with looking(home_folder) as (session, _now):
            workspace_id = find_workspace(session, workspace_slug).id
    wanted = Wanted(
        workspace_id=workspace_id,
        connection_id=connection_id,
        first_day=first_day.date() if first_day else None,
        last_day=last_day.date() if last_day else None,
        only_due=only_due,
    )
    with opened(home) as engine:
        readings = read_bills(home, engine, SystemClock(), wanted, read_by=OPERATOR.id)
    if connection_id is not None and not readings and not only_due:
        raise not_found("bill_connection_not_found", f"No connection {connection_id} is read; `bills list` shows all.")
    print_answer({"readings": [_told(one) for one in readings]})
    if any(one.error is not None for one in readings):
        sys.exit(1)


@bills_group.command("replace-key")
@click.argument("connection_id")
@click.option("--key-file", metavar="FILE", help="File with the provider's key; - reads it from stdin.")
@workspace_option
@home_option
def replace_key(home_folder: str | None, workspace_slug: str, connection_id: str, key_file: str | None) -> None:
    r"""Give a connection another key of its provider; the one before is forgotten.

    For a key that was revoked, or cannot be opened after a restore. What failed before is read again at once by `up`.

    Prints {"connection_id", "replaced"}.

    \b
    Example:
      halton-cloud bills replace-key 5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11 --workspace acme-co
    """
    credential = _credential(key_file)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        vault = CredentialVault(Home.locate(home_folder))
        replace_credential(session, vault, workspace_id, connection_id, credential, actor=OPERATOR, at=now)
    print_answer({"connection_id": connection_id, "replaced": True})


@bills_group.command("disconnect")
@click.argument("connection_id")
@workspace_option
@home_option
def disconnect(home_folder: str | None, workspace_slug: str, connection_id: str) -> None:
    r"""End a connection and forget its key; bills that were read stay.

    Prints {"connection_id", "disconnected"}.

    \b
    Example:
      halton-cloud bills disconnect 5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11 --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        remove_connection(session, workspace_id, connection_id, actor=OPERATOR, at=now)
    print_answer({"connection_id": connection_id, "disconnected": True})


@bills_group.command("rotate-keys")
@home_option
def rotate_keys_command(home_folder: str | None) -> None:
    r"""Seal all providers' keys under a new key of the home.

    The key before it is kept until the next time, for whoever is using it at this moment. Prints {"sealed_again",
    "unreadable"}; unreadable ones were sealed with keys this home does not have, and need another key (`replace-key`).

    \b
    Example:
      halton-cloud bills rotate-keys
    """
    home = Home.locate(home_folder)
    with opened(home) as engine:
        done = rotate_keys(home, engine)
    print_answer({"sealed_again": done.sealed_again, "unreadable": done.unreadable})


def _credential(key_file: str | None) -> str:
    if key_file is None:
        return str(click.prompt("The provider's key", hide_input=True, err=True)).strip()
    if key_file == "-":
        return sys.stdin.read(_KEY_BYTES_MAX).strip()
    with Path(key_file).open(encoding="utf-8") as file:
        return file.read(_KEY_BYTES_MAX).strip()


def _first_of_last_month(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def _shown(one: Connected) -> dict[str, Any]:
    row = one.row
    return {
        "id": row.id,
        "provider": row.provider,
        "kind": row.kind,
        "name": row.name,
        "settings": json.loads(row.settings),
        "created_at": _instant(row.created_at_us),
        "created_by": row.created_by,
        "disconnected_at": _instant(row.disabled_at_us),
        "last_attempt_at": _instant(row.last_attempt_at_us),
        "last_success_at": _instant(row.last_success_at_us),
        "last_error": row.last_error,
        "bills": one.periods,
        "first_day": one.first_day,
        "last_day": one.last_day,
    }


def _told(one: Reading) -> dict[str, Any]:
    return {
        "connection_id": one.connection_id,
        "workspace_id": one.workspace_id,
        "provider": one.provider,
        "kind": one.kind,
        "name": one.name,
        "first_day": one.first_day.isoformat() if one.first_day else None,
        "last_day": one.last_day.isoformat() if one.last_day else None,
        "new": one.recorded.new,
        "restated": one.recorded.restated,
        "unchanged": one.recorded.unchanged,
        "error": one.error,
    }


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
