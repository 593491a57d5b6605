"""Whose connection a forwarder brings to the daemon.

Belongs here: the header in which `halton-meter run` names the connection that it forwards, and when it is believed.
Does not belong here: finding a process (`caller`), forwarding (`daemon.service.stand_in`), requests
(`daemon.capture.proxy`).

A forwarder is known by what it does: the system says that its process holds the accepted end of the connection it
names, and that both belong to one user. So no secret is needed, which could leak or be out of date. A program that
names a connection of others, or a web page that does, is itself taken for the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from daemon.attribution.caller import Caller

Address = tuple[str, int]
Ends = tuple[Address, Address]
"""Of a connection: the end that connected, and the end that accepted."""
FindCaller = Callable[[Address, Address], Caller]

CLIENT_HEADER: Final = b"X-Halton-Client"
"""Of the first request on a connection: port of the real client, and of the forwarder that accepted it. Never leaves
the machine."""
_NAME: Final = CLIENT_HEADER.lower()
_HOST: Final = "127.0.0.1"
_PORTS: Final = re.compile(rb"([1-9][0-9]{0,4}) ([1-9][0-9]{0,4})")
_HIGHEST_PORT: Final = 65_535


def as_client_header(ends: Ends) -> bytes | None:
    """Return the header's value for a connection, None when it is not one within 127.0.0.1."""
    client, accepted = ends
    return b"%d %d" % (client[1], accepted[1]) if client[0] == accepted[0] == _HOST else None


def named_client(fields: Iterable[tuple[bytes, bytes]]) -> Ends | None:
    """Return the connection that a request's headers name; None when they name none, or make no sense."""
    values = [value for name, value in fields if name.lower() == _NAME]
    found = _PORTS.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        return None
    client, accepted = int(found[1]), int(found[2])
    return ((_HOST, client), (_HOST, accepted)) if max(client, accepted) <= _HIGHEST_PORT else None


def caller_behind(find: FindCaller, connection: Ends, named: Ends | None) -> Caller:
    """Return who calls: whoever holds the connection, or the client of the forwarder that holds it.

    Args:
        find: finds the process at the first of two ends.
        connection: to the daemon.
        named: the connection that came with it as the one being forwarded.
    """
    caller = find(*connection)
    if named is None or not caller.found:
        return caller
    client, accepted = named
    if find(accepted, client).pid != caller.pid:
        return caller
    behind = find(client, accepted)
    return behind if behind.found and behind.user == caller.user else caller
