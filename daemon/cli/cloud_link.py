"""`halton-meter cloud connect`, `whoami` and `disconnect`.

Belongs here: options, texts and exit codes. Does not belong here: the steps of pairing (`pairing`), the files they
write (`daemon.cloud.link`).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeVar

import click

from daemon.cli.cloud_parts import (
    BASE_URL_VARIABLE,
    DEFAULT_BASE_URL,
    client_of,
    cloud_failures,
    host_of,
    json_option,
    opened_store,
    paired,
    print_json,
    timeout_option,
)
from daemon.cli.state import CliState, PlainFailure, installed_version, not_paired

if TYPE_CHECKING:
    from daemon.cli.lines import Lines
    from daemon.cli.pairing import PairingRequest
    from daemon.cli.screens import ConnectScreen
    from daemon.credentials import Credentials, MeterHome
    from daemon.store.store import Store

T = TypeVar("T")

_TURN_SECONDS = 5.0
"""How long a change of the link waits for a page that is on its way."""
_LABELS = {"workspace_name": "Workspace", "machine_id": "Machine id", "hostname": "Hostname"}


@click.command(
    short_help="Pair this machine with a workspace.",
    epilog="\b\nExample:\n  halton-meter cloud connect --base-url https://meter.example.com --no-browser",
)
@click.option(
    "--base-url",
    help=f"Address of the cloud; kept. [default: config.toml, then ${BASE_URL_VARIABLE}, then {DEFAULT_BASE_URL}]",
)
@click.option("--workspace", help="Slug of the workspace to preselect on the approval page.")
@click.option("--no-browser", is_flag=True, help="Print the address but do not open a browser.")
@click.option("--poll-interval-seconds", type=click.FloatRange(0.05, 60), default=2.0, show_default=True)
@click.option("--timeout-seconds", type=click.FloatRange(0.1, 86_400), default=600.0, show_default=True)
@click.option("--yes", "agreed", is_flag=True, help="Do not ask before this machine may send to the workspace.")
@click.option("--force", is_flag=True, help="Pair again even when this machine is connected; ends the former token.")
@click.option("--without-daemon", is_flag=True, help="Pair although no daemon runs here: `cloud sync` sends then.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; prompts go to stderr.")
@click.pass_obj
def connect(
    state: CliState,
    base_url: str | None,
    workspace: str | None,
    poll_interval_seconds: float,
    timeout_seconds: float,
    *,
    no_browser: bool,
    agreed: bool,
    force: bool,
    without_daemon: bool,
    as_json: bool,
) -> None:
    """Pair this machine: print a code, wait until someone approves it in the browser, ask before anything is sent."""
    with cloud_failures():
        # Imported here, as in every command, so that --help stays instant.
        from daemon.cli.pairing import PairingRequest  # noqa: PLC0415
        from daemon.cli.screens import ConnectScreen  # noqa: PLC0415

        home = state.home
        if not without_daemon:
            _require_daemon(home)
        request = PairingRequest(
            hostname=platform.node() or "unnamed",
            platform=platform.system() or "unknown",
            daemon_version=installed_version(),
            workspace=workspace,
            interval_seconds=poll_interval_seconds,
            timeout_seconds=timeout_seconds,
        )
        with (
            opened_store(home) as store,
            ConnectScreen(as_json=as_json, browser=not no_browser, agreed=agreed) as screen,
        ):
            known = _former(home, store) if force else home.load()
            if known is not None and not force and _connected(known, base_url, screen.lines):
                _link_again(home, store, known, screen)
                return
            _pair(home, store, request, screen, base_url=_address(home, base_url), former=known)


def _pair(
    home: MeterHome,
    store: Store,
    request: PairingRequest,
    screen: ConnectScreen,
    *,
    base_url: str,
    former: Credentials | None,
) -> None:
    from daemon.cli.pairing import pair  # noqa: PLC0415
    from daemon.cloud.link import remember  # noqa: PLC0415
    from daemon.cloud.turn import turn  # noqa: PLC0415
    from daemon.sync.client import CloudClient  # noqa: PLC0415
    from daemon.sync.errors import CloudError  # noqa: PLC0415
    from daemon.sync.retry import RetryPolicy  # noqa: PLC0415

    def keep(credentials: Credentials) -> None:
        with turn(home, wait_seconds=_TURN_SECONDS):
            remember(home, store, credentials, hostname=request.hostname)

    with CloudClient(
        base_url,
        daemon_version=request.daemon_version,
        retry=RetryPolicy(announce=screen.lines.retrying),
        overall_seconds=request.timeout_seconds + 30.0,
    ) as client:
        screen.asking(client.base_url)
        credentials = pair(client, home, request, screen, keep=keep)
    if former is not None and former.api_key != credentials.api_key:
        with suppress(CloudError), client_of(former, screen.lines, 15.0) as client:
            client.disconnect()


def _link_again(home: MeterHome, store: Store, known: Credentials, screen: ConnectScreen) -> None:
    """Make a link whose token works whole again: a pairing that was cut short, a pause, a switch set to off."""
    from daemon.cloud.gate import read_link  # noqa: PLC0415
    from daemon.cloud.link import remember  # noqa: PLC0415
    from daemon.cloud.turn import turn  # noqa: PLC0415
    from daemon.sync.errors import PairingEnded  # noqa: PLC0415
    from daemon.wire.pairing import PairingState  # noqa: PLC0415

    whole = read_link(home) is not None and store.cloud_state().api_key_ciphertext is not None
    if not whole:
        told = PairingState(status="approved", workspace_id=known.workspace_id, workspace_name=known.workspace_name)
        if not screen.confirmed(told):
            raise PairingEnded("declined")
        with turn(home, wait_seconds=_TURN_SECONDS):
            remember(home, store, known, hostname=platform.node() or "unnamed")
    elif store.cloud_state().paused_reason is not None:
        store.set_cloud_state(paused_reason=None, last_error=None, consecutive_failures=0)
    screen.already(known)


def _former(home: MeterHome, store: Store) -> Credentials | None:
    """Return what a pairing by force replaces; None also where nothing of it can be read any more."""
    from daemon.cloud.link import known_credentials  # noqa: PLC0415
    from daemon.credentials import UnreadableStateError  # noqa: PLC0415

    try:
        return known_credentials(home, store)
    except UnreadableStateError:
        return None


def _require_daemon(home: MeterHome) -> None:
    from daemon.service.running import daemon_runs  # noqa: PLC0415

    if not daemon_runs(home):
        raise PlainFailure(
            "daemon not running: see `halton-meter status`, start it with `halton-meter start`. "
            "(To pair a machine that only imports calls, add --without-daemon.)"
        )


def _address(home: MeterHome, named: str | None) -> str:
    from daemon.config import load_config  # noqa: PLC0415

    if named is not None:  # an empty one, of a variable that is not set, is no wish for the default
        return named
    return load_config(home).cloud.base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL


def _connected(known: Credentials, base_url: str | None, lines: Lines) -> bool:
    """Return whether the stored token works at the cloud that was named."""
    from daemon.cli.pairing import still_connected  # noqa: PLC0415

    if base_url is not None and base_url.rstrip("/") != known.endpoint:
        raise PlainFailure(
            f"This machine is paired with {known.endpoint}. Run `halton-meter cloud disconnect` first, or use --force."
        )
    with client_of(known, lines, 60.0) as client:
        return still_connected(client)


@click.command(
    short_help="Ask the cloud who this machine is.", epilog="\b\nExample:\n  halton-meter cloud whoami --json"
)
@json_option
@timeout_option(60.0)
@click.pass_obj
def whoami(state: CliState, *, as_json: bool, timeout_seconds: float) -> None:
    """Ask the cloud which workspace and machine this machine's token stands for."""
    with cloud_failures():
        import msgspec  # noqa: PLC0415

        from daemon.cli.lines import Lines  # noqa: PLC0415

        known = paired(state)
        with Lines(as_json=as_json) as lines:
            with client_of(known, lines, timeout_seconds) as client:
                answer = msgspec.structs.asdict(client.whoami())
            if as_json:
                print_json(answer)
                return
            for key, label in _LABELS.items():
                lines.say(f"{label}: {answer[key]}")


