"""The other messages: what a daemon reads from answers, and how answers look in JSON."""

from __future__ import annotations

import json

import msgspec
import pytest

from daemon.wire.batch import Quarantined, Receipt, Withheld
from daemon.wire.errors import ErrorBody, ErrorDetail
from daemon.wire.pairing import PairingPoll, PairingStart, PairingState
from daemon.wire.pricing import PricingRates


def test_a_receipt_round_trips_and_adds_up() -> None:
    receipt = Receipt(
        batch_id="b-1",
        received=5,
        accepted=3,
        duplicates=1,
        withheld=[Withheld(project="old", reason="project_archived", rows=2)],
        quarantined=[Quarantined(index=4, id=None, code="bad_instant", detail="requested_at is no instant")],
    )
    again = msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt)
    assert again == receipt
    assert again.received == again.accepted + again.duplicates + len(again.quarantined)


def test_a_pending_pairing_says_only_that() -> None:
    assert msgspec.json.encode(PairingState(status="pending")) == b'{"status":"pending"}'


def test_an_unknown_pairing_status_is_read() -> None:
    state = msgspec.json.decode(b'{"status":"awaiting_second_factor","hint":"soon"}', type=PairingState)
    assert state.status == "awaiting_second_factor"


def test_an_early_daemon_starts_pairing_without_fingerprint() -> None:
    start = msgspec.json.decode(
        b'{"hostname":"vk.local","daemon_version":"0.2.1","platform":"Darwin"}', type=PairingStart
    )
    assert start.fingerprint is None
    assert start.workspace is None


@pytest.mark.parametrize("seconds", [-1, 26])
def test_a_poll_is_held_at_most_25_seconds(seconds: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"pairing_code": "c", "poll_token": "t", "wait_seconds": seconds}, PairingPoll)


def test_errors_have_one_shape() -> None:
    body = ErrorBody(ErrorDetail(code="token_revoked", message="This machine was removed."))
    assert json.loads(msgspec.json.encode(body)) == {
        "error": {"code": "token_revoked", "message": "This machine was removed."}
    }


def test_prices_have_exactly_the_keys_that_strict_daemons_accept() -> None:
    empty = PricingRates(
        schema_version=1, bundled_rates_date="2026-07-13", rates_version=0, currency="USD", providers={}
    )
    assert list(json.loads(msgspec.json.encode(empty))) == [
        *("schema_version", "bundled_rates_date", "rates_version", "currency", "providers")
    ]
