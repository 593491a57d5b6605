"""How calls go wrong at the providers, and how often.

Belongs here: error classes, statuses and the providers' own codes. Does not belong here: when calls happen (`session`).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Failure(NamedTuple):
    """One way to fail.

    Attributes:
        share: of all calls.
        error_class: as daemons classify it.
        http_status: None when no answer came.
        retryable: whether an SDK tries again.
    """

    share: float
    error_class: str
    http_status: int | None
    retryable: bool


FAILURES: Final = (
    Failure(0.0120, "rate_limit", 429, retryable=True),
    Failure(0.0040, "server_error", 503, retryable=True),
    Failure(0.0030, "bad_request", 400, retryable=False),
    Failure(0.0012, "timeout", None, retryable=True),
    Failure(0.0008, "network", None, retryable=True),
    Failure(0.0004, "auth", 401, retryable=False),
)
FAILURE_SHARE: Final = sum(failure.share for failure in FAILURES)

_CODES: Final = {
    "anthropic": ("rate_limit_error", "overloaded_error", "invalid_request_error", "authentication_error"),
    "gemini": ("RESOURCE_EXHAUSTED", "UNAVAILABLE", "INVALID_ARGUMENT", "UNAUTHENTICATED"),
}
_OPENAI_LIKE: Final = ("rate_limit_exceeded", "server_error", "context_length_exceeded", "invalid_api_key")
_CODED: Final = ("rate_limit", "server_error", "bad_request", "auth")


def failure_at(roll: float) -> Failure:
    """Return the failure that `roll`, in [0, FAILURE_SHARE), falls on."""
    at = 0.0
    for failure in FAILURES:
        at += failure.share
        if roll < at:
            return failure
    return FAILURES[-1]


def provider_code(provider: str, failure: Failure) -> str | None:
    """Return what `provider` calls the failure, None when it never answered."""
    if failure.http_status is None:
        return None
    return _CODES.get(provider, _OPENAI_LIKE)[_CODED.index(failure.error_class)]
