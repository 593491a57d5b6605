"""`halton-meter cloud …`: the group of all that concerns a cloud.

Belongs here: which commands there are. Does not belong here: the commands (`cloud_link`, `cloud_sync`,
`cloud_privacy`, `cloud_receipts`, `cloud_reconcile`).
"""

from __future__ import annotations

import click

from daemon.cli.cloud_link import connect, disconnect, whoami
from daemon.cli.cloud_privacy import privacy
from daemon.cli.cloud_receipts import receipts
from daemon.cli.cloud_reconcile import reconcile
from daemon.cli.cloud_sync import pause, resume, status, sync


@click.group(epilog="\b\nExamples:\n  halton-meter cloud connect\n  halton-meter cloud privacy preview")
def cloud() -> None:
    """Pair this machine with a cloud workspace, choose and check what leaves, undo it."""


for _command in (connect, whoami, status, sync, pause, resume, privacy, receipts, reconcile, disconnect):
    cloud.add_command(_command)
