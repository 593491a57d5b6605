"""Where a person goes after signing in: only ever to a page of this server.

Belongs here: reading `next`. Does not belong here: redirecting (`api.pages`).
"""

from __future__ import annotations

import re
from typing import Final

HOME: Final = "/"
INVITATIONS: Final = "/invitations/"
_LENGTH_MAX: Final = 2_000
# Visible ASCII only, and no backslash: browsers read it as a slash, and drop tabs and line ends.
_OWN_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_SIGN_IN: Final = re.compile(r"/(signin|signout|signup)(?![^/?#])")


def own_path(text: str) -> str:
    """Return `text` when it is a path of this server that one may be led to, else `/`."""
    if len(text) > _LENGTH_MAX or not _OWN_PATH.fullmatch(text) or _SIGN_IN.match(text):
        return HOME
    return text
