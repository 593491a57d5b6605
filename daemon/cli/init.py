"""`halton-meter init`: make this machine ready.

Belongs here: options, the order of steps, what to do next. Does not belong here: the text of the files
(`daemon.service.units`, `daemon.service.first_config`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.state import CliState, PlainFailure, plain_failures

if TYPE_CHECKING:
    from daemon.credentials import MeterHome
    from daemon.service.units import Unit

_EPILOG = """\b
Examples:
  halton-meter init --systemd
  halton-meter init --launchd
  halton-meter init --systemd --remove    # undo the start at login
"""


@click.command(epilog=_EPILOG)
@click.option("--systemd", "kind", flag_value="systemd", help="Start at login, by a systemd user unit.")
@click.option("--launchd", "kind", flag_value="launchd", help="Start at login, by a launchd agent.")
@click.option("--remove", is_flag=True, help="Remove the unit in place of writing it.")
@click.option("--print", "only_print", is_flag=True, help="Show the unit, write nothing.")
@click.pass_obj
def init(state: CliState, kind: str | None, *, remove: bool, only_print: bool) -> None:
    """Make the meter's folder with its identity, settings and certificate authority. Run it as often as you like."""
    with plain_failures():
        if (remove or only_print) and kind is None:
            raise click.UsageError("--remove and --print need --systemd or --launchd.")
        if kind is not None and only_print:
            click.echo(_unit(kind, state.home).content.decode(), nl=False)
            return
        if kind is not None and remove:
            _remove(_unit(kind, state.home))
            return
        _prepare(state.home)
        if kind is not None:
            _write(_unit(kind, state.home))
        _next_steps(has_unit=kind is not None)


def _prepare(home: MeterHome) -> None:
    from daemon.config import load_config  # noqa: PLC0415 - keeps --help instant
    from daemon.service.capture_ability import why_not_captured  # noqa: PLC0415
    from daemon.service.first_config import FIRST_CONFIG  # noqa: PLC0415

    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.root.chmod(0o700)
    home.fingerprint()
    _say("Identity", str(home.machine_path))
    if not home.config_path.exists():
        home.write(home.config_path, FIRST_CONFIG.encode())
    config = load_config(home)
    _say("Settings", str(home.config_path))
    why = why_not_captured(config)
    if why is not None:
        _say("Capture", why)
        return
    _say("Certificate authority", str(_authority(home)))


def _authority(home: MeterHome) -> Path:
    import platform  # noqa: PLC0415 - keeps --help instant

    from daemon.capture.proxy.authority import AuthorityError, ensure_authority  # noqa: PLC0415
    from daemon.clock import SystemClock  # noqa: PLC0415

    try:
        files = ensure_authority(home.authority_folder, SystemClock(), hostname=platform.node() or "unnamed")
    except AuthorityError as error:
        raise PlainFailure(str(error)) from error
    return files.certificate


def _unit(kind: str, home: MeterHome) -> Unit:
    from daemon.service.units import launchd_agent, systemd_unit  # noqa: PLC0415 - keeps --help instant

    root = home.root.absolute()
    command = [sys.executable, "-P", "-m", "daemon.cli.main", "--home", str(root), "start", "--foreground"]
    if kind == "systemd":
        named = os.environ.get("XDG_CONFIG_HOME")
        return systemd_unit(Path(named) if named else Path.home() / ".config", command)
    return launchd_agent(Path.home(), command, root / "daemon.stderr.log")


def _write(unit: Unit) -> None:
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    if not unit.path.exists() or unit.path.read_bytes() != unit.content:
        unit.path.write_bytes(unit.content)
    _say("Start at login", str(unit.path))
    click.echo("  Switch it on:  " + " && ".join(unit.enable))
    click.echo("  Undo it:       " + " && ".join([*unit.disable, f"rm '{unit.path}'"]))


def _remove(unit: Unit) -> None:
    if not unit.path.exists():
        _say("Start at login", f"{unit.path} was not there")
        return
    unit.path.unlink()
    _say("Start at login", f"removed {unit.path}")
    click.echo("  Tell the system:  " + " && ".join(unit.disable))


def _next_steps(*, has_unit: bool) -> None:
    click.echo("Next:")
    if not has_unit:
        click.echo("  halton-meter start")
    click.echo("  halton-meter run -- CMD             one program with its calls metered")
    click.echo('  eval "$(halton-meter env)"          the same for this shell')
    click.echo("  halton-meter cloud connect          share with a workspace; nothing leaves before")


def _say(name: str, text: str) -> None:
    click.echo(f"{click.style('●', fg='green')} {name}: {text}")
