"""The kernel's table of TCP connections on Linux.

Belongs here: finding one connection in `/proc/net/tcp` and `tcp6`. Does not belong here: asking for it alone
(`tcp_ends`), whose it is (`linux`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

from daemon.attribution.proc_files import read_entry
from daemon.attribution.tcp_ends import Address, OpenSocket

_TABLE_MAX: Final = 1 << 26
_LINE_MAX: Final = 160
_MAPPED: Final = bytes(10) + b"\xff\xff"


def find_in_table(proc: str, local: Address, remote: Address) -> OpenSocket | None:
    """Return the end of a connection that is bound to `local`, None when this system has none."""
    for table, beginning in _lines(local, remote):
        text = read_entry(f"{proc}/net/{table}", _TABLE_MAX)
        start = text.find(beginning)
        if start >= 0:
            # After the two addresses: state, queues, timer, retransmits, user, timeout, inode.
            fields = text[start + len(beginning) :][:_LINE_MAX].split()
            return OpenSocket(int(fields[4]), int(fields[6]))
    return None


def _lines(local: Address, remote: Address) -> Iterator[tuple[str, bytes]]:
    """Yield each table that may list the connection, and the two addresses as its line has them."""
    hosts, ports = [local[0], remote[0]], (local[1], remote[1])
    if all(isinstance(host, IPv4Address) for host in hosts):
        yield "tcp", _beginning([host.packed for host in hosts], ports)
        # A program may reach an IPv4 address through an IPv6 socket; it is listed there then.
        yield "tcp6", _beginning([_MAPPED + host.packed for host in hosts], ports)
    else:
        yield "tcp6", _beginning([host.packed for host in hosts], ports)


def _beginning(hosts: list[bytes], ports: tuple[int, int]) -> bytes:
    ends = (f"{_words(host)}:{port:04X}" for host, port in zip(hosts, ports, strict=True))
    return f" {' '.join(ends)} ".encode()


def _words(host: bytes) -> str:
    """Return an address as the kernel prints it: words of four octets, each in the machine's own order."""
    return "".join(f"{int.from_bytes(host[at : at + 4], sys.byteorder):08X}" for at in range(0, len(host), 4))
