"""`halton-meter simulate`: one simulated daemon, from pairing to the last receipt.

Belongs here: options and the order of steps. Does not belong here: rows (`daemon.simulate`), what is shown (`screens`).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.state import CliState, PlainFailure, default_home, installed_version, plain_failures

if TYPE_CHECKING:
    from daemon.cli.screens import EventScreen
    from daemon.credentials import Credentials, MeterHome
    from daemon.wire.record import Record

DEFAULT_ROWS = 50_000
_EPILOG = """\b
Examples:
  halton-meter simulate --base-url http://127.0.0.1:8000 --rows 2000 --days 30
  halton-meter simulate --base-url http://127.0.0.1:8000 --trace calls.csv
  halton-meter --home ./laptop-2 simulate --base-url http://127.0.0.1:8000 --device-index 1 --devices 3 --json-lines
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of one run, as the command takes them.

    Attributes:
        base_url: None means the cloud this device is paired with.
        rows: calls of all devices together; None means 50,000, or the whole trace.
        until: last instant of the history; None means now.
        keep_trace_times: leave the trace's own times as they are.
        poll_interval_seconds: pause between polls while pairing.
        timeout_seconds: longest wait for an approval.
    """

    base_url: str | None
    rows: int | None
    days: int
    seed: int
    device_index: int
    devices: int
    trace: Path | None
    keep_trace_times: bool
    until: datetime | None
    batch_rows: int
    gzip_bodies: bool
    poll_interval_seconds: float
    timeout_seconds: float


def instant_option(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Return an option's instant; None when it was not given."""
    from daemon.clock import parse_instant  # noqa: PLC0415 - keeps --help instant

    if text is None:
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise click.BadParameter("expected ISO-8601, such as 2026-11-21T12:00:00Z") from None


@click.command(epilog=_EPILOG)
@click.option(
    "--base-url", envvar="HALTON_METER_CLOUD_URL", show_envvar=True, help="Address of the cloud. [default: as paired]"
)
@click.option(
    "--rows", type=click.IntRange(1), help="Calls of all devices together. [default: 50000, or the whole trace]"
)
@click.option("--days", type=click.IntRange(1, 2_000), default=90, show_default=True, help="Length of the history.")
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, options and --until, same rows.")
@click.option("--device-index", type=click.IntRange(0), default=0, show_default=True, help="Which device this is.")
@click.option("--devices", type=click.IntRange(1, 1_000), default=1, show_default=True, help="How many share the rows.")
@click.option(
    "--trace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay real sizes and times from a CSV or JSONL trace.",
)
@click.option("--keep-trace-times", is_flag=True, help="Do not move the trace's times to end at --until.")
@click.option("--until", callback=instant_option, metavar="ISO", help="Last instant of the history. [default: now]")
@click.option("--batch-rows", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Rows per upload.")
@click.option("--gzip", "gzip_bodies", is_flag=True, help="Compress uploads.")
@click.option("--poll-interval-seconds", type=click.FloatRange(0.05, 60), default=1.0, show_default=True)
@click.option("--timeout-seconds", type=click.FloatRange(0.1, 86_400), default=600.0, show_default=True)
@click.option("--json-lines", is_flag=True, help="Print events as JSON lines on stdout, for programs.")
@click.pass_obj
def simulate(state: CliState, *, json_lines: bool, **options: Any) -> None:
    """Act as a laptop with a made-up (or replayed) history: pair if need be, upload, report exact totals.

    Its credentials live in their own folder, ~/.halton-meter/simulated/device-N, unless --home names another: this
    machine's real pairing is never used or replaced.
    """
    wanted = Wanted(**options)
    if wanted.device_index >= wanted.devices:
        raise click.BadParameter("must be below --devices", param_hint="--device-index")
    with plain_failures():
        from daemon.cli.screens import EventScreen  # noqa: PLC0415 - keeps --help instant
        from daemon.simulate.trace import TraceError  # noqa: PLC0415
        from daemon.sync.errors import CloudError  # noqa: PLC0415

        screen = EventScreen(json_lines=json_lines)
        home = state.home_or(default_home() / "simulated" / f"device-{wanted.device_index}")
        try:
            records = _records(wanted)
            _upload(_credentials(home, wanted, screen), records, wanted, screen)
        except TraceError as error:
            screen.failed(str(error))
            raise PlainFailure(str(error)) from error
        except CloudError as error:
            screen.failed(error.message)
            raise


def _records(wanted: Wanted) -> list[Record]:
    """Return this device's rows."""
    from daemon.clock import SystemClock  # noqa: PLC0415
    from daemon.simulate.history import Plan, generate  # noqa: PLC0415

    until = wanted.until or SystemClock().now()
    if wanted.trace is None:
        rows = wanted.rows or DEFAULT_ROWS
        return generate(Plan(rows, wanted.days, until, wanted.seed, wanted.device_index, wanted.devices))
    from daemon.simulate.trace import read_trace  # noqa: PLC0415
    from daemon.simulate.trace_history import TracePlan, replay  # noqa: PLC0415

    ends = None if wanted.keep_trace_times else until
    plan = TracePlan(ends, wanted.seed, wanted.device_index, wanted.devices)
    return replay(read_trace(wanted.trace)[: wanted.rows], plan)


def _credentials(home: MeterHome, wanted: Wanted, screen: EventScreen) -> Credentials:
    """Return working credentials for the named cloud, pairing when there are none."""
    from daemon.cli.pairing import PairingRequest, pair, still_connected  # noqa: PLC0415
    from daemon.simulate.catalog import laptop  # noqa: PLC0415
    from daemon.sync.client import CloudClient  # noqa: PLC0415

    version = installed_version()
    known = home.load()
    if known is not None and (wanted.base_url is None or known.endpoint == wanted.base_url.rstrip("/")):
        with CloudClient(known.endpoint, known.api_key, daemon_version=version) as client:
            if still_connected(client):
                screen.already(known)
                return known
    endpoint = wanted.base_url or (known.endpoint if known else None)
    if endpoint is None:
        raise PlainFailure("Say where to send the rows: --base-url http://…")
    machine = laptop(wanted.device_index)
    request = PairingRequest(
        hostname=machine.hostname,
        platform=machine.platform,
        daemon_version=version,
        interval_seconds=wanted.poll_interval_seconds,
        timeout_seconds=wanted.timeout_seconds,
    )
    with CloudClient(endpoint, daemon_version=version) as client:
        return pair(client, home, request, screen)


def _upload(known: Credentials, records: list[Record], wanted: Wanted, screen: EventScreen) -> None:
    from random import Random  # noqa: PLC0415

    from daemon.simulate.delivery import Delivered, deliver, totals_of, with_repeats  # noqa: PLC0415
    from daemon.sync.client import CloudClient  # noqa: PLC0415

    random = Random(f"repeats:{wanted.seed}:{wanted.device_index}")  # noqa: S311 - reproducible, not secret
    line = with_repeats(records, wanted.batch_rows, random)
    delivered = Delivered()
    screen.progress(len(line), delivered.as_json())
    started = time.perf_counter()
    version = installed_version()
    with CloudClient(known.endpoint, known.api_key, daemon_version=version, gzip_bodies=wanted.gzip_bodies) as client:
        for delivered in deliver(client, line, wanted.batch_rows):
            screen.progress(len(line), delivered.as_json())
    seconds = round(time.perf_counter() - started, 3)
    requested = [record.requested_at for record in records]
    span = {"first_requested_at": min(requested, default=None), "last_requested_at": max(requested, default=None)}
    screen.done(delivered.as_json() | asdict(totals_of(records)) | span | {"seconds": seconds})
