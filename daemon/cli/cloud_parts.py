"""What the cloud's commands share: store, client, failures, words for times.

Belongs here: opening what a command needs and closing it. Does not belong here: commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from daemon.cli.state import CliState, DeadTokenFailure, PlainFailure, installed_version, plain_failures

if TYPE_CHECKING:
    from daemon.cli.lines import Lines
    from daemon.credentials import Credentials, MeterHome
    from daemon.store.store import Store
    from daemon.sync.client import CloudClient

DEFAULT_BASE_URL: Final = "https://api.haltonmeter.com"
BASE_URL_VARIABLE: Final = "HALTON_METER_CLOUD_URL"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
"""Every command of the group has it."""


def timeout_option(seconds: float) -> Callable[[Any], Any]:
    """Return the option that bounds a command which asks the cloud."""
    return click.option(
        "--timeout",
        "timeout_seconds",
        type=click.FloatRange(0.1, 86_400),
        default=seconds,
        show_default=True,
        help="Give up after so many seconds.",
    )


@contextmanager
def cloud_failures() -> Iterator[None]:
    """Turn expected failures into one line and an exit code: 2 for a dead token or lost membership, else 1."""
    from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant
    from daemon.credentials import UnreadableStateError  # noqa: PLC0415
    from daemon.store.errors import StoreError  # noqa: PLC0415
    from daemon.sync.errors import CloudError, Forbidden, TokenRejected  # noqa: PLC0415

    with plain_failures():
        try:
            yield
        except TokenRejected as error:
            raise DeadTokenFailure(f"{printable(error.message)}. Run `halton-meter cloud connect`.") from error
        except Forbidden as error:
            raise DeadTokenFailure(printable(error.message)) from error
        except (CloudError, StoreError, UnreadableStateError) as error:
            raise PlainFailure(printable(str(error))) from error


@contextmanager
def opened_store(home: MeterHome) -> Iterator[Store]:
    """Open the home's store for a command."""
    from daemon.clock import SystemClock  # noqa: PLC0415 - keeps --help instant
    from daemon.store.store import Store  # noqa: PLC0415

    with Store(home.database_path, SystemClock()) as store:
        yield store


def client_of(known: Credentials, lines: Lines, timeout_seconds: float) -> CloudClient:
    """Return a client that says when it tries again and gives up in time."""
    from daemon.sync.client import CloudClient  # noqa: PLC0415 - keeps --help instant
    from daemon.sync.retry import RetryPolicy  # noqa: PLC0415

    return CloudClient(
        known.endpoint,
        known.api_key,
        daemon_version=installed_version(),
        retry=RetryPolicy(announce=lines.retrying),
        overall_seconds=timeout_seconds,
    )


def paired(state: CliState) -> Credentials:
    """Return the stored credentials.

    Raises:
        PlainFailure: there are none.
    """
    from daemon.cli.state import not_paired  # noqa: PLC0415

    return state.home.load() or not_paired()


def host_of(url: str) -> str:
    """Return the part of a base URL that people know it by."""
    return urlsplit(url).netloc or url


def ago(then_us: int | None, now_us: int) -> str:
    """Return how long ago something was, as `3s ago`; `never` for None."""
    if then_us is None:
        return "never"
    seconds = max(now_us - then_us, 0) // 1_000_000
    if seconds < _MINUTE:
        return f"{seconds}s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m ago"
    return f"{seconds // _HOUR}h ago" if seconds < 2 * _DAY else f"{seconds // _DAY}d ago"


def print_json(answer: Any) -> None:
    """Print one JSON object on stdout."""
    click.echo(json.dumps(answer))


def table(rows: list[list[str]]) -> None:
    """Print rows as columns, the first row being the heading; numbers lean to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.rjust(width) if _is_number(text) else text.ljust(width)
            for text, width in zip(row, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _is_number(text: str) -> bool:
    return bool(text) and all(character in "0123456789,.-$%" for character in text)
