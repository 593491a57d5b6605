"""The client against answers good, bad and strange."""

from __future__ import annotations

import gzip
import socket
from datetime import UTC, date, datetime
from typing import Any

import pytest

from daemon.simulate.history import Plan, generate
from daemon.sync.client import CloudClient
from daemon.sync.errors import ContractMismatch, Forbidden, Refused, TokenRejected, Unavailable
from daemon.sync.retry import RetryPolicy
from daemon.wire.record import Record

BATCH = "/v1/requests/batch"


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return generate(Plan(rows=25, days=2, until=datetime(2026, 11, 20, 18, tzinfo=UTC)))


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(cloud: Any, slept: list[float]) -> Any:
    retry = RetryPolicy(retries=3, cap_seconds=3.0, sleep=slept.append, jitter=lambda: 0.5)
    with CloudClient(cloud.url, "hm_sync_t", daemon_version="0.1.0", retry=retry) as client:
        yield client


def test_a_page_goes_up_as_one_authenticated_batch(client: Any, cloud: Any, records: list[Record]) -> None:
    receipt = client.upload(records)
    assert (receipt.received, receipt.accepted, receipt.duplicates) == (25, 25, 0)
    [seen] = cloud.requests(BATCH)
    assert seen.headers["authorization"] == "Bearer hm_sync_t"
    assert seen.headers["user-agent"] == "halton-meter-daemon/0.1.0"
    assert seen.headers["content-type"] == "application/json"
    assert [record["id"] for record in seen.body["records"]] == [record.id for record in records]
    assert all(len(record) == 29 for record in seen.body["records"])


def test_each_batch_has_an_id_of_its_own(client: Any, cloud: Any, records: list[Record]) -> None:
    list(client.upload_pages(records, page_rows=10))
    bodies = [seen.body for seen in cloud.requests(BATCH)]
    assert [len(body["records"]) for body in bodies] == [10, 10, 5]
    assert len({body["batch_id"] for body in bodies}) == 3


def test_a_compressed_body_says_so(cloud: Any, records: list[Record]) -> None:
    with CloudClient(cloud.url, "t", gzip_bodies=True) as client:
        assert client.upload(records).accepted == 25
    assert cloud.seen[0].headers["content-encoding"] == "gzip"


def test_an_empty_page_is_a_mistake_of_the_caller(client: Any, cloud: Any) -> None:
    with pytest.raises(ValueError, match="never empty"):
        client.upload([])
    assert cloud.seen == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_empty_2xx_acknowledges_the_page(
    client: Any, cloud: Any, kit: Any, records: list[Record], status: int
) -> None:
    cloud.script("POST", BATCH, kit.answer(status))
    assert client.upload(records).accepted == 25


def test_a_receipt_of_counts_only_acknowledges_the_page(
    client: Any, cloud: Any, kit: Any, records: list[Record]
) -> None:
    cloud.script("POST", BATCH, kit.answer(200, {"batch_id": "b", "accepted": 25, "duplicates": 0, "rejected": []}))
    assert client.upload(records).accepted == 25


def test_unknown_keys_of_a_receipt_are_ignored(client: Any, cloud: Any, kit: Any, records: list[Record]) -> None:
    receipt = {"batch_id": "b", "received": 25, "accepted": 24, "duplicates": 0, "withheld": []}
    bad = {"index": 3, "id": None, "code": "bad_instant", "detail": "no", "hint": "?"}
    cloud.script("POST", BATCH, kit.answer(200, {**receipt, "quarantined": [bad], "later": 1}))
    assert client.upload(records).quarantined[0].code == "bad_instant"


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("body", [None, b"<html>moved</html>"])
def test_a_redirect_is_never_a_success_nor_followed(
    client: Any, cloud: Any, kit: Any, records: list[Record], status: int, body: bytes | None
) -> None:
    content = None if status == 304 else body
    cloud.script("POST", BATCH, kit.answer(status, content, {"Location": f"{cloud.url}/v1/daemon/whoami"}))
    with pytest.raises(ContractMismatch) as caught:
        client.upload(records)
    assert caught.value.status == status
    assert len(cloud.seen) == 1


