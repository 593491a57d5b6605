"""The derived state of a device, rule by rule, and the banner over several."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.db.models import Device
from api.devices import DeviceState, SyncBanner, device_state, sync_banner
from pipelines.lake.clock import to_micros
from tests.conftest import NOON


def ago(**span: float) -> int:
    return to_micros(NOON - timedelta(**span))


SEEN = {"last_seen_at_us": ago(seconds=10)}
REVOKED = {"revoked_reason": "revoked", "revoked_at_us": ago(days=1)}


def page(rows: int, lag: timedelta) -> dict[str, Any]:
    """A device whose newest batch arrived ten seconds ago."""
    arrived = ago(seconds=10)
    newest = arrived - lag // timedelta(microseconds=1)
    return {
        **SEEN,
        "last_batch_at_us": arrived,
        "last_batch_row_count": rows,
        "last_batch_newest_recorded_at_us": newest,
    }


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "NOT-CONFIGURED"),
        (SEEN, "ACTIVE"),
        (REVOKED, "PAUSED"),
        ({**SEEN, **REVOKED}, "PAUSED"),
        ({**SEEN, "revoked_reason": "disconnected", "revoked_at_us": ago(days=1)}, "NOT-CONFIGURED"),
        (
            {**SEEN, "revoked_reason": "disconnected", "revoked_at_us": ago(days=1), "last_rejected_at_us": ago()},
            "NOT-CONFIGURED",
        ),
        ({**SEEN, "last_rejected_at_us": ago(seconds=9)}, "PAUSED"),
        ({"last_rejected_at_us": ago(seconds=9)}, "PAUSED"),
        ({**SEEN, "last_rejected_at_us": ago(seconds=11)}, "ACTIVE"),
        ({"last_seen_at_us": ago(hours=72)}, "ACTIVE"),
        ({"last_seen_at_us": ago(hours=72, seconds=1)}, "DEGRADED"),
        (page(500, timedelta(minutes=15)), "ACTIVE"),
        (page(500, timedelta(minutes=15, microseconds=1)), "DEGRADED"),
        (page(499, timedelta(days=30)), "ACTIVE"),
        (page(100_000, timedelta(days=30)), "DEGRADED"),
        (page(500, timedelta(days=-1)), "ACTIVE"),
        ({**page(500, timedelta(days=1)), "last_batch_newest_recorded_at_us": None}, "ACTIVE"),
        ({**page(500, timedelta(days=1)), **REVOKED}, "PAUSED"),
    ],
)
def test_the_state_follows_from_what_the_server_saw(facts: dict[str, Any], state: str) -> None:
    assert device_state(Device(**facts), NOON) == state


ACTIVE = Device(**SEEN)
DEGRADED = Device(last_seen_at_us=ago(days=4))
PAUSED = Device(**REVOKED)
LONG_REVOKED = Device(revoked_reason="revoked", revoked_at_us=ago(days=7, seconds=1))
NEVER_CALLED = Device()


@pytest.mark.parametrize(
    ("devices", "banner"),
    [
        ([], "green"),
        ([ACTIVE], "green"),
        ([ACTIVE, NEVER_CALLED], "green"),
        ([ACTIVE, DEGRADED], "amber"),
        ([ACTIVE, DEGRADED, PAUSED], "red"),
        ([PAUSED], "red"),
        ([Device(revoked_reason="revoked", revoked_at_us=ago(days=7))], "red"),
        ([ACTIVE, LONG_REVOKED], "green"),
        ([DEGRADED, LONG_REVOKED], "amber"),
    ],
)
def test_the_banner_shows_the_worst_device(devices: list[Device], banner: str) -> None:
    assert sync_banner(devices, NOON) is SyncBanner(banner)


def test_the_words_are_the_products() -> None:
    assert set(DeviceState) == {"ACTIVE", "DEGRADED", "PAUSED", "NOT-CONFIGURED"}
