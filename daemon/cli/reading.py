"""The store as `report` and `watch` open it: to read, with failures in one line.

Belongs here: opening, and what a failure says. Does not belong here: queries (`daemon.report.reading`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from daemon.cli.plain_text import printable
from daemon.cli.state import PlainFailure
from daemon.clock import Clock
from daemon.credentials import MeterHome
from daemon.store.errors import StoreError, translated
from daemon.store.store import Store


@contextmanager
def reading(home: MeterHome, clock: Clock) -> Iterator[sqlite3.Connection]:
    """Give a connection to the calls of a home that cannot write; where nothing was recorded yet, to none.

    Raises:
        PlainFailure: the store cannot be read.
    """
    try:
        if not home.database_path.exists():  # asking what things cost leaves nothing behind
            with _nothing() as connection:
                yield connection
            return
        with Store(home.database_path, clock) as store, closing(store.connection_for_reading()) as connection:
            yield connection
    except sqlite3.Error as error:
        raise PlainFailure(printable(str(translated(error, home.database_path)))) from error
    except StoreError as error:
        raise PlainFailure(printable(str(error))) from error


@contextmanager
def _nothing() -> Iterator[sqlite3.Connection]:
    from daemon.store.migrations import STEPS  # noqa: PLC0415 - rarely needed

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in STEPS:
            for statement in step:
                connection.execute(statement)
        yield connection
