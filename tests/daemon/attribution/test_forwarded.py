"""Which connections a forwarder may name, and who is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.attribution.caller import NOBODY, Caller
from daemon.attribution.forwarded import CLIENT_HEADER, Address, as_client_header, caller_behind, named_client

HERE = "127.0.0.1"
NAMED = ((HERE, 1), (HERE, 2))
CONNECTION = ((HERE, 3), (HERE, 4))
PROGRAM, FORWARDER, OTHER = (Caller(pid=pid, found=True, user=1000) for pid in (10, 20, 30))


def test_what_a_forwarder_names_is_read_as_it_was_meant() -> None:
    value = as_client_header(((HERE, 65_535), (HERE, 1)))
    assert value is not None
    fields = [(b"Host", b"x"), (CLIENT_HEADER.lower(), value)]
    assert named_client(fields) == ((HERE, 65_535), (HERE, 1))


@pytest.mark.parametrize("ends", [((HERE, 1), ("::1", 2)), (("10.0.0.1", 1), (HERE, 2)), (("::1", 1), ("::1", 2))])
def test_connections_from_elsewhere_are_not_named(ends: tuple[Address, Address]) -> None:
    assert as_client_header(ends) is None


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"1", b"1 2 3", b"1  2", b" 1 2", b"0 2", b"01 2", b"-1 2", b"1 2\n", b"a b", b"1,2"),
        *(b"65536 2", b"1 99999", "\N{ARABIC-INDIC DIGIT ONE} 2".encode(), b"1" * 100_000 + b" 2"),
    ],
)
def test_a_header_that_makes_no_sense_names_nothing(value: bytes) -> None:
    assert named_client([(CLIENT_HEADER, value)]) is None


def test_of_two_headers_neither_counts() -> None:
    assert named_client([(CLIENT_HEADER, b"1 2"), (b"x-halton-client", b"3 4")]) is None
    assert named_client([(b"X-Halton-Clients", b"1 2")]) is None


@pytest.mark.parametrize(
    ("program", "accepted_by", "expected"),
    [
        (PROGRAM, FORWARDER, PROGRAM),
        (PROGRAM, OTHER, FORWARDER),
        (PROGRAM, NOBODY, FORWARDER),
        (NOBODY, FORWARDER, FORWARDER),
        (replace(PROGRAM, user=0), FORWARDER, FORWARDER),
    ],
)
def test_only_whoever_accepted_a_connection_of_the_same_user_speaks_for_it(
    program: Caller, accepted_by: Caller, expected: Caller
) -> None:
    held = {NAMED: program, NAMED[::-1]: accepted_by, CONNECTION: FORWARDER}
    assert caller_behind(lambda *ends: held[ends], CONNECTION, NAMED) == expected
    assert caller_behind(lambda *ends: held[ends], CONNECTION, None) == FORWARDER


def test_nobody_speaks_for_nobody() -> None:
    held = {NAMED: PROGRAM, NAMED[::-1]: NOBODY, CONNECTION: NOBODY}
    assert caller_behind(lambda *ends: held[ends], CONNECTION, NAMED) == NOBODY
