"""`halton-cloud audit`: proving the audit log, and taking it away.

Belongs here: the commands. Does not belong here: proving (`api.audit.proof`), digests (`api.audit.digests`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click
import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit.digests import SIGNED_TEXT, Signer, digests_of, sign_grown_chains, sign_now
from api.audit.messages import DigestsAnswer
from api.audit.proof import prove, read_digests
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import opened
from api.db.models import Workspace
from api.db.session import reading
from api.workspaces import find_workspace
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home


@click.group("audit")
def audit_group() -> None:
    """Prove that the audit log was not changed; take it away."""


@audit_group.command("verify")
@click.option("--workspace", "workspace_slug", metavar="SLUG", default=None, help="Only this one; all when not given.")
@click.option(
    "--digests",
    "files",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Digests saved elsewhere, as `audit export` or GET /v1/SLUG/audit/digests gave them; can be repeated.",
)
@click.option(
    "--public-key", "keys", metavar="HEX", multiple=True, help="A former key of this server that counts as its own."
)
@home_option
def verify_command(
    home_folder: str | None, workspace_slug: str | None, files: tuple[Path, ...], keys: tuple[str, ...]
) -> None:
    r"""Recompute the hash chains and compare them with signed digests.

    The chains and the digests beside them show an edit, a reorder or a cut by anybody who did not recompute everything
    and has not the server's key. Digests that were saved elsewhere show it whoever did it. `audit verify` reads the
    chains of audit events; `halton-cloud verify` recomputes those of batches.

    Prints {"ok", "public_key", "workspaces", "events", "stored_digests", "saved_digests", "heads", "differences"} and
    exits with 1 on any difference.

    \b
    Examples:
      halton-cloud audit verify
      halton-cloud audit verify --workspace acme-co --digests /mnt/elsewhere/audit-digests-acme-co.json
    """
    home = Home.locate(home_folder)
    saved = [digest for path in files for digest in read_digests(path)]
    with opened(home) as engine:
        signer = Signer.of(home)
        with reading(engine) as session:
            proof = prove(session, _chosen(session, workspace_slug), saved, trusted_keys={signer.public_key, *keys})
    print_answer({"ok": not proof.differences, "public_key": signer.public_key, **asdict(proof)})
    if proof.differences:
        complaint = f"{len(proof.differences)} differences were found; the first: {proof.differences[0]}"
        raise click.ClickException(complaint)


@audit_group.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@workspace_option
@home_option
def export_command(home_folder: str | None, workspace_slug: str, folder: Path) -> None:
    r"""Write the recorded events as CSV, and the signed digests, the present one included, as JSON into FOLDER.

    Keep the digests where nobody who runs this server can write: `audit verify --digests FILE` then proves the log.
    Captured requests are in the CSV of the dashboards, GET /v1/SLUG/audit.csv, not here.

    Prints {"events", "csv", "digests", "position", "head", "public_key"}.

    \b
    Example:
      halton-cloud audit export /mnt/elsewhere --workspace acme-co
    """
    # Imported here: the log's views know the marts, which takes longer than the other commands run.
    from api.audit.audit_csv import COLUMNS, csv_lines, entry_chunks  # noqa: PLC0415
    from api.audit.listing import recorded_entry  # noqa: PLC0415
    from api.audit.names import names_of  # noqa: PLC0415
    from api.audit.recorded import stream_recorded  # noqa: PLC0415
    from api.audit.wanted import Wanted  # noqa: PLC0415

    home = Home.locate(home_folder)
    with opened(home) as engine:
        signer, now = Signer.of(home), SystemClock().now()
        sign_grown_chains(engine, signer, now)
        with reading(engine) as session:
            workspace = find_workspace(session, workspace_slug)
            present = sign_now(session, signer, workspace.id, now)
            digests = [present, *digests_of(session, workspace.id)]
            names = names_of(session, workspace.id)
        answer = DigestsAnswer(
            workspace=workspace.slug, public_key=signer.public_key, signed_text=SIGNED_TEXT, digests=digests
        )
        rows = stream_recorded(engine, workspace.id, Wanted(), names, time_zone=workspace.time_zone)
        entries = (recorded_entry(row, names) for row in rows if row.position <= present.position)
        folder.mkdir(parents=True, exist_ok=True)
        table, proof = folder / f"audit-{workspace.slug}.csv", folder / f"audit-digests-{workspace.slug}.json"
        _write(table, [csv_lines([COLUMNS]), *entry_chunks(entries)])
        _write(proof, [msgspec.json.encode(answer)])
    print_answer(
        {
            "events": present.position,
            "csv": str(table),
            "digests": str(proof),
            "position": present.position,
            "head": present.head,
            "public_key": signer.public_key,
        }
    )


def _chosen(session: Session, slug: str | None) -> list[tuple[str, str]]:
    if slug is not None:
        workspace = find_workspace(session, slug)
        return [(workspace.id, workspace.slug)]
    return [
        (row.id, row.slug) for row in session.execute(select(Workspace.id, Workspace.slug).order_by(Workspace.slug))
    ]


def _write(path: Path, parts: Iterable[bytes]) -> None:
    """Write a whole file, or leave the one that was there."""
    made = path.with_name(f".{path.name}.tmp")
    with made.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
