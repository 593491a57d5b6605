"""Hostile bytes on every route of a real server: never a 5xx, a short plain JSON reason, bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.ingest.columnar import read_columnar
from api.ingest.prepare import Sender, prepare
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from tests.conftest import on_sqlite
from tests.faults.hostile.attackers import Attackers
from tests.faults.hostile.campaign import hostile_campaign
from tests.faults.hostile.judge import Kind
from tests.faults.hostile.requests import routes_of
from tests.faults.paired_machine import pair_machine
from tests.installation import Installation
from tests.wire_records import BASE, batch, record, uuid_from

REQUESTS, LONG_REQUESTS = 5_000, 100_000
PEAK_ALLOWED_MIB = 768
"""Several times the largest body the server takes (64 MiB), on top of the server itself."""


@pytest.fixture
def server(home: Home, engine: Engine) -> Iterator[Installation]:
    """`halton-cloud serve` as operators run it."""
    installation = Installation(home.root)
    installation.start()
    yield installation
    installation.stop()


@pytest.mark.parametrize("body", ["null", " null", "nullnull", "\ufeffnull", 'null{"batch_id": "b", "records": []}'])
def test_a_body_that_begins_with_null_is_not_shown_to_arrow_whose_reader_would_end_the_process(body: str):
    assert read_columnar(body.encode()) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_bad_record_is_set_aside_with_its_bytes_whatever_encoding_the_body_came_in(encoding: str):
    body = batch([record(input_tokens=-1)], "b").decode().encode(encoding)
    prepared = prepare(body, Sender(uuid_from("workspace"), uuid_from("device")), BASE)
    assert [item.index for item in prepared.quarantined] == [0]
    assert b'"input_tokens": -1' in prepared.quarantined_raw[0]


@on_sqlite
def test_no_hostile_request_is_answered_with_a_server_error_or_its_own_bytes(
    server: Installation, home: Home, engine: Engine, app: FastAPI, request: pytest.FixtureRequest
):
    seed = int(request.config.getoption("--seed") or 0)
    whole = bool(request.config.getoption("--long"))
    count = LONG_REQUESTS if whole else REQUESTS
    assert server.server is not None
    clock = SystemClock()
    attackers = Attackers(engine, pair_machine(engine, clock), clock)
    port, pid = int(server.base_url.rsplit(":", 1)[1]), server.server.pid
    campaign = hostile_campaign(port, pid, attackers, routes_of(app), count=count, seed=seed, whole=whole)
    sys.stdout.write(f"seed {seed}: {campaign.describe()}\nmended {attackers.mended} times, {campaign.reached}\n")
    assert campaign.faults == [], "\n".join(campaign.faults)
    assert campaign.requests >= count
    assert {200, 204, 400, 401, 404, 405, 413, 415, 422} <= set(campaign.statuses), "attacks that reach nothing"
    for kind, sender, statuses in (
        (Kind.PAGE, "owner", {200, 303, 403, 404, 409, 413, 422}),
        (Kind.PAGE, "nobody", {200, 303, 403, 404, 422}),
        (Kind.MACHINE, "owner", {200, 201, 400, 404, 409, 413, 422}),
        (Kind.SCIM, "scim", {200, 201, 204, 400, 404, 409, 413}),
    ):
        seen = {status for one, whose, status in campaign.reached if (one, whose) == (kind, sender)}
        assert statuses <= seen, f"bodies behind the door of {kind} are not reached by {sender}: {sorted(seen)}"
    if campaign.peak_kib is not None:
        assert campaign.peak_kib >> 10 < PEAK_ALLOWED_MIB, campaign.describe()
    assert server.get("/health", "none").status_code == 200
    server.stop()
