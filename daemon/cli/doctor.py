"""`halton-meter doctor`: look at everything and say what to do.

Belongs here: options, order, colours, exit code. Does not belong here: the checks (`daemon.service.checks`).
"""

from __future__ import annotations

import json

import click

from daemon.cli.state import CliState, plain_failures

_COLOURS = {"good": "green", "note": "yellow", "bad": "red"}


@click.command(epilog="\b\nExample:\n  halton-meter doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--offline", is_flag=True, help="Do not ask the paired cloud.")
@click.pass_obj
def doctor(state: CliState, *, as_json: bool, offline: bool) -> None:
    """Check the installation and say what to do. Exit code 1 when something does not work."""
    with plain_failures():
        import msgspec  # noqa: PLC0415 - keeps --help instant

        from daemon.cli.plain_text import printable  # noqa: PLC0415
        from daemon.clock import SystemClock  # noqa: PLC0415
        from daemon.service.checks import Check, guarded, installation_checks  # noqa: PLC0415
        from daemon.service.file_checks import file_checks  # noqa: PLC0415

        home, clock = state.home, SystemClock()
        rooms = [("installation", lambda: installation_checks(home)), ("files", lambda: file_checks(home, clock))]
        if not offline:
            from daemon.service.cloud_checks import cloud_checks  # noqa: PLC0415 - only when it is asked

            rooms.append(("cloud", lambda: cloud_checks(home, clock)))
        found: list[Check] = []
        for name, look in rooms:
            for check in guarded(name, look):
                found.append(check)
                if not as_json:
                    mark = click.style("●", fg=_COLOURS[check.level])
                    click.echo(f"{mark} {check.name}: {printable(check.found, longest=400)}")
                    if check.remedy:
                        click.echo(f"    → {printable(check.remedy, longest=400)}")
        bad = sum(check.level == "bad" for check in found)
    if as_json:
        click.echo(json.dumps({"ok": not bad, "checks": msgspec.to_builtins(found)}))
    raise SystemExit(1 if bad else 0)
