"""Webhooks: signed, patient with receivers, and deaf to those who would use them to reach elsewhere."""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.alerts import addresses
from api.alerts.addresses import (
    Address,
    AddressRefusedError,
    Target,
    checked_target,
    is_allowed,
    own_networks,
    resolved,
)
from api.alerts.calls import CallFailedError, call
from api.alerts.delivering import ATTEMPTS_MAX, forget_calls
from api.billing.signatures import genuine_event_id
from api.db.models import AlertDelivery, AlertWebhook
from api.errors import Refused
from tests.api.alerts.conftest import (
    HERE,
    Desk,
    Receiver,
    drip,
    endless,
    gibberish,
    go_on_for_ever,
    hang_up,
    reached,
    status,
)
from tests.conftest import on_sqlite

PRIVATE = (
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", f"0.0.0.{0}",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.0.192", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "::127.0.0.1", "2001:db8::1", "100::1", "168.63.129.16", "fec0::1",
    "64:ff9b:1:a9fe:a9:fe00:808:808", "64:ff9b:1::808:808",
)  # fmt: skip


def answers(monkeypatch: pytest.MonkeyPatch, *given: str) -> None:
    """Let every name lead to these addresses."""

    def look_up(_host: str, port: int, **_: Any) -> list[Any]:
        return [(0, socket.SOCK_STREAM, 6, "", (one, port)) for one in given]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look_up)


