"""One end of a TCP connection on Linux: how it is named, and what the kernel says of it.

Belongs here: asking the kernel about exactly one connection (`sock_diag(7)`). Does not belong here: its table of all of
them (`tcp_table`), which takes milliseconds to read and serves where the question is not allowed; whose the end is
(`linux`).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

Address = tuple[IPv4Address | IPv6Address, int]
_NETLINK_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST: Final = 1
_ERROR: Final = 2
_ALL_STATES: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")
_QUERY: Final = struct.Struct("=BBBxI")
_PORTS: Final = struct.Struct("!HH")
_NO_COOKIE: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_ERRNO: Final = struct.Struct("=i")
_OWNER: Final = struct.Struct("=II")
_ANSWER_ID: Final = _HEADER.size + 4
_ANSWER_OWNER: Final = _ANSWER_ID + 48 + 12
_ANSWER_MAX: Final = 8192
_MAPPED: Final = bytes(10) + b"\xff\xff"


class OpenSocket(NamedTuple):
    """One end of a connection.

    Attributes:
        user: number of the user who opened it.
        inode: names it; 0 when its process has closed it already.
    """

    user: int
    inode: int


def address_of(end: tuple[str, int]) -> Address:
    """Return host and port as an address; an IPv4 address in IPv6 clothes is the IPv4 address."""
    host = ip_address(end[0].partition("%")[0])
    return (host.ipv4_mapped or host) if isinstance(host, IPv6Address) else host, end[1]


def ask_kernel(local: Address, remote: Address) -> OpenSocket | None:
    """Return the end of a connection that is bound to `local`, None when this system has none.

    Raises:
        OSError: the kernel does not answer such questions, or not to us.
    """
    family = socket.AF_INET if local[0].version == remote[0].version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    ends = _PORTS.pack(local[1], remote[1]) + _sixteen(local) + _sixteen(remote)
    query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + ends + _NO_COOKIE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0) + query)
        answer = kernel.recv(_ANSWER_MAX)
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        code = -_ERRNO.unpack_from(answer, _HEADER.size)[0]
        if code == errno.ENOENT:
            return None
        raise OSError(code, os.strerror(code))
    # Where there is no such connection, the kernel may answer with who listens on the port; where an IPv6 socket holds
    # an IPv4 connection, with the addresses as that socket has them.
    mapped = _PORTS.pack(local[1], remote[1]) + _MAPPED + local[0].packed + _MAPPED + remote[0].packed
    if answer[_ANSWER_ID : _ANSWER_ID + len(ends)] not in {ends, mapped}:
        return None
    return OpenSocket(*_OWNER.unpack_from(answer, _ANSWER_OWNER))


def _sixteen(end: Address) -> bytes:
    return end[0].packed.ljust(16, b"\0")
