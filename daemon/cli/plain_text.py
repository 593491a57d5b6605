"""Text of strangers, made safe to print on a terminal.

Belongs here: `printable`, through which every name, path, message and answer goes before it is shown. Does not belong
here: widths and columns (`daemon.report`, rich), what is said.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_REPLACEMENT: Final = "�"
_MARKS_IN_A_ROW_MAX: Final = 4
"""Vietnamese and Hebrew stack up to three marks on a letter; a tower of fifty paints over other lines."""


def printable(text: str, *, longest: int | None = None) -> str:
    """Return `text` as one line that a terminal shows and never obeys.

    White space of any kind becomes a plain blank; escape sequences lose their escape, and every other control,
    invisible, direction-turning, unassigned or private character is shown as a replacement sign, so that two names that
    differ only in them are not mistaken for a clean one. Marks beyond four on one letter are left out, as are variation
    selectors, of whose width terminals have different opinions.

    Args:
        text: anything, from anywhere.
        longest: characters to show at most, the last one an ellipsis where more were there; None shows all.
    """
    if longest is not None and len(text) > 8 * longest:  # what cannot be shown is not looked at either
        text = text[: 8 * longest]
    shown = text if text.isascii() and text.isprintable() else _cleaned(text)
    if longest is not None and len(shown) > longest:
        return shown[: max(longest - 1, 0)] + "…"[:longest]
    return shown


def _cleaned(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for one in text:
        if "\ufe00" <= one <= "\ufe0f" or "\U000e0100" <= one <= "\U000e01ef":
            continue
        marks = marks + 1 if unicodedata.category(one) in {"Mn", "Me"} else 0
        if marks > _MARKS_IN_A_ROW_MAX:
            continue
        kept.append(_one(one))
    return "".join(kept)


def _one(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else _REPLACEMENT
