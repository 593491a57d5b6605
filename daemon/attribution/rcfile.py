"""`.haltonrc`: a project's name in a file at the root of its folder.

Belongs here: its forms. Does not belong here: where it is looked for (`places`), how it is opened (`reading`).
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

from daemon.attribution.slugs import slug_of

RCFILE: Final = ".haltonrc"
RCFILE_MAX: Final = 16_384
"""Octets of the largest file that is read."""
_BARE: Final = re.compile(r"""(?:project\s*[:=]\s*)?["']?([^"'=:\[\]{}]+)["']?""", re.IGNORECASE)


def project_in(content: bytes) -> str | None:
    """Return the slug that a file's content names: TOML with `project = "slug"`, or just the slug; None without one."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    try:
        named = tomllib.loads(text).get("project")
    except (ValueError, RecursionError):
        return _bare(text)
    return slug_of(named) if isinstance(named, str) else None


def _bare(text: str) -> str | None:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    found = _BARE.fullmatch(first)
    return slug_of(found[1]) if found else None
