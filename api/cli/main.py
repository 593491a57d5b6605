"""`halton-cloud`: the group of operator commands.

Belongs here: which commands there are, and how a failure ends. Does not belong here: what a command does (one module
each), and anything slow to import: a command's module is loaded when the command is run.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Final

import click

from api.cli.console import verbatim_examples

_COMMANDS: Final = {
    "serve": ("api.cli.serve:serve_command", "Serve the API."),
    "up": ("api.cli.serve:up_command", "Serve the API and keep the marts fresh."),
    "refresh": ("api.cli.refresh:refresh_command", "Build and publish the marts once."),
    "workspace": ("api.cli.workspace:workspace_group", "Create, list, export and delete workspaces; set their plan."),
    "member": ("api.cli.member:member_group", "List, add and remove members; change their roles."),
    "pairing": ("api.cli.pairing:pairing_group", "List pairings; let machines in, or turn them away."),
    "device": ("api.cli.device:device_group", "List and revoke paired machines."),
    "project": ("api.cli.project:project_group", "List, name, archive projects; move requests between them."),
    "cost-centre": ("api.cli.cost_centre:cost_centre_group", "List, create and change cost centres."),
    "rate": ("api.cli.rate:rate_group", "Set, list and withdraw negotiated prices; price months again."),
    "bills": ("api.cli.bills:bills_group", "Connect providers' billing; read, list and disconnect it."),
    "month": ("api.cli.month:month_group", "Close months, open them again; prove what was said."),
    "export": ("api.cli.export:export_group", "Export marts as Parquet every day; write FOCUS 1.2."),
    "mcp": ("api.cli.mcp:mcp_command", "Answer an assistant's questions over the JSON API."),
    "report": ("api.cli.report:report_group", "Make signed PDFs; list and prove them."),
    "outbox": ("api.cli.outbox:outbox_group", "See what became of e-mails; send a doubtful one again."),
    "audit": ("api.cli.audit:audit_group", "Prove that the audit log was not changed; take it away."),
    "api-key": ("api.cli.api_key:api_key_group", "Make, list, rotate and revoke API keys."),
    "compact": ("api.cli.compact:compact_command", "Merge small landed files; delete what is no longer needed."),
    "assets": ("api.cli.assets:assets_command", "Make the script that draws charts ahead of the first visitor."),
    "verify": ("api.cli.verify:verify_command", "Recompute everything published from the landed files."),
    "backup": ("api.cli.backup:backup_command", "Copy the whole record to a folder, while everything runs."),
    "restore": ("api.cli.restore:restore_command", "Bring a backup back, or try whether it could be."),
    "demo": ("api.cli.demo:demo_command", "Run the whole way once, with simulated machines."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order they are shown."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a command and return it; None when there is no such command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above names commands only
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Show the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@verbatim_examples
def cli() -> None:
    r"""Run and look after a Halton Meter Cloud.

    Every command takes --home DIR (default: $HALTON_HOME, else ./.halton), prints one JSON object on stdout and logs to
    stderr. When it fails it says why in one line and exits with 1.

    \b
    Examples:
      halton-cloud workspace create Acme --owner vk@acme.co
      halton-cloud up --port 8080
      halton-cloud demo
    """


def main() -> None:
    """Run the command line; never shows a traceback unless HALTON_LOG_LEVEL is DEBUG."""
    try:
        cli(prog_name="halton-cloud")
    except Exception as error:  # noqa: BLE001 - the last resort: a plain line instead of a traceback
        if os.environ.get("HALTON_LOG_LEVEL", "").upper() == "DEBUG":
            traceback.print_exc()
        click.echo(f"halton-cloud: {_reason(error)}", err=True)
        sys.exit(1)


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    # It may hold a name that a machine gave: a terminal must not take it for a command.
    first = "".join(one if one.isprintable() else " " for one in lines[0][:300]) if lines else ""
    kind = type(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    if kind.__module__.partition(".")[0] in {"api", "pipelines"} or (isinstance(error, OSError) and first):
        return first
    return f"{kind.__name__}: {first}" if first else kind.__name__


if __name__ == "__main__":
    main()
