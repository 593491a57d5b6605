"""Where lines go: a terminal with its width and colours, or a pipe that gets plain text.

Belongs here: what the other end can show. Does not belong here: what is shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Final

from rich.console import Console
from rich.text import Text

_PIPE_WIDTH: Final = 120
"""Width of what is written to a file or a pipe, unless COLUMNS says otherwise."""
_NARROWEST: Final = 30


class Terminal:
    """Stdout.

    Attributes:
        console: rich's, without its own guesses at what text means. Honours NO_COLOR.
        width: cells that a line may have.
        blocks: whether block characters can be written.
    """

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a name that the encoding lacks is no reason to stop
        is_terminal = sys.stdout.isatty()
        chosen = os.environ.get("COLUMNS", "")
        width = None if is_terminal or chosen.isdecimal() else _PIPE_WIDTH
        # FORCE_COLOR is left to rich, who asked for it gets it.
        self.console = Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.width = max(self.console.width, _NARROWEST)
        self.blocks = (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")

    def print(self, lines: Iterable[Text]) -> None:
        """Print lines that fit."""
        for line in lines:
            shown = line if self.blocks else _without_lines(line)
            self.console.print(shown, no_wrap=True, overflow="ignore", crop=False)


def _without_lines(line: Text) -> Text:
    """Return a line whose rules and ellipses are ones that every encoding has."""
    plain = line.copy()
    plain.plain = line.plain.replace("─", "-").replace("…", "~")
    return plain
