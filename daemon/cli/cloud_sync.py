"""`halton-meter cloud status`, `sync`, `pause` and `resume`.

Belongs here: options, texts and exit codes. Does not belong here: the worker (`daemon.cloud.worker`), the rule for the
state (`daemon.cloud.state`).
"""

from __future__ import annotations

import sys
import time
from http.client import responses
from typing import TYPE_CHECKING

import click

from daemon.cli.cloud_parts import (
    ago,
    client_of,
    cloud_failures,
    json_option,
    opened_store,
    paired,
    print_json,
    timeout_option,
)
from daemon.cli.state import CliState, DeadTokenFailure, PlainFailure, installed_version

if TYPE_CHECKING:
    from daemon.cli.lines import Lines
    from daemon.cloud.sending import Tally
    from daemon.cloud.status import LinkStatus
    from daemon.cloud.worker import CloudWorker, TickResult

_PAUSED = {
    "paused_manual": "paused here; `halton-meter cloud resume` goes on",
    "paused_unauthorised": "the cloud no longer accepts this machine's token; `halton-meter cloud connect` pairs again",
    "paused_workspace_deleted": "the workspace was deleted; `halton-meter cloud connect` pairs with another",
    "paused_forbidden": "the workspace does not let this machine in; `halton-meter cloud resume` asks again",
}


@click.command(short_help="Show how the link stands.", epilog="\b\nExample:\n  halton-meter cloud status --json")
@json_option
@click.pass_obj
def status(state: CliState, *, as_json: bool) -> None:
    """Show how the link to the cloud stands: reads this machine only. Exit code 0 while calls flow, else 1."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.clock import SystemClock, to_micros  # noqa: PLC0415
        from daemon.cloud.status import link_status, status_json  # noqa: PLC0415

        clock = SystemClock()
        with opened_store(state.home) as store:
            link = link_status(state.home, store, clock)
        if as_json:
            print_json(status_json(link))
        else:
            _show(link, Lines(as_json=False), to_micros(clock.now()))
    if not link.is_active:
        sys.exit(1)


def _show(link: LinkStatus, lines: Lines, now_us: int) -> None:
    cloud = link.cloud
    lines.say(f"State: {link.state}")
    lines.say(f"Last sync: {ago(cloud.last_batch_succeeded_at_us, now_us)}")
    lines.say(f"Unsynced rows: {link.unsynced}")
    lines.say(f"Last reconcile: {ago(cloud.last_reconcile_at_us, now_us)}")
    for reason in link.reasons:
        lines.say(f"Why: {reason}")
    if cloud.paused_reason is not None:
        lines.say(f"Why: {cloud.paused_reason}: {_PAUSED.get(cloud.paused_reason, 'see the last error')}")
    if cloud.last_error is not None and cloud.last_error != link.problem:
        lines.say(f"Last error: {cloud.last_error} ({ago(cloud.last_error_at_us, now_us)})")
    if link.quarantined:
        lines.say(f"Quarantined rows: {link.quarantined}")
        for one in link.set_aside:
            lines.say(f"  {one.call.id}: {one.code}: {one.detail[:200]}")
    if link.withheld:
        names = ", ".join(f"{project} {rows}" for project, rows in link.withheld.items())
        lines.say(f"Kept here: {sum(link.withheld.values())} rows ({names})")
    for note in cloud.server_notes:
        lines.say(f"Held back by the cloud: {note.rows} rows of {note.project} ({note.reason})")


@click.command(short_help="Send what waits, now.", epilog="\b\nExample:\n  halton-meter cloud sync")
@json_option
@timeout_option(600.0)
@click.pass_obj
def sync(state: CliState, *, as_json: bool, timeout_seconds: float) -> None:
    """Send what waits now instead of at the daemon's next look."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.clock import SystemClock  # noqa: PLC0415
        from daemon.cloud.sending import Tally  # noqa: PLC0415
        from daemon.cloud.status import link_status  # noqa: PLC0415
        from daemon.cloud.worker import CloudWorker, WorkerSettings  # noqa: PLC0415
        from daemon.sync.retry import RetryPolicy  # noqa: PLC0415

        paired(state)
        total = Tally()
        clock = SystemClock()
        settings = WorkerSettings(
            backoff=RetryPolicy(first_seconds=1.0, cap_seconds=30.0),
            turn_seconds=2.0,
            overall_seconds=timeout_seconds,
            daemon_version=installed_version(),
        )
        with opened_store(state.home) as store, Lines(as_json=as_json) as lines:
            lines.wait_for("Sending…")
            worker = CloudWorker(
                state.home,
                store,
                clock,
                settings=settings,
                sent=lambda tally: lines.update(f"Sending… {total.rows + tally.rows:,} rows"),
            )
            failure = _until_done(worker, total, lines, time.monotonic() + timeout_seconds)
            left = link_status(state.home, store, clock).unsynced
            _report(total, left, lines, as_json=as_json, failure=failure)
    if failure is not None:
        raise failure


