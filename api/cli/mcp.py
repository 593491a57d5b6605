"""`halton-cloud mcp`: an assistant's tools over stdin and stdout.

Belongs here: options. Does not belong here: the tools (`api.mcp_server`).
"""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from api.cli.console import verbatim_examples

KEY_VARIABLE: Final = "HALTON_API_KEY"
URL_VARIABLE: Final = "HALTON_API_URL"


@click.command("mcp")
@click.option("--workspace", metavar="SLUG", required=True, help="Slug of the workspace.")
@click.option("--url", metavar="URL", help=f"Of the server (default: ${URL_VARIABLE}, else http://127.0.0.1:8080).")
@verbatim_examples
def mcp_command(workspace: str, url: str | None) -> None:
    r"""Answer an assistant's questions about one workspace, by the Model Context Protocol on stdin and stdout.

    "What did project web cost last month?" Reads only, over the JSON API with the key in $HALTON_API_KEY
    (`halton-cloud api-key create` makes one). Needs the extra `mcp`. Assistants start it themselves, once their
    settings name it; most take them in this form:

    \b
      {"mcpServers": {"halton-meter": {
        "command": "halton-cloud",
        "args": ["mcp", "--workspace", "acme", "--url", "https://meter.example"],
        "env": {"HALTON_API_KEY": "hm_api_…"}
      }}}

    \b
    Example:
      HALTON_API_KEY=hm_api_… halton-cloud mcp --workspace acme --url https://meter.example
    """
    try:
        from api.mcp_server.server import make_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"The extra mcp is not installed ({missing.name} is missing): install halton-meter-cloud[cloud,mcp]."
        ) from missing
    from api.client import Client  # noqa: PLC0415 - slow to load

    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise click.ClickException(
            f"Put an API key of the workspace into ${KEY_VARIABLE}; halton-cloud api-key create makes one."
        )
    base_url = url or os.environ.get(URL_VARIABLE) or "http://127.0.0.1:8080"
    if sys.stdin.isatty():
        click.echo(f"Serving {workspace} of {base_url}: an assistant is expected on stdin. Ctrl-C ends it.", err=True)
    with Client(base_url, workspace, api_key=key) as client:
        make_server(client).run("stdio")
