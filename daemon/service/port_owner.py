"""Who listens on a port of this machine.

Belongs here: a name for a person to recognise. Does not belong here: what to do about it.
"""

from __future__ import annotations

from typing import Any


def who_listens(port: int) -> str | None:
    """Return program and process id of whoever listens on `port`; None when it cannot be told."""
    import psutil  # noqa: PLC0415 - only needed when something is wrong

    try:
        for connection in psutil.net_connections("tcp"):
            if _listens(connection, port) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        return None  # other people's processes are not ours to see
    return None


def _listens(connection: Any, port: int) -> bool:
    return connection.status == "LISTEN" and bool(connection.laddr) and connection.laddr.port == port


def port_is_taken(port: int, setting: str) -> str:
    """Return a sentence for whoever has to free `port`, with its remedy; `setting` names it in config.toml."""
    who = who_listens(port)
    holder = f" by {who}" if who else ""
    remedy = f"end that program, or set another `port` under [{setting}] in config.toml"
    return f"Port {port} of 127.0.0.1 is taken{holder}: {remedy}"