@click.command(short_help="Undo the pairing.", epilog="\b\nExample:\n  halton-meter cloud disconnect")
@json_option
@timeout_option(60.0)
@click.pass_obj
def disconnect(state: CliState, *, as_json: bool, timeout_seconds: float) -> None:
    """Make this machine's token unusable and remove it from this machine; calls are recorded here as before."""
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415
        from daemon.cloud.link import forget  # noqa: PLC0415
        from daemon.cloud.turn import turn  # noqa: PLC0415

        home = state.home
        problems: list[str] = []
        with Lines(as_json=as_json) as lines, ExitStack() as stack:
            # Neither a full disk nor a damaged store keeps a token alive.
            store = _trying(problems, lambda: stack.enter_context(opened_store(home)))
            known = _to_revoke(home, store)
            # First, so that nothing more is sent whatever happens below.
            switched = _trying(problems, lambda: _switched_off(home))
            _trying(problems, lambda: stack.enter_context(turn(home, wait_seconds=_TURN_SECONDS)))
            failure = known if isinstance(known, str) else _revoked(known, lines, timeout_seconds)
            # The local copy goes in any case: a person who disconnects wants this machine to stop sending.
            _trying(problems, lambda: forget(home, store))
            if failure is None:
                lines.say("Token revoked.")
            if not problems:
                lines.say("Local: cloud.enabled = false; credentials wiped.")
    if as_json:
        print_json({"disconnected": True, "revoked": failure is None, "enabled": False if switched else None})
    if failure is not None:
        raise PlainFailure(
            f"Credentials wiped here, but the token could not be revoked ({failure}). "
            "Revoke this machine on the workspace's devices page."
        )
    if problems:
        raise PlainFailure(f"Credentials wiped, but not all of it could be undone: {'; '.join(problems)}")


