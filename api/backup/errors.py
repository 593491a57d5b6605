"""What can be wrong with a backup, a restore, or the folder of either.

Belongs here: the one exception, whose message names what is wrong and says what to do. Does not belong here: finding
it out.
"""

from __future__ import annotations


class BackupError(Exception):
    """A backup cannot be taken, read or restored; the message is one plain sentence that names the file or reason."""
