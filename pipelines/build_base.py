"""The published build that the next one goes on from.

Belongs here: whether there is one, whole in every file. Does not belong here: whether it may be gone on from in view of
what changed since (`pipelines.build_inputs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelines.lake.catalog import read_pointer
from pipelines.lake.paths import Home
from pipelines.publish import PublishedFiles, snapshot_files, snapshot_name
from pipelines.warehouse import LastBuild, last_build, unfinished_attempts
from pipelines.whole_files import published_is_damaged

ATTEMPTS_BEFORE_REBUILD: Final = 1
"""How often an incremental build is tried again on the same warehouse after one that did not end."""


@dataclass(frozen=True)
class Base:
    """The published build to go on from.

    Attributes:
        build: its name and inputs.
        files: the files its facts and roll-ups lie in.
    """

    build: LastBuild
    files: PublishedFiles

    def is_current(self, home: Home) -> bool:
        """Return whether readers are pointed at it."""
        try:
            pointer = read_pointer(home)
        except ValueError:
            return False
        build_id = self.build.build_id
        return pointer is not None and (pointer.build_id, pointer.file) == (build_id, snapshot_name(build_id))


def find_base(home: Home) -> Base | None:
    """Return the build the warehouse stands at; None when it, or a file it was published as, is missing or damaged."""
    # Tried again and failed again: the warehouse itself may be at fault, and it can always be rebuilt.
    if unfinished_attempts(home) > ATTEMPTS_BEFORE_REBUILD:
        return None
    build = last_build(home.warehouse)
    files = snapshot_files(home, snapshot_name(build.build_id)) if build else None
    if build is None or files is None or published_is_damaged(home, build.build_id, files.segments, files.parts):
        return None
    return Base(build, files)