def _trying(problems: list[str], step: Callable[[], T]) -> T | None:
    """Return what `step` does; where it cannot, add why to `problems`, and go on."""
    from daemon.cli.plain_text import printable  # noqa: PLC0415
    from daemon.credentials import UnreadableStateError  # noqa: PLC0415
    from daemon.store.errors import StoreError  # noqa: PLC0415

    try:
        return step()
    except (UnreadableStateError, StoreError, OSError) as error:
        problems.append(printable(str(error)))
        return None


def _switched_off(home: MeterHome) -> bool:
    from daemon.cloud.link import switch_off  # noqa: PLC0415

    switch_off(home)
    return True


def _to_revoke(home: MeterHome, store: Store | None) -> Credentials | str:
    """Return the credentials; where there are some that cannot be read, why: what is left of them goes all the same."""
    from daemon.cli.plain_text import printable  # noqa: PLC0415
    from daemon.cloud.link import known_credentials  # noqa: PLC0415
    from daemon.credentials import UnreadableStateError  # noqa: PLC0415

    try:
        return known_credentials(home, store) or not_paired()
    except UnreadableStateError as error:
        return printable(str(error))


def _revoked(known: Credentials, lines: Lines, timeout_seconds: float) -> str | None:
    """Return why the token could not be revoked, None when it was."""
    from daemon.cli.plain_text import printable  # noqa: PLC0415
    from daemon.sync.errors import CloudError  # noqa: PLC0415

    try:
        with client_of(known, lines, timeout_seconds) as client:
            lines.say(f"Revoking token at {host_of(client.base_url)}…")
            client.disconnect()
    except CloudError as error:
        return printable(error.message)
    return None