@on_sqlite
def test_a_call_is_signed_as_its_receiver_checks_it(desk: Desk, receiver: Receiver) -> None:
    secret = desk.webhook(receiver.url)
    desk.tell(reached(80), desk.anomaly())
    assert desk.call() == 2
    assert secret.startswith("whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    ids = {row.id for row in desk.rows(AlertDelivery)}
    for path, headers, body in receiver.taken:
        assert path == "/hook?x=1"
        assert headers["host"] == f"127.0.0.1:{receiver.port}"
        ids.remove(genuine_event_id(headers, body, [key], desk.clock.now()))
        with pytest.raises(Refused, match="wrong or too old"):
            genuine_event_id(headers, body + b" ", [key], desk.clock.now())
    told = {one["type"]: one["data"] for one in (json.loads(body) for _, _, body in receiver.taken)}
    assert told["budget.threshold_reached"]["percent"] == 80
    assert told["budget.threshold_reached"]["spent_usd"] == "8.00000"
    assert told["spend.anomaly_found"]["expected_usd"] == "1.00000"
    assert desk.call() == 0
    assert {(row.state, row.attempts) for row in desk.rows(AlertDelivery)} == {("sent", 1)}


@on_sqlite
def test_a_call_not_taken_is_repeated_later_and_later_with_the_same_id_and_then_given_up(
    desk: Desk, receiver: Receiver
) -> None:
    desk.webhook(receiver.url)
    desk.tell(reached(80))
    receiver.moods = [status(500)] * ATTEMPTS_MAX
    for _ in range(ATTEMPTS_MAX):
        assert desk.call() == 0
        assert desk.call() == 0, "not before its time"
        desk.clock.advance(timedelta(hours=6))
    assert desk.call() == 0
    (row,) = desk.rows(AlertDelivery)
    assert (row.state, row.attempts, row.last_failure) == ("failed", ATTEMPTS_MAX, "it answered 500")
    assert len({headers["webhook-id"] for _, headers, _ in receiver.taken}) == 1
    assert len(receiver.taken) == ATTEMPTS_MAX
    desk.clock.advance(timedelta(days=31))
    forget_calls(desk.engine, desk.clock.now())
    assert desk.counts() == (1, 1, 0)


@pytest.mark.parametrize(
    ("mood", "failure"),
    [
        (status(302, Location="http://169.254.169.254/latest/meta-data/"), "it answered 302"),
        (status(307, Location="http://127.0.0.1:9/"), "it answered 307"),
        (status(404), "it answered 404"),
        (gibberish, "BadStatusLine"),
        (hang_up, "none that is HTTP"),
        (drip, "no answer in 0.4 s"),
        (go_on_for_ever, "no answer in 0.4 s"),
    ],
)
@on_sqlite
def test_hostile_answers_end_the_call_within_its_time_and_are_never_repeated(
    desk: Desk, receiver: Receiver, mood: Callable[..., None], failure: str
) -> None:
    receiver.moods = [mood]
    begun = time.monotonic()
    with pytest.raises(CallFailedError, match=failure) as failed:
        call(checked_target(receiver.url, HERE), b"{}", {}, HERE, within_seconds=0.4)
    assert time.monotonic() - begun < 5
    assert "secret of the neighbour" not in str(failed.value)
    assert len(receiver.taken) == 1, "no redirect was followed, nothing asked again"


@on_sqlite
def test_of_an_endless_answer_nothing_but_its_status_is_read(desk: Desk, receiver: Receiver) -> None:
    receiver.moods = [endless]
    begun = time.monotonic()
    assert call(checked_target(receiver.url, HERE), b"{}", {}, HERE, within_seconds=5) == 200
    assert time.monotonic() - begun < 2


@on_sqlite
def test_a_server_that_never_talks_tls_is_given_up(desk: Desk, receiver: Receiver) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = Target("https", "127.0.0.1", silent.getsockname()[1], "/")
        begun = time.monotonic()
        with pytest.raises(CallFailedError, match="no answer in"):
            call(target, b"{}", {}, HERE, within_seconds=0.4)
        assert time.monotonic() - begun < 5


def test_the_certificate_must_be_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that was set is what TLS asks for, not the address that was connected to."""
    asked: list[Any] = []

    class Watching(ssl.SSLContext):
        def wrap_socket(self, *given: Any, server_hostname: Any = None, **options: Any) -> Any:
            asked.append(server_hostname)
            raise ssl.SSLCertVerificationError("of somebody else")

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        answers(monkeypatch, "127.0.0.1")
        target = Target("https", "hooks.example", server.getsockname()[1], "/")
        with pytest.raises(CallFailedError, match="its certificate is not good for this name"):
            call(target, b"{}", {}, HERE, trust=Watching(ssl.PROTOCOL_TLS_CLIENT))
    assert asked == ["hooks.example"]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_within_is_called_whatever_leads_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_allowed(ipaddress.ip_address(address), ())
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused, match="private address"):
        checked_target(f"https://{shown}/x", ())
    answers(monkeypatch, address)
    with pytest.raises(AddressRefusedError):
        resolved(Target("https", "hooks.example", 443, "/"), ())
    answers(monkeypatch, "93.184.215.14", address)
    with pytest.raises(AddressRefusedError):
        resolved(Target("https", "hooks.example", 443, "/"), ())


def test_a_name_that_answers_otherwise_at_the_call_gains_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when the webhook was set; now it leads here."""
    answers(monkeypatch, "93.184.215.14")
    target = checked_target(f"https://hooks.example:{receiver.port}/", ())
    assert resolved(target, ()) == [ipaddress.ip_address("93.184.215.14")]
    answers(monkeypatch, "127.0.0.1")
    with pytest.raises(CallFailedError, match="may not be called") as failed:
        call(target, b"{}", {}, ())
    assert "127" not in str(failed.value)
    assert receiver.taken == []


def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def once(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        return [(0, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(looked_up) == 1 else "127.0.0.2", port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", once)
    only = own_networks({addresses.NETWORKS_VARIABLE: "127.0.0.1/32"})
    call(Target("http", "hooks.ours", receiver.port, "/"), b"{}", {}, only)
    assert looked_up == ["hooks.ours"]
    assert receiver.taken[0][1]["host"] == f"hooks.ours:{receiver.port}"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/x", "ftp://hooks.example/", "file:///etc/passwd", "gopher://hooks.example/",
        "javascript:alert(1)", "hooks.example", "", "https://", "https:///x", "https://user@hooks.example/",
        "https://user:pass@hooks.example/", "https://hooks.example/#x", "https://hooks.example:99999/",
        "https://hooks.example:port/", "https://hooks.example\\@10.0.0.1/", "https://hooks example/",
        "https://hooks.example/\r\nX: y", "https://localhost/", "https://x.localhost/", "https://printer.local/",
        "https://metadata.google.internal/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://127.1/", "https://1.2.3/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://é.example/",
        "https://" + "a" * 2_000 + ".example/", "https://a..example/", "https://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_a_url_that_could_lead_elsewhere_is_not_taken(url: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_target(url, ())
    assert (refused.value.status, refused.value.code) == (422, "webhook_url")
    assert not url or url not in refused.value.message


def test_what_a_usable_url_means() -> None:
    assert checked_target("https://hooks.example", ()) == Target("https", "hooks.example", 443, "/")
    assert checked_target("https://Hooks.Example:8443/a?b=c", ()) == Target("https", "hooks.example", 8443, "/a?b=c")
    assert checked_target("https://93.184.215.14/", ()) == Target("https", "93.184.215.14", 443, "/")
    ours = own_networks({addresses.NETWORKS_VARIABLE: "10.1.0.0/16 fd12::/16"})
    assert checked_target("http://10.1.2.3/", ours).host == "10.1.2.3"
    assert checked_target("https://printer.local/", ours).host == "printer.local"
    for elsewhere in ("http://10.2.2.3/", "https://10.2.2.3/", "http://93.184.215.14/"):
        with pytest.raises(Refused):
            checked_target(elsewhere, ours)
    with pytest.raises(addresses.NetworksError):
        own_networks({addresses.NETWORKS_VARIABLE: "10.1.0.1/16"})


@given(st.ip_addresses())
def test_only_addresses_of_the_public_internet_are_called(address: Address) -> None:
    allowed = is_allowed(address, ())
    if allowed:
        assert address.is_global
        forbidden = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast)
        assert not any(forbidden)
        assert not is_allowed(address, (), by_http=True)


@on_sqlite
def test_a_call_whose_server_was_killed_is_taken_up_again_when_its_claim_lapses(desk: Desk, receiver: Receiver) -> None:
    desk.webhook(receiver.url)
    desk.tell(reached(80))
    receiver.moods = [status(500)]
    settle = "api.alerts.delivering.Caller._settle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settle, lambda *_: None)
        desk.call()
    assert [row.state for row in desk.rows(AlertDelivery)] == ["sending"]
    assert desk.call() == 0, "somebody may still be at it"
    desk.clock.advance(timedelta(minutes=6))
    assert desk.call() == 1
    assert len({headers["webhook-id"] for _, headers, _ in receiver.taken}) == 1


@on_sqlite
def test_a_secret_opens_for_its_workspace_and_home_alone(desk: Desk, receiver: Receiver) -> None:
    desk.webhook(receiver.url)
    desk.tell(reached(80))
    (row,) = desk.rows(AlertWebhook)
    for path in desk.home.secrets.glob("alert-webhooks.key"):
        path.unlink()
    assert desk.call() == 0
    assert receiver.taken == []
    (call_of,) = desk.rows(AlertDelivery)
    assert call_of.last_failure == "its secret was sealed with another key; set the webhook again"
    assert row.sealed_secret not in repr(receiver.taken)
