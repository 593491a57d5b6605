"""How calls went wrong, out of the words that other programs have for it.

Belongs here: from a status code or the name of an error to the classes of this project. Does not belong here: reading
providers' answers (`daemon.capture.providers`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

_STATUSES: Final = {
    401: ("auth", False),
    403: ("auth", False),
    408: ("timeout", True),
    429: ("rate_limit", True),
}
_NAMES: Final = (
    ("ratelimit", "rate_limit", True),
    ("toomany", "rate_limit", True),
    ("exhausted", "rate_limit", True),
    ("throttl", "rate_limit", True),
    ("certificate", "network", False),
    ("timeout", "timeout", True),
    ("deadline", "timeout", True),
    ("cancel", "aborted", False),
    ("abort", "aborted", False),
    ("auth", "auth", False),
    ("permission", "auth", False),
    ("connect", "network", True),
    ("unknownhost", "network", True),
    ("notfound", "bad_request", False),
    ("badrequest", "bad_request", False),
    ("invalid", "bad_request", False),
    ("overloaded", "server_error", True),
    ("unavailable", "server_error", True),
    ("internal", "server_error", True),
    ("server", "server_error", True),
)


class Failure(NamedTuple):
    """A failed call's class, status and whether trying again could help; None where that is not known."""

    error_class: str
    http_status: int | None
    retryable: bool | None


def failure_of(word: Any) -> Failure:
    """Return what `word` means: a status code, as a number or as text, or the name of an error."""
    written = str(word).strip() if isinstance(word, (str, int)) and not isinstance(word, bool) else ""
    if len(written) == 3 and written.isascii() and written.isdigit():  # noqa: PLR2004 - digits of a status
        return _of_status(int(written))
    plain = "".join(letter for letter in written.lower() if letter.isalpha())
    for part, error_class, retryable in _NAMES:
        if part in plain:
            return Failure(error_class, None, retryable)
    return Failure("unknown", None, None)


def _of_status(status: int) -> Failure:
    known = _STATUSES.get(status)
    if known is not None:
        return Failure(known[0], status, known[1])
    if 500 <= status < 600:  # noqa: PLR2004 - the range of servers' errors
        return Failure("server_error", status, retryable=True)
    if 400 <= status < 500:  # noqa: PLR2004 - the range of callers' errors
        return Failure("bad_request", status, retryable=False)
    return Failure("unknown", None, None)
