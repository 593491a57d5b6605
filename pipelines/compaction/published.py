"""How far the published build goes: only what it holds may be compacted, only what it leaves out may be dropped.

Belongs here: asking the snapshot. Does not belong here: what is done with the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.horizons import published_horizons
from pipelines.lake.paths import Home


@dataclass(frozen=True)
class PublishedState:
    """What the published build holds.

    Attributes:
        max_file_seq: the newest landing file in it.
        horizons: workspace id to the first UTC day whose requests are in it, where not all are.
    """

    max_file_seq: int
    horizons: Mapping[str, date]


def published_state(home: Home) -> PublishedState | None:
    """Return what the published build holds; None when there is none that can be opened."""
    with closing(SnapshotReader(home)) as reader:
        snapshot = reader.current()
        if snapshot is None:
            return None
        with snapshot:
            return PublishedState(snapshot.max_file_seq, published_horizons(snapshot))
