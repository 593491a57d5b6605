"""Joining a workspace: pairing, identity of the paired machine, and leaving.

Belongs here: messages of `/v1/pairing/*`, `/v1/daemon/whoami` and `/v1/daemon/disconnect`. Does not belong here: how
codes and tokens are made or kept (`api.pairing`, `api.tokens`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Text255 = Annotated[str, Meta(max_length=255)]


class PairingStart(msgspec.Struct, kw_only=True):
    """`POST /v1/pairing/start`.

    Attributes:
        fingerprint: 32 lower-case hex; left out by early releases or when none can be derived.
        workspace: slug the person named on the command line; preselects it on the approval page.
    """

    hostname: Text255
    daemon_version: Annotated[str, Meta(max_length=64)]
    platform: Annotated[str, Meta(max_length=64)]
    fingerprint: Annotated[str, Meta(max_length=128)] | None = None
    workspace: Text255 | None = None


class PairingStarted(msgspec.Struct, kw_only=True, frozen=True):
    """Answer to start: the code a person approves and the secret this daemon polls with."""

    pairing_code: str
    poll_token: str
    pairing_url: str
    expires_at: str


class PairingPoll(msgspec.Struct, kw_only=True):
    """`POST /v1/pairing/poll`.

    Attributes:
        wait_seconds: hold the answer up to this long (0 to 25) while pending.
    """

    pairing_code: Annotated[str, Meta(max_length=64)]
    poll_token: Annotated[str, Meta(max_length=128)]
    wait_seconds: Annotated[float, Meta(ge=0, le=25)] = 0.0


class PairingState(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Answer to poll. Anything but approved, denied, expired and consumed means: keep polling.

    Attributes:
        status: `pending`, `approved`, `denied`, `expired` or `consumed`.
        api_key: the device's sync token, only with `approved`.
    """

    status: str
    api_key: str | None = None
    workspace_id: str | None = None
    workspace_name: str | None = None
    machine_id: str | None = None
    approved_by: str | None = None


class WhoAmI(msgspec.Struct, kw_only=True, frozen=True):
    """`GET /v1/daemon/whoami`: what the token stands for."""

    workspace_name: str
    workspace_id: str
    machine_id: str
    hostname: str
    daemon_version: str
    connected_at: str
    state: str
