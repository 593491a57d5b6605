"""A home with a store that tests fill, and the command line over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.calls.call import Call
from daemon.cli.main import main
from daemon.clock import SystemClock
from daemon.report.reading import Report, read_report
from daemon.report.window import Window
from daemon.store.store import Store

Reader = Callable[..., Report]


@pytest.fixture
def meter_home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(meter_home: Path) -> Iterator[Store]:
    with Store(meter_home / "db.sqlite", SystemClock()) as opened:
        yield opened


@pytest.fixture
def read(store: Store) -> Reader:
    def reader(window: Window, calls: Sequence[Call] = (), **options: object) -> Report:
        store.add(calls)
        with closing(store.connection_for_reading()) as connection:
            return read_report(connection, window, **options)  # type: ignore[arg-type]

    return reader


@pytest.fixture
def meter(meter_home: Path) -> Callable[..., Result]:
    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner(env=environment).invoke(main, ["--home", str(meter_home), *arguments])

    return run
