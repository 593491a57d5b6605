"""A process that writes calls: `python -m tests.daemon.store.writer PATH FIRST LAST BATCH`.

Prints a line with the number of new calls after each batch, which is when that batch is durable.
"""

from __future__ import annotations

import sys
from pathlib import Path

from daemon.clock import SystemClock
from daemon.store.store import Store
from tests.daemon.store.made_calls import made_call


def main(path: str, first: str, last: str, batch: str) -> None:
    """Write the calls numbered from `first` to before `last`, `batch` at a time, each with a body and a cursor."""
    with Store(Path(path), SystemClock()) as store:
        for start in range(int(first), int(last), int(batch)):
            calls = [made_call(number) for number in range(start, min(start + int(batch), int(last)))]
            added = store.add(calls, cursor=("writer", str(start).encode()))
            store.keep_body(calls[0].id, "request", "text/plain", "x" * 2_000, 2_000, [])
            sys.stdout.write(f"{added}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
