"""`halton-meter cloud …`: connect, whoami, disconnect.

Belongs here: options, texts and exit codes. Does not belong here: the steps of pairing (`daemon.cli.pairing`).
"""

from __future__ import annotations

import json
import platform
from typing import Any, Final

import click

from daemon.cli.state import CliState, PlainFailure, installed_version, not_paired, plain_failures

DEFAULT_BASE_URL: Final = "https://api.haltonmeter.com"
_LABELS: Final = {
    "workspace_name": "Workspace",
    "workspace_id": "Workspace id",
    "machine_id": "Machine id",
    "hostname": "Hostname",
    "daemon_version": "Daemon",
    "connected_at": "Connected at",
    "state": "State",
}


@click.group()
def cloud() -> None:
    """Pair this machine with a cloud workspace, check the link, undo it."""


@cloud.command(epilog="\b\nExample:\n  halton-meter cloud connect --base-url https://meter.example.com --no-browser")
@click.option(
    "--base-url",
    envvar="HALTON_METER_CLOUD_URL",
    show_envvar=True,
    help=f"Address of the cloud. [default: {DEFAULT_BASE_URL}]",
)
@click.option("--workspace", help="Slug of the workspace to preselect on the approval page.")
@click.option("--no-browser", is_flag=True, help="Print the address but do not open a browser.")
@click.option("--poll-interval-seconds", type=click.FloatRange(0.05, 60), default=2.0, show_default=True)
@click.option("--timeout-seconds", type=click.FloatRange(0.1, 86_400), default=600.0, show_default=True)
@click.option("--yes", "agreed", is_flag=True, help="Do not ask before this machine may send to the workspace.")
@click.option("--force", is_flag=True, help="Pair again even when this machine is connected.")
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
    as_json: bool,
) -> None:
    """Pair this machine: print a code, wait until someone approves it in the browser, ask before anything is sent."""
    with plain_failures():
        # Imported here, as in every command, so that --help stays instant.
        from daemon.cli.pairing import PairingRequest, pair  # noqa: PLC0415
        from daemon.cli.screens import ConnectScreen  # noqa: PLC0415
        from daemon.sync.client import CloudClient  # noqa: PLC0415

        version = installed_version()
        screen = ConnectScreen(as_json=as_json, browser=not no_browser, agreed=agreed)
        known = state.home.load()
        if known is not None and not force and _connected(known, base_url, version):
            screen.already(known)
            return
        request = PairingRequest(
            hostname=platform.node() or "unnamed",
            platform=platform.system() or "unknown",
            daemon_version=version,
            workspace=workspace,
            interval_seconds=poll_interval_seconds,
            timeout_seconds=timeout_seconds,
        )
        with CloudClient(base_url or DEFAULT_BASE_URL, daemon_version=version) as client:
            screen.asking(client.base_url)
            pair(client, state.home, request, screen)


@cloud.command(epilog="\b\nExample:\n  halton-meter cloud whoami --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_obj
def whoami(state: CliState, *, as_json: bool) -> None:
    """Show the workspace and machine this machine's token stands for."""
    with plain_failures():
        import msgspec  # noqa: PLC0415

        from daemon.sync.client import CloudClient  # noqa: PLC0415

        known = state.home.load() or not_paired()
        with CloudClient(known.endpoint, known.api_key, daemon_version=installed_version()) as client:
            answer = msgspec.structs.asdict(client.whoami())
    if as_json:
        click.echo(json.dumps(answer))
        return
    for key, value in answer.items():
        click.echo(f"● {_LABELS.get(key, key)}: {value}")


@cloud.command(epilog="\b\nExample:\n  halton-meter cloud disconnect")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_obj
def disconnect(state: CliState, *, as_json: bool) -> None:
    """Make this machine's token unusable and remove it from this machine."""
    with plain_failures():
        from daemon.sync.client import CloudClient  # noqa: PLC0415
        from daemon.sync.errors import CloudError  # noqa: PLC0415

        known = state.home.load() or not_paired()
        failure: CloudError | None = None
        with CloudClient(known.endpoint, known.api_key, daemon_version=installed_version()) as client:
            _say(f"Revoking token at {client.base_url}…", as_json=as_json)
            try:
                client.disconnect()
            except CloudError as error:
                failure = error
        # The local copy goes in any case: a person who disconnects wants this machine to stop sending.
        state.home.wipe()
    if as_json:
        click.echo(json.dumps({"disconnected": True, "revoked": failure is None}))
    if failure is not None:
        raise PlainFailure(
            f"Credentials wiped here, but the token could not be revoked ({failure.message}). "
            "Revoke this machine on the workspace's devices page."
        )
    _say("Token revoked.", as_json=as_json)
    _say("Local: credentials wiped. Disconnected.", as_json=as_json)


def _connected(known: Any, base_url: str | None, version: str) -> bool:
    """Return whether the stored token works at the cloud that was named."""
    from daemon.cli.pairing import still_connected  # noqa: PLC0415
    from daemon.sync.client import CloudClient  # noqa: PLC0415

    if base_url is not None and base_url.rstrip("/") != known.endpoint:
        raise PlainFailure(
            f"This machine is paired with {known.endpoint}. Run `halton-meter cloud disconnect` first, or use --force."
        )
    with CloudClient(known.endpoint, known.api_key, daemon_version=version) as client:
        return still_connected(client)


def _say(line: str, *, as_json: bool) -> None:
    click.echo(f"● {line}", err=as_json)