@pytest.mark.parametrize(
    "body", [b"<html>Welcome to the hotel</html>", b"[]", b'"ok"', b"1", b"null", b"\xff\xfe", b"{"]
)
def test_a_2xx_that_is_no_json_object_is_no_success(
    client: Any, cloud: Any, kit: Any, records: list[Record], body: bytes
) -> None:
    cloud.script("POST", BATCH, kit.answer(200, body))
    with pytest.raises(ContractMismatch):
        client.upload(records)


def test_somebody_elses_json_is_no_receipt(client: Any, cloud: Any, kit: Any, records: list[Record]) -> None:
    cloud.script("POST", BATCH, kit.answer(200, {"login": "https://portal.hotel/"}))
    with pytest.raises(ContractMismatch, match="no receipt"):
        client.upload(records)


@pytest.mark.parametrize("code", ["token_revoked", "workspace_deleted", "token_unknown"])
def test_401_says_why_and_is_not_retried(client: Any, cloud: Any, kit: Any, records: list[Record], code: str) -> None:
    cloud.script("POST", BATCH, kit.answer(401, {"error": {"code": code, "message": "Gone."}}))
    with pytest.raises(TokenRejected, match="Gone") as caught:
        client.upload(records)
    assert caught.value.code == code
    assert len(cloud.seen) == 1


def test_403_is_its_own_error(client: Any, cloud: Any, kit: Any) -> None:
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(403, b"nope"))
    with pytest.raises(Forbidden) as caught:
        client.whoami()
    assert caught.value.code == "forbidden"


@pytest.mark.parametrize("status", [400, 404, 405, 408, 409, 413, 422, 425, 431])
def test_other_4xx_are_refusals_without_retry(
    client: Any, cloud: Any, kit: Any, slept: list[float], records: list[Record], status: int
) -> None:
    cloud.script("POST", BATCH, kit.answer(status, b"<h1>no</h1>\x1b[31m" + b"x" * 5000))
    with pytest.raises(Refused) as caught:
        client.upload(records)
    assert (caught.value.status, caught.value.code) == (status, f"http_{status}")
    assert len(caught.value.message) < 300
    assert "\x1b" not in caught.value.message
    assert slept == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_5xx_is_retried_with_growing_capped_waits(
    client: Any, cloud: Any, kit: Any, slept: list[float], records: list[Record], status: int
) -> None:
    cloud.script("POST", BATCH, kit.answer(status, b"down"))
    with pytest.raises(Unavailable) as caught:
        client.upload(records)
    assert caught.value.status == status
    assert slept == pytest.approx([1.1, 2.2, 3.3])
    assert len(cloud.seen) == 4


def test_a_retry_repeats_the_same_bytes(client: Any, cloud: Any, kit: Any, records: list[Record]) -> None:
    cloud.script("POST", BATCH, kit.answer(503), kit.answer(hang_up=True), kit.receipt_for)
    assert client.upload(records).accepted == 25
    first, second, third = cloud.requests(BATCH)
    assert first.body == second.body == third.body


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ("3", [3.0]),
        ("0", [0.0]),
        ("86400", [300.0]),
        ("Wed, 21 Oct 2026 07:28:00 GMT", [1.1]),
        ("-5", [1.1]),
        ("", [1.1]),
    ],
)
def test_429_waits_as_long_as_the_cloud_asks(
    client: Any, cloud: Any, kit: Any, slept: list[float], records: list[Record], header: str, waits: list[float]
) -> None:
    cloud.script("POST", BATCH, kit.answer(429, None, {"Retry-After": header}), kit.receipt_for)
    assert client.upload(records).accepted == 25
    assert slept == pytest.approx(waits)


def test_a_broken_connection_is_retried(client: Any, cloud: Any, kit: Any, slept: list[float]) -> None:
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(hang_up=True), kit.answer(200, kit.whoami))
    assert client.whoami().workspace_name == "Acme Co"
    assert len(slept) == 1


def test_an_answer_cut_short_is_retried(client: Any, cloud: Any, kit: Any, slept: list[float]) -> None:
    cut_short = kit.answer(200, b'{"works', {"Content-Length": "200"})
    cloud.script("GET", "/v1/daemon/whoami", cut_short, kit.answer(200, kit.whoami))
    assert client.whoami().state == "ACTIVE"
    assert len(slept) == 1


