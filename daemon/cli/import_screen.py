"""What `import` shows: a bar while it reads, a table at the end; or JSON.

Belongs here: texts, tables, event shapes. Does not belong here: options and steps (`imports`), counting
(`daemon.importers.tally`). Paths and reasons come from outside: they go through `printable`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.plain_text import printable
from daemon.clock import iso_of_micros
from daemon.importers.tally import FileResult, Tally, usd

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR_FROM_BYTES: Final = 1 << 20
_FILES_SHOWN: Final = 5
_MONEY: Final = {
    "metered": "metered, owed",
    "subscription_imputed": "within a subscription, not owed",
    "imported": "imported, perhaps on record elsewhere too",
}


class ImportScreen:
    """The screen of one import."""

    def __init__(self, source: str, *, as_json: bool, dry_run: bool) -> None:
        """With `as_json`, stdout carries JSON alone."""
        self._source = source
        self._as_json = as_json
        self._dry_run = dry_run
        self._total = Tally()
        self._files = 0
        self._results: list[FileResult] = []
        self._following = False
        self._bar: Progress | None = None

    @property
    def failed(self) -> bool:
        """Whether a file could not be read, or nothing in it."""
        return any(result.hopeless for result in self._results)

    def progress(self, paths: list[Path]) -> Iterator[Path]:
        """Yield the files to read, under a bar where a person watches and it takes a while."""
        size = sum(_size(path) for path in paths)
        if self._as_json or size < _BAR_FROM_BYTES or not sys.stderr.isatty():
            yield from paths
            return
        from rich.console import Console  # noqa: PLC0415 - only when one is wanted
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as self._bar:
            self._bar.add_task(f"Reading {self._source}", total=size)
            yield from paths
        self._bar = None

    def advance(self, count: int) -> None:
        """Move the bar by `count` bytes."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)

    def read(self, result: FileResult) -> None:
        """Take what came of a file."""
        self._files += 1
        self._total.add(result.tally)
        self._results.append(result)

    def following(self) -> None:
        """Say that it goes on until it is ended."""
        self._following = True
        if not self._as_json:
            click.echo(f"● Following {self._source}; Ctrl-C to end")

    def grown(self, result: FileResult) -> None:
        """Show what a look at a file brought, at once."""
        self.read(result)
        del self._results[:-_FILES_SHOWN]  # it may go on for months
        if self._as_json:
            click.echo(json.dumps({"event": "read", "source": self._source} | result.as_json()))
            return
        tally = result.tally
        if tally.new or tally.bad or result.error:
            click.echo(f"● {_name(result.path)}: {_counts(tally)}{_reasons(result)}")

    def interrupted(self, error: Exception) -> None:
        """Say that nothing could be written; it is tried again."""
        click.echo(f"● {printable(str(error))}. Trying again.", err=True)

    def end(self) -> None:
        """Show what it all came to."""
        if self._as_json:
            self._end_json()
            return
        for result in self._results if not self._following else ():
            if result.error is not None or result.tally.bad:
                click.echo(f"● {_name(result.path)}: {_counts(result.tally)}{_reasons(result)}", err=True)
        self._table()

    def _end_json(self) -> None:
        answer = {"source": self._source, "dry_run": self._dry_run, "files_read": self._files}
        if self._following:
            click.echo(json.dumps({"event": "end"} | answer | self._total.as_json()))
            return
        files = [result.as_json() for result in self._results]
        click.echo(json.dumps(answer | {"files": files} | self._total.as_json()))

    def _table(self) -> None:
        total = self._total
        rows = [("New calls", f"{total.new:,}" + (" (nothing written)" if self._dry_run else ""))]
        optional = (
            ("Already imported", total.known),
            ("On record another way", total.elsewhere),
            ("Still being written", total.waiting),
            ("Without a known price", total.unpriced),
            ("Unreadable lines", total.bad),
        )
        rows += [(name, f"{count:,}") for name, count in optional if count]
        for kind, calls in sorted(total.calls_by_kind.items()):
            cost = f"{usd(total.cost_millicents[kind])} USD" if kind in total.cost_millicents else "unknown"
            rows.append(("Cost", f"{cost}, {_MONEY.get(kind, printable(kind))} ({calls:,} calls)"))
        if total.first_us is not None and total.last_us is not None:
            rows.append(("From", iso_of_micros(total.first_us)))
            rows.append(("To", iso_of_micros(total.last_us)))
        width = max(len(name) for name, _ in rows)
        click.echo(f"● {self._source}: {self._files:,} {'file' if self._files == 1 else 'files'} read")
        for name, value in rows:
            click.echo(f"  {name:<{width}}  {value}")
        if not total.calls and not total.bad and any(result.lines for result in self._results):
            click.echo(f"  There are no calls in what was read: is it of {self._source}?")


def _counts(tally: Tally) -> str:
    told = ((tally.new, "new"), (tally.known, "known"), (tally.bad, "unreadable"))
    return ", ".join(f"{count:,} {word}" for count, word in told if count) or "nothing read"


def _reasons(result: FileResult) -> str:
    said = [result.error] if result.error is not None else result.reasons
    return f" ({'; '.join(printable(reason, longest=200) for reason in said)})" if said else ""


def _name(path: Path) -> str:
    return printable(str(path), longest=200)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
