"""Which URLs and addresses a webhook may call.

Belongs here: the rules, for what is typed and for what a name resolves to at the moment of a call. Does not belong
here: calling (`calls`).

A server can reach what the person who types a URL cannot: itself, its neighbours, a cloud's metadata service. So only
addresses of the public internet are called, by https, unless the operator names networks of their own. The name is
looked up when it is called and the connection goes to the very address that was checked: a name that answers otherwise
the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from api.db.models.alerts import URL_LENGTH_MAX
from api.errors import Refused, invalid

NETWORKS_VARIABLE: Final = "HALTON_WEBHOOK_PRIVATE_NETWORKS"
PORTS: Final = {"https": 443, "http": 80}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# What carries an IPv4 address inside: it goes where that one goes.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Not of the public internet, whatever the standard library of some release says: protocol assignments, relays, old
# site-local addresses, translators of one's own network (which hide an address within in a place of their choosing),
# and where Azure's hosts answer their guests.
_NEVER: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("2001::/23"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class NetworksError(ValueError):
    """The environment names networks that cannot be understood."""


class AddressRefusedError(Exception):
    """A name leads nowhere, or to an address that may not be called; the message says so, without the address."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called.

    Attributes:
        scheme: `https`, or `http` within the operator's own networks.
        host: a name or an address, without brackets.
        port: of the URL, or the scheme's.
        path: with its query.
    """

    scheme: str
    host: str
    port: int
    path: str


def own_networks(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """Return the networks the operator lets webhooks reach beside the public internet.

    Raises:
        NetworksError: one of them is no network such as `10.1.0.0/16`.
    """
    given = environment.get(NETWORKS_VARIABLE, "").replace(",", " ").split()
    try:
        return tuple(ipaddress.ip_network(one) for one in given)
    except ValueError:
        raise NetworksError(
            f"{NETWORKS_VARIABLE} must list networks such as 10.1.0.0/16, with commas between"
        ) from None


def checked_target(url: str, networks: Iterable[Network]) -> Target:
    """Return where a URL leads, as far as its text tells.

    Raises:
        Refused: 422 `webhook_url` it is not a URL that may be called.
    """
    own = tuple(networks)
    parts = _parts(url)
    schemes = ("https", "http") if own else ("https",)
    if parts.scheme not in schemes:
        raise _unusable("must begin with https://")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise _unusable("must have no user, password or fragment")
    host = parts.hostname or ""
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise _unusable("has a port that is none") from None
    address = _address(host)
    if address is None:
        _check_name(host)
        if host == "localhost" or (host.endswith((".localhost", ".local", ".internal")) and not own):
            raise _unusable("must not lead to a private address")
    elif not is_allowed(address, own, by_http=parts.scheme == "http"):
        raise _unusable("must not lead to a private address")
    path = parts.path or "/"
    return Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def resolved(target: Target, networks: Iterable[Network]) -> list[Address]:
    """Look a target's name up now, and return the addresses to call, all of them allowed.

    Raises:
        AddressRefusedError: there is none, or any of them may not be called: a name that leads to both a public and
            a private address is up to something.
    """
    own = tuple(networks)
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefusedError("its name cannot be resolved") from None
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    if not addresses:
        raise AddressRefusedError("its name cannot be resolved")
    if not all(is_allowed(one, own, by_http=target.scheme == "http") for one in addresses):
        raise AddressRefusedError("its name leads to an address that may not be called")
    return addresses


def is_allowed(address: Address, networks: Iterable[Network], *, by_http: bool = False) -> bool:
    """Tell whether an address may be called; by plain http only those of the operator's own networks."""
    plain = _unwrapped(address)
    if any(plain.version == one.version and plain in one for one in networks):
        return True
    if by_http or not plain.is_global or plain.is_multicast or plain.is_reserved:
        return False
    return not any(plain.version == one.version and plain in one for one in _NEVER)


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one, where there is one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inside is not None:
        return inside
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _parts(url: str) -> SplitResult:
    # Blanks, controls and backslashes are read differently by different parsers: there must be no second reading.
    if not 1 <= len(url) <= URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>'):
        raise _unusable(f"must be a URL of at most {URL_LENGTH_MAX} plain characters")
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        raise _unusable("is not a URL") from None
    if not parts.hostname:
        raise _unusable("names no host")
    return parts


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check_name(host: str) -> None:
    labels = host.rstrip(".").split(".")
    # The last label of a name has a letter; without, it is an address in one of the spellings that resolvers take.
    if not all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise _unusable("names no host")
    last = labels[-1].lower()
    if last.isdecimal() or last.startswith("0x"):
        raise _unusable("must name a host, or write its address plainly")


def _unusable(why: str) -> Refused:
    return invalid(f"The webhook's URL {why}.", code="webhook_url")
