"""Whether landed files are still what the ledger acknowledged, checked before a build uses them.

Belongs here: digests of landed files. Does not belong here: digests of derived files (`pipelines.whole_files`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.durable_files import sha256_of_file
from pipelines.lake.paths import Home
from pipelines.landed_export import LandedFileRow


class BuildError(Exception):
    """A build cannot go on; the message is one plain sentence. What readers see has not changed."""


def verify_landed_files(home: Home, files: Iterable[LandedFileRow]) -> None:
    """Check the files that hold these rows against the ledger's digests, each once.

    Raises:
        BuildError: a file is missing, unreadable or changed; the message names it.
    """
    for stored in dict.fromkeys(one.stored for one in files if one.stored is not None):
        try:
            digest = sha256_of_file(home.landing / stored.relative_path)
        except OSError as fault:
            raise BuildError(f"landing file {stored.relative_path} cannot be read: {fault.strerror}") from fault
        if digest != stored.sha256:
            raise BuildError(f"landing file {stored.relative_path} is damaged: its SHA-256 is not the ledger's")
