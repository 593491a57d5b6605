"""`halton-cloud export`: published marts going out, every day or now.

Belongs here: the commands. Does not belong here: what an export is (`pipelines.exports`), the ZIP of everything a
workspace holds (`api.cli.workspace_ends`).

Keys of a bucket are never an argument: arguments stand in the shell's history and in every list of processes.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
import msgspec

from api.audit import OPERATOR, AuditEvent, Resource, record_event
from api.cli.console import home_option, print_answer, verbatim_examples, workspace_option
from api.cli.database import changing, looking, opened
from api.cli.waiting import waiting
from api.db.session import lock_workspace
from api.workspaces import find_workspace
from pipelines.exports.loop import Outcome, export_all
from pipelines.exports.settings import (
    KEPT,
    ExportError,
    ScheduledExport,
    all_settings,
    check_credential,
    check_settings,
    export_vault,
    read_settings,
    read_state,
    remove_settings,
    save_settings,
)
from pipelines.lake.clock import SystemClock, iso_utc
from pipelines.lake.paths import Home

_KEY_BYTES_MAX: Final = 16_384


@click.group("export")
@verbatim_examples
def export_group() -> None:
    r"""Export requests and marts as Parquet every day; write FOCUS 1.2.

    `notebooks/README.md` shows how DuckDB reads what was exported.

    \b
    Examples:
      halton-cloud export configure --workspace acme --to s3://acme-finops/halton
      halton-cloud export run --workspace acme
      halton-cloud export focus --workspace acme --out acme-focus.csv
    """


@export_group.command("configure", short_help="Export a workspace every day.")
@click.option("--to", "to", required=True, metavar="PLACE", help="A folder, s3://bucket/prefix or gs://bucket/prefix.")
@click.option("--endpoint", metavar="URL", help="Of an S3 service that is not AWS.")
@click.option("--region", metavar="REGION", help="Of the bucket (default: the environment's).")
@click.option("--keys-file", metavar="FILE", help="JSON with the bucket's keys, to be sealed; - reads it from stdin.")
@click.option("--keep", "kept", type=int, default=KEPT, show_default=True, help="Exports that stay readable.")
@workspace_option
@home_option
def configure(
    *,
    home_folder: str | None,
    workspace_slug: str,
    to: str,
    endpoint: str | None,
    region: str | None,
    keys_file: str | None,
    kept: int,
) -> None:
    r"""Export a workspace every day from 6:00 UTC on, by the process that analyses beside `up`.

    Without --keys-file the bucket's keys come from the environment of `up` (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_REGION …; GOOGLE_SERVICE_ACCOUNT). The file holds {"access_key_id", "secret_access_key"} for S3, and
    {"service_account_key"} for GCS; it is sealed with a key of the home.

    Everything of the workspace lies in a folder named by its id below the place. `export run` tries it at once. A
    workspace has one export: configuring another replaces it, and says so on stderr.

    Prints {"workspace_id", "url", "endpoint", "region", "kept", "keys"}.

    \b
    Examples:
      halton-cloud export configure --workspace acme --to /srv/exports
      halton-cloud export configure --workspace acme --to s3://acme-finops/halton --region eu-west-2
      halton-cloud export configure --workspace acme --to gs://acme-finops/halton --keys-file - < keys.json
    """
    home = Home.locate(home_folder)
    url = to if "://" in to else "file://" + quote(str(Path(to).expanduser().absolute()))
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        lock_workspace(session, workspace_id)
        settings = ScheduledExport(
            workspace_id=workspace_id,
            url=url,
            endpoint=endpoint,
            region=region,
            kept=kept,
            sealed_credential=None,
            configured_by=OPERATOR.id,
            configured_at=iso_utc(now),
        )
        check_settings(settings)
        before = read_settings(home, workspace_id)
        if keys_file is not None:
            if settings.scheme == "file":
                raise ExportError("a folder has no keys")
            keys = _keys(keys_file)
            check_credential(settings.scheme, keys)
            sealed = export_vault(home).seal(workspace_id, keys)
            settings = msgspec.structs.replace(settings, sealed_credential=sealed)
        details = {"url": url, "endpoint": endpoint, "kept": kept}
        whom = Resource("scheduled_export", workspace_id)
        record_event(
            session,
            workspace_id,
            actor=OPERATOR,
            event=AuditEvent.EXPORT_CONFIGURED,
            resource=whom,
            details=details,
            at=now,
        )
        save_settings(home, settings)
    _tell_replaced(before, settings)
    print_answer(_shown(home, settings))


@export_group.command("list", short_help="List the daily exports and how each went.")
@home_option
def list_command(home_folder: str | None) -> None:
    r"""List the daily exports and how each went, never their keys.

    Prints {"exports": [{"workspace_id", "url", "last_success_at", "export_id", "error", ...}]}.

    \b
    Example:
      halton-cloud export list
    """
    home = Home.locate(home_folder)
    with opened(home):
        answer = {"exports": [_shown(home, one) for one in all_settings(home)]}
    print_answer(answer)


@export_group.command("run")
@click.option("--workspace", "workspace_slug", metavar="SLUG", help="Of this workspace only (default: all).")
@click.option("--due", "only_due", is_flag=True, help="Leave out what was exported today already.")
@home_option
def run_command(*, home_folder: str | None, workspace_slug: str | None, only_due: bool) -> None:
    r"""Export now. What is at the place already is not written again; the same build changes nothing.

    Exits with 1 when an export failed; the one before it stays whole, and the others were made.

    Prints {"exports": [{"workspace_id", "export_id", "is_new", "files_written", "rows", "error", ...}]}.

    \b
    Examples:
      halton-cloud export run
      halton-cloud export run --workspace acme
    """
    home = Home.locate(home_folder)
    workspace_id: str | None = None
    if workspace_slug is not None:
        with looking(home_folder) as (session, _now):
            workspace_id = find_workspace(session, workspace_slug).id
        if all(one.workspace_id != workspace_id for one in all_settings(home)):
            raise ExportError(f"{workspace_slug} is not exported; export configure begins it")
    with opened(home) as engine, waiting("Exporting"):
        outcomes = export_all(home, engine, SystemClock(), workspace_id=workspace_id, only_due=only_due)
    print_answer({"exports": [_told(one) for one in outcomes]})
    if not outcomes and not only_due:
        click.echo("Nothing is exported yet; export configure begins it.", err=True)
    if any(one.error is not None for one in outcomes):
        sys.exit(1)


@export_group.command("remove", short_help="End a workspace's daily export.")
@workspace_option
@home_option
def remove_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""End a workspace's daily export and forget its keys; what was exported stays where it is.

    Prints {"workspace_id", "removed"}.

    \b
    Example:
      halton-cloud export remove --workspace acme
    """
    home = Home.locate(home_folder)
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        lock_workspace(session, workspace_id)
        removed = remove_settings(home, workspace_id)
        if removed:
            record_event(
                session,
                workspace_id,
                actor=OPERATOR,
                event=AuditEvent.EXPORT_REMOVED,
                resource=Resource("scheduled_export", workspace_id),
                details={},
                at=now,
            )
    print_answer({"workspace_id": workspace_id, "removed": removed})


