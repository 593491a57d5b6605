"""Whether anybody takes connections on a port of this machine.

Belongs here: the look. Does not belong here: who it is.
"""

from __future__ import annotations

import socket

_SECONDS = 1.0


def answers(port: int) -> bool:
    """Return whether 127.0.0.1:`port` takes a connection."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS):
            return True
    except OSError:
        return False
