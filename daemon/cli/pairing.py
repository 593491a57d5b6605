"""Pairing from the command line: ask for a code, show it, wait, keep the token.

Belongs here: the order of the steps, shared by `cloud connect` and `simulate`. Does not belong here: what is printed
(the commands' own `PairingScreen`), HTTP (`daemon.sync`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from daemon.credentials import Credentials, MeterHome
from daemon.sync.client import CloudClient
from daemon.sync.errors import CloudError, PairingEnded, TokenRejected, Unavailable
from daemon.wire.pairing import PairingStart, PairingStarted, PairingState


class PairingScreen(Protocol):
    """Shows a pairing to whoever waits for it."""

    def code(self, started: PairingStarted) -> None:
        """Show the code to approve."""
        ...

    def confirmed(self, state: PairingState) -> bool:
        """Return whether this machine's owner agrees to send to the workspace that let it in."""
        ...

    def paired(self, credentials: Credentials, state: PairingState) -> None:
        """Show what came of it: the workspace, and who approved."""
        ...


@dataclass(frozen=True)
class PairingRequest:
    """Who asks, and how long it waits.

    Attributes:
        hostname: as shown on the approval page.
        platform: as Python's `platform.system()` names it.
        workspace: slug to preselect, None to choose on the page.
        interval_seconds: pause between polls.
        timeout_seconds: longest wait for a person.
    """

    hostname: str
    platform: str
    daemon_version: str
    workspace: str | None = None
    interval_seconds: float = 2.0
    timeout_seconds: float = 600.0


def pair(
    client: CloudClient,
    home: MeterHome,
    request: PairingRequest,
    screen: PairingScreen,
    *,
    keep: Callable[[Credentials], None] | None = None,
) -> Credentials:
    """Pair this machine and store its credentials.

    Whoever approved may have let the machine into a workspace its owner never meant: nothing is stored before the owner
    has seen which one, and a token the owner does not want is made unusable.

    The first authenticated call comes after the credentials are on disk: until then the server hands the key out again.

    Args:
        client: of the cloud, without a token.
        home: where the credentials go.
        request: who asks.
        screen: shows it.
        keep: writes the pairing down; None writes the credentials alone.

    Raises:
        PairingEnded: `declined`, besides the ends that the cloud knows.
        CloudError: no pairing came about; nothing is stored.
    """
    started = client.start_pairing(
        PairingStart(
            hostname=request.hostname,
            daemon_version=request.daemon_version,
            platform=request.platform,
            fingerprint=home.fingerprint(),
            workspace=request.workspace,
        )
    )
    screen.code(started)
    state = client.poll_until_approved(
        started, interval_seconds=request.interval_seconds, timeout_seconds=request.timeout_seconds
    )
    if not screen.confirmed(state):
        # Nobody but this process knows the token: if it cannot be revoked now, it is forgotten all the same.
        with contextlib.suppress(CloudError):
            client.disconnect()
        raise PairingEnded("declined")
    credentials = Credentials(
        endpoint=client.base_url,
        api_key=state.api_key or "",
        workspace_id=state.workspace_id,
        workspace_name=state.workspace_name,
        machine_id=state.machine_id,
    )
    (keep or home.store)(credentials)
    with contextlib.suppress(Unavailable):
        client.whoami()
    screen.paired(credentials, state)
    return credentials


def still_connected(client: CloudClient) -> bool:
    """Return whether the client's token works; False when the cloud says it is dead.

    Raises:
        CloudError: the cloud cannot be asked.
    """
    try:
        client.whoami()
    except TokenRejected:
        return False
    return True
