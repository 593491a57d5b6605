"""What a pairing or a simulation shows: lines for people, or one JSON event per line for programs.

Belongs here: texts and event shapes. Does not belong here: options and the order of steps (`cloud`, `simulate`).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Self

import click

from daemon.cli.cloud_parts import host_of
from daemon.cli.lines import Lines
from daemon.cli.plain_text import printable
from daemon.credentials import Credentials
from daemon.wire.pairing import PairingStarted, PairingState


class ConnectScreen:
    """The screen of `cloud connect`: lines that start with a dot, or one JSON object at the end.

    Use as a context manager, which ends the spinner.

    Attributes:
        lines: where everything is said.
    """

    def __init__(self, *, as_json: bool, browser: bool, agreed: bool) -> None:
        """With `as_json`, stdout carries one object and prompts go to stderr; with `agreed`, nothing is asked."""
        self.lines = Lines(as_json=as_json)
        self._as_json = as_json
        self._agreed = agreed
        self._browser = browser and not as_json and sys.stdout.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lines.rest()

    def asking(self, base_url: str) -> None:
        """Say whom this machine asks, and that it will have to be answered."""
        if not self._agreed and not sys.stdin.isatty():
            self.lines.say(
                "This is no terminal: answer the question at the end by a pipe, or agree beforehand with --yes."
            )
        self.lines.wait_for(f"Requesting pairing code from {host_of(base_url)}…")

    def code(self, started: PairingStarted) -> None:
        """Show the code and where to approve it; open a browser when a person sits at a graphical screen."""
        self.lines.say(f"Pairing code: {started.pairing_code}")
        self.lines.say(f"Approve at: {started.pairing_url}")
        if self._browser and _has_display() and started.pairing_url.startswith(("https://", "http://")):
            import webbrowser  # noqa: PLC0415 - only when one is wanted

            webbrowser.open(started.pairing_url)
        self.lines.say(f"Or an operator runs: {_operator_command(started)}")
        self.lines.wait_for("Waiting for approval… (Ctrl-C to cancel)")

    def confirmed(self, state: PairingState) -> bool:
        """Ask whether usage may go to the workspace that let this machine in."""
        if self._agreed:
            return True
        workspace = state.workspace_name or state.workspace_id or "(unnamed)"
        self.lines.say(f"Workspace: {workspace}")
        self.lines.say(f"Approved by: {state.approved_by or '(not said)'}")
        try:
            return click.confirm("● Send this machine's usage there?", default=True, err=self._as_json)
        except click.Abort:
            click.echo(err=self._as_json)
            self.lines.say("Nobody answered. Where nobody can, `--yes` agrees beforehand.")
            return False

    def paired(self, credentials: Credentials, state: PairingState) -> None:
        """Say that it is done, with whatever was not shown yet."""
        if self._agreed or self._as_json:
            self._end(credentials, state.approved_by, already_connected=False)
            return
        self.lines.say(f"Connected. Machine id: {credentials.machine_id or '(none)'}")

    def already(self, credentials: Credentials) -> None:
        """Say that there is nothing to do."""
        self.lines.say("Already connected (use --force to pair again).")
        self._end(credentials, None, already_connected=True)

    def _end(self, credentials: Credentials, approved_by: str | None, *, already_connected: bool) -> None:
        if self._as_json:
            self.lines.rest()
            answer = _identity(credentials) | {"approved_by": approved_by, "already_connected": already_connected}
            click.echo(json.dumps(answer))
            return
        self.lines.say(f"Workspace: {credentials.workspace_name or credentials.workspace_id or '(unnamed)'}")
        if approved_by:
            self.lines.say(f"Approved by: {approved_by}")
        self.lines.say(f"Machine id: {credentials.machine_id or '(none)'}")


class EventScreen:
    """The screen of `simulate`: JSON events on stdout, or plain lines on stderr."""

    def __init__(self, *, json_lines: bool) -> None:
        """With `json_lines`, every event is one flushed line of JSON on stdout."""
        self._json_lines = json_lines
        self._counting = False

    def code(self, started: PairingStarted) -> None:
        """Show the code to approve."""
        self.event("pairing", pairing_code=started.pairing_code, pairing_url=started.pairing_url)
        self._person(f"Pairing code: {started.pairing_code}   Approve with: {_operator_command(started)}")

    def confirmed(self, state: PairingState) -> bool:
        """Agree: what a simulated laptop sends is made up."""
        return bool(state)

    def paired(self, credentials: Credentials, state: PairingState) -> None:
        """Show the workspace and who approved."""
        self.event("paired", **_identity(credentials), approved_by=state.approved_by, already_connected=False)
        approver = f", approved by {state.approved_by}" if state.approved_by else ""
        self._person(f"Paired with {credentials.workspace_name or credentials.workspace_id}{approver}")

    def already(self, credentials: Credentials) -> None:
        """Say that stored credentials are used."""
        self.event("paired", **_identity(credentials), approved_by=None, already_connected=True)
        self._person(f"Using the credentials for {credentials.workspace_name or credentials.workspace_id}")

    def progress(self, rows_total: int, counts: dict[str, Any]) -> None:
        """Show how far the upload is."""
        self.event("progress", rows_sent=counts["rows"], rows_total=rows_total, **_without(counts, "rows"))
        if not self._json_lines:
            click.echo(f"\r{counts['rows']:>9,} of {rows_total:,} rows sent", err=True, nl=False)
            self._counting = True

    def done(self, summary: dict[str, Any]) -> None:
        """Show the end of a complete upload."""
        self.event("done", **summary)
        if not self._json_lines:
            self._person("")
            click.echo(json.dumps(summary))

    def failed(self, message: str) -> None:
        """Show why the upload stopped."""
        self.event("failed", error=message)
        if self._counting:
            self._person("")

    def event(self, name: str, **values: Any) -> None:
        """Print one event, when events are wanted."""
        if self._json_lines:
            sys.stdout.write(json.dumps({"event": name, **values}) + "\n")
            sys.stdout.flush()

    def _person(self, line: str) -> None:
        if not self._json_lines:
            click.echo(printable(line), err=True)


def _identity(credentials: Credentials) -> dict[str, Any]:
    """Return what may be shown of credentials: never the key."""
    return {
        "endpoint": credentials.endpoint,
        "workspace_id": credentials.workspace_id,
        "workspace_name": credentials.workspace_name,
        "machine_id": credentials.machine_id,
    }


def _without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def _has_display() -> bool:
    """Return whether a browser would open in a window rather than in this terminal."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _operator_command(started: PairingStarted) -> str:
    return f"halton-cloud pairing approve {started.pairing_code} --workspace SLUG"