def test_a_dead_address_is_unavailable_after_all_retries(slept: list[float]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        retry = RetryPolicy(retries=2, sleep=slept.append)
        with CloudClient(f"http://127.0.0.1:{port}", "t", retry=retry) as client, pytest.raises(Unavailable) as caught:
            client.whoami()
    assert caught.value.status is None
    assert len(slept) == 2


def test_without_a_token_nothing_is_sent(cloud: Any) -> None:
    with CloudClient(cloud.url) as client, pytest.raises(TokenRejected, match="not paired"):
        client.whoami()
    assert cloud.seen == []


def test_a_path_prefix_is_kept(cloud: Any, kit: Any) -> None:
    cloud.script("GET", "/meter/v1/daemon/whoami", kit.answer(200, kit.whoami))
    with CloudClient(f"{cloud.url}/meter/", "t") as client:
        assert client.whoami().hostname == "vk.local"


def test_proxy_variables_are_ignored(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with CloudClient(cloud.url, "t", retry=RetryPolicy(retries=0)) as client:
        assert client.whoami().hostname == "vk.local"


def test_disconnect_counts_a_dead_token_as_done(client: Any, cloud: Any, kit: Any) -> None:
    client.disconnect()
    cloud.script("POST", "/v1/pairing/revoke", kit.answer(401))
    client.disconnect()
    cloud.script("POST", "/v1/pairing/revoke", kit.answer(404))
    cloud.script("DELETE", "/v1/daemon/disconnect", kit.answer(401))
    client.disconnect()


def test_an_answer_without_end_is_not_read_to_its_end(client: Any, cloud: Any, kit: Any) -> None:
    bomb = gzip.compress(b" " * 40_000_000)
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(ContractMismatch, match="too long"):
        client.whoami()


def test_all_calls_together_end_in_time(cloud: Any, kit: Any) -> None:
    announced: list[tuple[str, float]] = []
    clock = iter(range(0, 1000, 5))
    retry = RetryPolicy(
        sleep=lambda _: None, jitter=lambda: 0.0, announce=lambda why, wait: announced.append((why, wait))
    )
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(503))
    with (
        CloudClient(cloud.url, "t", retry=retry, overall_seconds=30.0, monotonic=lambda: float(next(clock))) as client,
        pytest.raises(Unavailable),
    ):
        client.whoami()
    assert 1 <= len(announced) <= 3
    assert announced[0] == ("The cloud answers 503", 1.0)


def test_receipts_totals_and_prices_are_typed(client: Any, cloud: Any, kit: Any) -> None:
    account = {"batch_id": "b", "received_at": "2026-11-21T00:00:00Z", "state": "final", "build_id": "b1"}
    counts = {"received": 3, "landed": 2, "duplicate": 1, "quarantined": 0}
    cloud.script("GET", "/v1/daemon/receipts", kit.answer(200, {"receipts": [account | counts]}))
    row = {"project": None, "date": "2026-11-20", "request_count": 1, "prompt_tokens": 2, "completion_tokens": 3}
    totals = {"rows": [row | {"cost_usd_minor_units": 4}]}
    cloud.script("GET", "/v1/reconciliation/daemon-totals", kit.answer(200, totals))
    prices = {"schema_version": 1, "bundled_rates_date": "2026-07-13", "rates_version": 0, "currency": "USD"}
    cloud.script("GET", "/v1/pricing/rates", kit.answer(200, prices | {"providers": {}}))
    assert client.receipts().receipts[0].landed == 2
    assert client.daemon_totals(date(2026, 11, 1), date(2026, 11, 20)).rows[0].cost_usd_minor_units == 4
    assert client.pricing_rates().rates_version == 0
    [asked] = cloud.requests("/v1/reconciliation/daemon-totals")
    assert asked.path.endswith("?from_date=2026-11-01&to_date=2026-11-20")


def test_an_answer_of_another_shape_is_a_mismatch(client: Any, cloud: Any, kit: Any) -> None:
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(200, {"hello": "world"}))
    with pytest.raises(ContractMismatch, match="WhoAmI"):
        client.whoami()
