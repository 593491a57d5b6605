"""`halton-meter import`: calls out of other tools' logs and exports.

Belongs here: the command, its options, the order of steps. Does not belong here: formats and files
(`daemon.importers`), what is shown (`import_screen`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.state import CliState, PlainFailure, plain_failures

if TYPE_CHECKING:
    from daemon.cli.import_screen import ImportScreen
    from daemon.importers.draft import Billing
    from daemon.importers.importing import Import

SOURCES = ("claude-code", "codex", "gemini-cli", "openai-usage-csv", "litellm", "otel")
_EPILOG = """\b
Examples:
  halton-meter import claude-code
  halton-meter import codex --follow
  halton-meter import openai-usage-csv completions_usage_2026-10-01_2026-11-01.csv
  halton-meter import otel traces.jsonl --dry-run --json
"""


@click.command("import", epilog=_EPILOG)
@click.argument("source", type=click.Choice(SOURCES))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--follow", is_flag=True, help="Go on importing as the files grow, until Ctrl-C.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported; write nothing.")
@click.option(
    "--billing",
    type=click.Choice(["auto", "metered", "subscription"]),
    default="auto",
    show_default=True,
    help="How this use is paid for: by the token, or by a subscription that covers it.",
)
@click.option(
    "--every",
    "every_seconds",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    help="Seconds between looks with --follow.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or one a line with --follow.")
@click.pass_obj
def import_calls(
    state: CliState,
    source: str,
    files: tuple[Path, ...],
    follow: bool,  # noqa: FBT001 - click's flags
    dry_run: bool,  # noqa: FBT001 - click's flags
    billing: Billing,
    every_seconds: float,
    as_json: bool,  # noqa: FBT001 - click's flags
) -> None:
    """Read calls that no proxy saw from other tools' logs and exports.

    Without FILES, the logs of claude-code, codex and gemini-cli are looked for where those tools keep them. Importing
    again adds nothing twice, and neither does importing what the proxy captured. Folders among FILES are searched.
    """
    if follow and dry_run:
        raise click.UsageError("--follow writes what it finds: it cannot be combined with --dry-run.")
    from daemon.cli.import_screen import ImportScreen  # noqa: PLC0415 - keeps --help instant

    find = _finder(source, files)
    screen = ImportScreen(source, as_json=as_json, dry_run=dry_run)
    with _failures(), _importing(state, source, billing, dry_run=dry_run) as run:
        if follow:
            _follow(run, find, screen, every_seconds)
            return
        found = find()
        if not found:
            raise PlainFailure(_nothing_found(source))
        for path in screen.progress(found):
            screen.read(run.read(path, screen.advance))
        screen.end()
    if screen.failed:
        raise click.exceptions.Exit(1)


def _finder(source: str, files: tuple[Path, ...]) -> Callable[[], list[Path]]:
    import os  # noqa: PLC0415 - keeps --help instant

    from daemon.importers.places import default_files, files_in  # noqa: PLC0415

    if files:
        return lambda: [found for path in files for found in (files_in(source, path) if path.is_dir() else [path])]
    if source not in {"claude-code", "codex", "gemini-cli"}:
        raise click.UsageError(f"Name the files: {source} has no place of its own on this machine.")
    return lambda: default_files(source, os.environ, Path.home())


def _nothing_found(source: str) -> str:
    import os  # noqa: PLC0415 - keeps --help instant

    from daemon.importers.places import default_places  # noqa: PLC0415

    places = ", ".join(str(place) for place in default_places(source, os.environ, Path.home()))
    return f"No logs of {source} in {places}. Name the files to import." if places else "No files there to import."


@contextmanager
def _failures() -> Iterator[None]:
    from daemon.store.errors import StoreError  # noqa: PLC0415 - keeps --help instant

    with plain_failures():
        try:
            yield
        except StoreError as error:
            raise PlainFailure(f"{error}. What was imported before stays; import again to go on.") from error


@contextmanager
def _importing(state: CliState, source: str, billing: Billing, *, dry_run: bool) -> Iterator[Import]:
    """Give the importer on this machine's store; a dry run makes no store where there is none."""
    import socket  # noqa: PLC0415 - keeps --help instant
    from contextlib import ExitStack  # noqa: PLC0415

    from daemon.clock import SystemClock  # noqa: PLC0415
    from daemon.importers.finish import Finisher  # noqa: PLC0415
    from daemon.importers.importing import Import  # noqa: PLC0415
    from daemon.importers.known import KnownCalls  # noqa: PLC0415
    from daemon.importers.registry import IMPORTERS  # noqa: PLC0415
    from daemon.prices.overrides import load_prices  # noqa: PLC0415
    from daemon.store.store import Store  # noqa: PLC0415

    clock = SystemClock()
    home = state.home
    finisher = Finisher(prices=load_prices(home), clock=clock, machine=socket.gethostname())
    with ExitStack() as stack:
        wanted = not dry_run or home.database_path.exists()
        store = stack.enter_context(Store(home.database_path, clock)) if wanted else None
        known = stack.enter_context(KnownCalls(store)) if store is not None else None
        yield Import(IMPORTERS[source], store, known, finisher, clock, billing, dry_run)


def _follow(run: Import, find: Callable[[], list[Path]], screen: ImportScreen, every_seconds: float) -> None:
    """Import as files grow, until somebody presses Ctrl-C or ends the process in order."""
    import signal  # noqa: PLC0415 - keeps --help instant
    import threading  # noqa: PLC0415

    from daemon.importers.follow import Follower  # noqa: PLC0415

    enough = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: enough.set())
    screen.following()
    Follower(run, find, run.clock).until(lambda: enough.wait(every_seconds), screen.grown, screen.interrupted)
    screen.end()
