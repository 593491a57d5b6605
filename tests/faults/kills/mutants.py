"""The ingest, broken on purpose in the two ways such products are broken: a campaign that misses one proves nothing.

Belongs here: what is broken, patched into a process that is a server under test. Does not belong here: who catches it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from api.ingest import group
from pipelines.lake import landing
from pipelines.lake.landing import LandedFile, LandingWriter


def claim_first() -> None:
    """Record a batch in the ledger before its file is written.

    Killed in between, the ledger knows a body whose rows are nowhere; sent again, it is taken for a repeat.
    """
    commit = group.commit_group
    promised: list[tuple[Path, bytes, str]] = []

    def promise(self: LandingWriter, workspace_id: str, received_day: str, table: pa.Table) -> LandedFile:
        content, file_id = landing._encode(table), str(uuid4())
        path = self._home.landing_folder(workspace_id, received_day) / f"{self.writer_id}_{file_id}.parquet"
        landing._make_folder(path.parent, self._home.landing)
        promised.append((path, content, self.writer_id))
        relative_path = str(path.relative_to(self._home.landing))
        return LandedFile(file_id, relative_path, hashlib.sha256(content).hexdigest(), len(content), table.num_rows)

    def claim(*arguments: Any) -> Any:
        receipts = commit(*arguments)
        while promised:
            landing._write_durably(*promised.pop())
        return receipts

    LandingWriter.write = promise
    group.commit_group = claim


def no_deduplication() -> None:
    """Take every body for a new one. Killed between commit and answer, it is sent again and its rows stand twice."""
    group.find_replays = lambda *_: frozenset()


MUTANTS: dict[str, Callable[[], None]] = {"claim-first": claim_first, "no-deduplication": no_deduplication}
