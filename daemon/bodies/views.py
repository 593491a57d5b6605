r"""Text with its escapes undone, and the way back to where each character came from.

Belongs here: escapes of JSON, of addresses and of HTML, look-alike letters, invisible characters. Does not belong here:
what is looked for in the text (`secrets`), what is done about it (`redaction`).

A key in a body is rarely written as a person would write it: JSON inside of JSON makes `sk\\u002dant\\u002d...` of it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

_LEVELS_MAX: Final = 4
_ESCAPE: Final = re.compile(
    r"""\\u[0-9a-fA-F]{4} | \\x[0-9a-fA-F]{2} | \\["'\\/bfnrt] | %[0-9a-fA-F]{2}
    | &\#[0-9]{1,6}; | &\#[xX][0-9a-fA-F]{1,5}; | &quot; | &amp; | [^\x00-\x7f] | [\x00-\x08\x0e-\x1f\x7f]+""",
    re.VERBOSE,
)
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NAMED: Final = {"&quot;": '"', "&amp;": "&"}
_UNICODE_MAX: Final = 0x10FFFF


class View:
    """A reading of a text.

    Attributes:
        text: as it reads.
    """

    def __init__(self, text: str, starts: list[int], origins: list[int], end: int) -> None:
        """`starts` are places in `text` from which on places in the original run on from `origins`."""
        self.text = text
        self._starts = starts
        self._origins = origins
        self._end = end

    def origin(self, place: int) -> int:
        """Return where in the original the character at `place` begins; the original's end for the end."""
        if place >= len(self.text):
            return self._end
        at = bisect_right(self._starts, place) - 1
        return self._origins[at] + place - self._starts[at]


def views(text: str) -> Iterator[View]:
    """Yield `text` as it stands, then with one level of escapes undone after the other while that changes anything."""
    view = View(text, [0], [0], len(text))
    yield view
    for _ in range(_LEVELS_MAX):
        further = _unescaped(view)
        if further is None:
            return
        view = further
        yield view


def _unescaped(view: View) -> View | None:
    parts: list[str] = []
    starts, origins = [0], [view.origin(0)]
    length = done = 0
    for found in _ESCAPE.finditer(view.text):
        meant = _meaning(found[0])
        if meant == found[0]:
            continue
        length += found.start() - done
        parts += (view.text[done : found.start()], meant)
        if meant:
            starts.append(length)
            origins.append(view.origin(found.start()))
        length += len(meant)
        done = found.end()
        starts.append(length)
        origins.append(view.origin(done))
    if not done:
        return None
    parts.append(view.text[done:])
    return View("".join(parts), starts, origins, view.origin(len(view.text)))


def _meaning(escape: str) -> str:
    if escape[0] == "\\":
        digits = escape[2:]
        return chr(int(digits, 16)) if digits else _SHORT.get(escape[1], escape[1])
    if escape[0] == "%":
        digits = escape[1:]
        return chr(int(digits, 16))
    if escape[0] == "&":
        return _NAMED.get(escape) or _numbered(escape[2:-1])
    return "".join(map(_plain, escape))


def _numbered(digits: str) -> str:
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return chr(number) if number <= _UNICODE_MAX else ""


def _plain(character: str) -> str:
    """Return nothing for what cannot be seen, the plain letter for one that stands in for it."""
    if unicodedata.category(character) in {"Cf", "Cc", "Mn"}:
        return ""
    same = unicodedata.normalize("NFKC", character)
    return same if len(same) == 1 else character
