"""The demo's bills: invoice files of the simulated providers, taken as people take theirs.

Belongs here: having the files made, and taking them. Does not belong here: what is on an invoice (`halton-meter
simulate-bills`, which this room only meets as a command), reading and keeping invoices (`api.bills`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from api.audit import OPERATOR
from api.bills.csv_mapping import ColumnMapping, guess_mapping
from api.bills.csv_text import read_csv
from api.bills.money import Exchange
from api.bills.uploads import Taking, keep_upload, read_upload, take_upload
from api.cli.database import changing
from api.workspaces import find_workspace
from pipelines.lake.paths import Home


def invoice_files(folder: Path, options: Sequence[str]) -> list[tuple[str, Path]]:
    """Have the simulated providers write their invoices; return each one's provider and file.

    Args:
        folder: where the files are to be.
        options: of the simulated laptops, `--until` among them.

    Raises:
        click.ClickException: it could not be done; the reason stands above.
    """
    command = [sys.executable, "-m", "daemon.cli.main", "simulate-bills", *options, "--out", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise click.ClickException("the simulated providers' invoices could not be made; the reason stands above")
    return [(one["provider"], Path(one["file"])) for one in json.loads(done.stdout)["invoices"]]


def take_invoices(home: Home, slug: str, files: Sequence[tuple[str, Path]]) -> int:
    """Take invoice files as the page of uploads does, columns as they are guessed there; return how many lines.

    Raises:
        Refused: a file cannot be read.
    """
    lines = 0
    with changing(str(home.root)) as (session, now):
        workspace_id = find_workspace(session, slug).id
        for provider, file in files:
            content = file.read_bytes()
            guessed = guess_mapping(read_csv(content))
            mapping = ColumnMapping(
                columns=guessed.columns,
                header_row=guessed.header_row,
                decimal_mark=guessed.decimal_mark or ".",
                day_format=guessed.day_format,
            )
            taking = Taking(provider=provider, mapping=mapping, exchange=Exchange())
            upload = keep_upload(session, workspace_id, file.name, content, actor=OPERATOR, at=now)
            read = read_upload(upload, taking, now)
            take_upload(session, workspace_id, upload.id, provider, read, actor=OPERATOR, at=now)
            lines += read.rows
    return lines