@export_group.command("focus", short_help="Write spend and credits in FOCUS 1.2.")
@click.option("--out", "out", required=True, metavar="FILE", help="A .csv or .parquet file; - writes CSV to stdout.")
@click.option("--month", metavar="YYYY-MM", type=click.DateTime(["%Y-%m"]), help="One billing period (default: all).")
@workspace_option
@home_option
def focus_command(home_folder: str | None, workspace_slug: str, out: str, month: datetime | None) -> None:
    r"""Write a workspace's spend and credits in the 57 columns of FOCUS 1.2.

    In CSV, text that a spreadsheet would run begins with an apostrophe.

    Prints {"file", "rows", "billed_usd", "build_id", "analysis_id"} on stdout, or on stderr when the CSV goes there.

    \b
    Examples:
      halton-cloud export focus --workspace acme --out acme-focus.csv
      halton-cloud export focus --workspace acme --month 2026-10 --out acme-2026-10.parquet
    """
    from api.dashboards.request_csv import safe_text  # noqa: PLC0415 - slow to load
    from pipelines.exports.focus_file import write_focus  # noqa: PLC0415 - likewise

    home = Home.locate(home_folder)
    with looking(home_folder) as (session, _now):
        workspace_id = find_workspace(session, workspace_slug).id
    with waiting("Writing FOCUS"):
        told = write_focus(home, workspace_id, out, month.date() if month else None, safe_text)
    if told.rows == 0:
        of = f"in {month:%Y-%m}" if month else "yet"
        click.echo(
            f"No rows: {workspace_slug} has no spend and no credits {of}; the file has the heading alone.", err=True
        )
    if out == "-":
        click.echo(told.summary(), err=True)
    else:
        print_answer(told.as_dict())


def _tell_replaced(before: ScheduledExport | None, now: ScheduledExport) -> None:
    """Say what configuring it again put aside: a place that was mistyped would be missed tomorrow at the earliest."""
    if before is None:
        return
    if before.url != now.url:
        click.echo(f"Replaces the export to {before.url}; what was exported there stays.", err=True)
    if before.sealed_credential is not None and now.sealed_credential is None:
        click.echo("The keys that were sealed before are forgotten; --keys-file gives new ones.", err=True)


def _keys(keys_file: str) -> str:
    if keys_file == "-":
        return sys.stdin.read(_KEY_BYTES_MAX).strip()
    with Path(keys_file).open(encoding="utf-8") as file:
        return file.read(_KEY_BYTES_MAX).strip()


def _shown(home: Home, settings: ScheduledExport) -> dict[str, Any]:
    state = read_state(home, settings.workspace_id)
    return {
        "workspace_id": settings.workspace_id,
        "url": settings.url,
        "endpoint": settings.endpoint,
        "region": settings.region,
        "kept": settings.kept,
        "keys": "environment" if settings.sealed_credential is None else "sealed",
        "last_attempt_at": state.last_attempt_at,
        "last_success_at": state.last_success_at,
        "export_id": state.export_id,
        "error": state.error,
    }


def _told(outcome: Outcome) -> dict[str, Any]:
    done = outcome.exported
    return {
        "workspace_id": outcome.settings.workspace_id,
        "url": outcome.settings.url,
        "export_id": done.manifest.export_id if done else None,
        "is_new": done.is_new if done else False,
        "files_written": done.files_written if done else 0,
        "bytes_written": done.bytes_written if done else 0,
        "rows": done.manifest.rows if done else None,
        "deleted": done.deleted if done else 0,
        "error": outcome.error,
    }