def _until_done(worker: CloudWorker, total: Tally, lines: Lines, deadline: float) -> PlainFailure | None:
    """Tick until nothing waits; returns why it ended otherwise."""
    from daemon.cloud.worker import Outcome  # noqa: PLC0415 - keeps --help instant

    while True:
        result = worker.tick()
        total.take(result.tally)
        match result.outcome:
            case Outcome.DONE:
                return None
            case Outcome.MORE if time.monotonic() < deadline:
                continue
            case Outcome.BUSY if time.monotonic() < deadline:
                lines.update("The daemon is sending; waiting for it…")
            case Outcome.FAILED if result.retry and time.monotonic() + result.wait_seconds < deadline:
                lines.retrying(result.error or "It failed", result.wait_seconds)
                time.sleep(result.wait_seconds)
            case Outcome.WAITING:
                time.sleep(result.wait_seconds)
            case _:
                return _failure(result)


def _failure(result: TickResult) -> PlainFailure:
    from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant
    from daemon.cloud.worker import PAUSED_MANUAL, Outcome  # noqa: PLC0415

    said = printable(result.error or "")
    match result.outcome:
        case Outcome.NOT_CONFIGURED:
            return PlainFailure("cloud.enabled = false: nothing is sent. Run `halton-meter cloud connect`.")
        case Outcome.PAUSED if said == PAUSED_MANUAL:
            return PlainFailure("Paused. Run `halton-meter cloud resume`.")
        case Outcome.PAUSED:
            return DeadTokenFailure(_PAUSED.get(said, f"{said}. Run `halton-meter cloud connect`."))
        case Outcome.BUSY | Outcome.MORE:
            return PlainFailure("Time is up; what was not sent waits.")
        case _:
            return PlainFailure(f"{said}. What was not sent waits.")


def _report(total: Tally, left: int, lines: Lines, *, as_json: bool, failure: PlainFailure | None) -> None:
    if as_json:
        counts = {"batches": total.batches, "rows": total.rows, "accepted": total.accepted}
        counts |= {"duplicates": total.duplicates, "quarantined": total.quarantined, "unsynced": left}
        print_json({"status": total.status, **counts, "error": None if failure is None else failure.message})
        return
    if total.status is not None:
        parts = [f"{total.accepted} rows accepted"]
        parts += [f"{total.duplicates} known already"] if total.duplicates else []
        parts += [f"{total.quarantined} set aside"] if total.quarantined else []
        phrase = f"{total.status} {responses.get(total.status, '')}".strip()
        lines.say(f"POST /v1/requests/batch → {phrase} ({', '.join(parts)})")
    elif failure is None:
        lines.say("Already up to date: 0 unsynced rows")


@click.command(short_help="Stop sending; go on recording.", epilog="\b\nExample:\n  halton-meter cloud pause")
@json_option
@click.pass_obj
def pause(state: CliState, *, as_json: bool) -> None:
    """Stop sending until `cloud resume`; calls are recorded here as before."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.cloud.worker import PAUSED_MANUAL  # noqa: PLC0415

        paired(state)
        with opened_store(state.home) as store:
            # A pause of the cloud's own stays: `resume` would have to find out again why.
            reason = store.cloud_state().paused_reason or PAUSED_MANUAL
            store.set_cloud_state(paused_reason=reason)
        if as_json:
            print_json({"state": "PAUSED", "paused_reason": reason})
        else:
            Lines(as_json=False).say(f"Paused ({reason}). `halton-meter cloud resume` goes on.")


@click.command(short_help="Go on sending.", epilog="\b\nExample:\n  halton-meter cloud resume")
@json_option
@timeout_option(60.0)
@click.pass_obj
def resume(state: CliState, *, as_json: bool, timeout_seconds: float) -> None:
    """Go on sending after a pause, once the cloud says that the token works."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.clock import SystemClock  # noqa: PLC0415
        from daemon.cloud.status import link_status  # noqa: PLC0415
        from daemon.cloud.worker import pause_reason  # noqa: PLC0415
        from daemon.sync.errors import Forbidden, TokenRejected  # noqa: PLC0415

        known = paired(state)
        with opened_store(state.home) as store, Lines(as_json=as_json) as lines:
            before = store.cloud_state().paused_reason
            try:
                with client_of(known, lines, timeout_seconds) as client:
                    client.whoami()
            except (TokenRejected, Forbidden) as error:
                store.set_cloud_state(paused_reason=pause_reason(error))
                raise
            store.set_cloud_state(paused_reason=None, last_error=None, consecutive_failures=0)
            now = link_status(state.home, store, SystemClock())
            if as_json:
                print_json({"state": str(now.state), "paused_reason": None, "was_paused": before is not None})
                return
            lines.say("Resumed." if before is not None else "It was not paused.")
            lines.say(f"State: {now.state}")
