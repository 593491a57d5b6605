"""`halton-meter cloud receipts`: what left this machine, and what the cloud says it got.

Belongs here: options, texts and exit codes. Does not belong here: the comparison (`daemon.cloud.receipts`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.cloud_parts import (
    client_of,
    cloud_failures,
    json_option,
    opened_store,
    print_json,
    table,
    timeout_option,
)
from daemon.cli.state import CliState

if TYPE_CHECKING:
    from daemon.cli.lines import Lines
    from daemon.cloud.receipts import ComparedBatch
    from daemon.credentials import Credentials
    from daemon.wire.batch import BatchAccount

_ASKED = 500
"""Accounts the cloud is asked for: as many as it gives at once."""
_DIGITS = 12
_SAID = {"same": "same", "differs": "DIFFERS", "missing": "MISSING", "unknown": "-"}


@click.command(
    short_help="List what left; compare digests with the cloud's.",
    epilog="\b\nExample:\n  halton-meter cloud receipts --limit 20",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many of the last.")
@click.option("--offline", is_flag=True, help="Do not ask the cloud; list only.")
@json_option
@timeout_option(30.0)
@click.pass_obj
def receipts(state: CliState, limit: int, timeout_seconds: float, *, offline: bool, as_json: bool) -> None:
    """List the batches that left this machine, their digests beside the cloud's. Exit code 1 if any differs."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.cloud.receipts import compared  # noqa: PLC0415

        with opened_store(state.home) as store:
            batches = store.batches(limit)
        known = None if offline else state.home.load()
        with Lines(as_json=as_json) as lines:
            accounts, since_us = ([], None) if known is None else _asked(known, lines, timeout_seconds)
        whole = len(accounts) < _ASKED
        found = compared(batches, accounts, complete_since_us=since_us if whole else None)
    if as_json:
        print_json({"batches": [_json(one) for one in found]})
    else:
        _show(found)
    if any(one.verdict in ("differs", "missing") for one in found):
        sys.exit(1)


def _asked(known: Credentials, lines: Lines, timeout_seconds: float) -> tuple[list[BatchAccount], int | None]:
    """Return the cloud's accounts and since when this machine is paired there; none when it gives no accounts."""
    from daemon.clock import parse_instant, to_micros  # noqa: PLC0415 - keeps --help instant
    from daemon.sync.errors import ContractMismatch, Refused  # noqa: PLC0415

    with client_of(known, lines, timeout_seconds) as client:
        try:
            accounts = client.receipts(_ASKED).receipts
            since = client.whoami().connected_at
        except (Refused, ContractMismatch):
            lines.say("The cloud gives no accounts of batches; nothing to compare with.")
            return [], None
    try:
        return accounts, to_micros(parse_instant(since))
    except (ValueError, OverflowError):
        return accounts, None


def _show(found: list[ComparedBatch]) -> None:
    from daemon.clock import iso_of_micros  # noqa: PLC0415 - keeps --help instant

    if not found:
        click.echo("● Nothing has left this machine.")
        return
    rows = [["sent (UTC)", "rows", "taken", "known", "set aside", "state", "sha256", "cloud"]]
    for one in found:
        batch = one.batch
        counts = (batch.row_count, batch.accepted, batch.duplicates, batch.quarantined)
        cells = ["" if count is None else str(count) for count in counts]
        moment = iso_of_micros(batch.opened_at_us // 1_000_000 * 1_000_000)
        rows.append([moment, *cells, batch.state, batch.records_sha256[:_DIGITS], _SAID[one.verdict]])
    table(rows)


def _json(one: ComparedBatch) -> dict[str, Any]:
    from daemon.clock import iso_of_micros  # noqa: PLC0415 - keeps --help instant

    batch, account = one.batch, one.account
    return {
        "batch_id": batch.batch_id,
        "opened_at": iso_of_micros(batch.opened_at_us),
        "closed_at": None if batch.closed_at_us is None else iso_of_micros(batch.closed_at_us),
        "state": batch.state,
        "rows": batch.row_count,
        "accepted": batch.accepted,
        "duplicates": batch.duplicates,
        "quarantined": batch.quarantined,
        "records_sha256": batch.records_sha256,
        "cloud_sha256": None if account is None else account.records_sha256,
        "cloud_received": None if account is None else account.received,
        "cloud_state": None if account is None else account.state,
        "verdict": str(one.verdict),
    }
