"""`halton-meter env`: the variables that lead a shell's calls to the daemon.

Belongs here: options and the order of lines. Does not belong here: the variables (`daemon.service.exports`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.state import CliState, plain_failures

if TYPE_CHECKING:
    from daemon.service.exports import Shell

_EPILOG = """\b
Examples:
  eval "$(halton-meter env)"
  halton-meter env --shell fish | source
  eval "$(halton-meter env --hook)"       # in ~/.bashrc or ~/.zshrc
"""


@click.command(epilog=_EPILOG)
@click.option("--shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]), help="[default: the one you use]")
@click.option("--gateway", is_flag=True, help="Base URLs of SDKs in place of a proxy: needs no trust in an authority.")
@click.option("--unset", is_flag=True, help="Print what puts the variables back to what they were.")
@click.option("--hook", "hooked", is_flag=True, help="Look before each prompt whether the daemon is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the variables as one JSON object.")
@click.option("--quiet", is_flag=True, help="Say nothing when the daemon is not there.")
@click.pass_obj
def env(
    state: CliState, shell: str | None, *, gateway: bool, unset: bool, hooked: bool, as_json: bool, quiet: bool
) -> None:
    """Print the variables that lead this shell's calls to the daemon; none while nobody answers on its port."""
    with plain_failures():
        from daemon.service.exports import changes, in_shell, with_variables  # noqa: PLC0415 - instant --help
        from daemon.service.hooks import hook  # noqa: PLC0415
        from daemon.service.running import lock_path  # noqa: PLC0415
        from daemon.service.surroundings import original_environment  # noqa: PLC0415

        chosen = _shell(shell)
        if hooked:
            command = [sys.executable, "-P", "-m", "daemon.cli.main", "--home", str(state.home.root.resolve())]
            lines = hook(chosen, lock=lock_path(state.home), command=command, gateway=gateway)
            click.echo(lines or "# This shell has no hook; `halton-meter run -- CMD` needs none.")
            return
        variables = {} if unset else wanted_variables(state, gateway=gateway, quiet=quiet)
        if as_json:
            click.echo(json.dumps(variables))
            return
        after = with_variables(os.environ, variables) if variables else original_environment(os.environ)
        click.echo(in_shell(chosen, changes(os.environ, after)))


def wanted_variables(state: CliState, *, gateway: bool, quiet: bool, port: int | None = None) -> dict[str, str]:
    """Return the variables to set; none, with a line on stderr saying why, while nobody would answer.

    Args:
        state: whose daemon.
        gateway: base URLs in place of a proxy.
        quiet: no such line.
        port: in place of the daemon's own.
    """
    from daemon.service.exports import gateway_variables, proxy_variables  # noqa: PLC0415 - keeps --help instant
    from daemon.service.probe import answers  # noqa: PLC0415
    from daemon.service.running import find_running  # noqa: PLC0415

    running = find_running(state.home)
    known = running.capture_port if running else None
    if known is None or not answers(known):
        if not quiet:
            why = "captures nothing: see `halton-meter status`" if running else "is not running: `halton-meter start`"
            click.echo(f"The daemon {why}. Calls go straight to their providers, unrecorded.", err=True)
        return {}
    if gateway:
        return gateway_variables(port or known)
    from daemon.capture.proxy.authority import authority_files  # noqa: PLC0415 - keeps --help instant

    files = authority_files(state.home.authority_folder.resolve())
    if not (files.bundle.is_file() and files.certificate.is_file()):
        if not quiet:
            click.echo("The proxy's authority is missing: `halton-meter restart` makes it.", err=True)
        return {}
    return proxy_variables(os.environ, port or known, bundle=files.bundle, certificate=files.certificate)


def _shell(named: str | None) -> Shell:
    match named or Path(os.environ.get("SHELL", "")).name:
        case "fish":
            return "fish"
        case "zsh":
            return "zsh"
        case "powershell":
            return "powershell"
        case "" if sys.platform == "win32":
            return "powershell"
        case _:
            return "bash"
