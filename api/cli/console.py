"""What all commands share: the home option and the one JSON object they print.

Belongs here: light things only, click and json. Does not belong here: opening the database (`api.cli.database`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def verbatim_examples(command: _Decorated) -> _Decorated:
    r"""Let the help keep the line ends of paragraphs that begin with `\b`, a character no raw docstring can hold."""
    command.__doc__ = (command.__doc__ or "").replace("\\b\n", "\b\n")
    return command


def home_option(command: _Decorated) -> _Decorated:
    """Give a command `--home DIR`."""
    return click.option(
        "--home",
        "home_folder",
        metavar="DIR",
        type=click.Path(file_okay=False),
        default=None,
        help="Where the data lives (default: $HALTON_HOME, else ./.halton).",
    )(verbatim_examples(command))


def workspace_option(command: _Decorated) -> _Decorated:
    """Give a command `--workspace SLUG`."""
    return click.option("--workspace", "workspace_slug", metavar="SLUG", required=True, help="Slug of the workspace.")(
        command
    )


def print_answer(answer: Mapping[str, Any]) -> None:
    """Print the command's one JSON object on stdout, at once."""
    click.echo(json.dumps(answer))
