"""Why calls fail: from statuses and the providers' own words to one class of error.

Belongs here: both tables, and where errors stand in bodies. Does not belong here: calls that were cut off (`verdict`).
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.fields import items, mapping, name
from daemon.capture.providers.reading import Failure

_CLASSES: Final = {
    "rate_limit": (
        "rate_limit_error rate_limit_exceeded resource_exhausted insufficient_quota tokens requests too_many_requests"
    ),
    "auth": (
        "authentication_error permission_error invalid_api_key unauthenticated permission_denied api_key_invalid "
        "invalid_authentication"
    ),
    "timeout": "timeout_error deadline_exceeded request_timeout",
    "server_error": "api_error overloaded_error server_error internal_error internal unavailable unknown data_loss",
    "bad_request": (
        "invalid_request_error not_found_error request_too_large billing_error invalid_argument not_found "
        "failed_precondition out_of_range unimplemented context_length_exceeded invalid_prompt content_policy_violation"
    ),
    "aborted": "cancelled",
}
_CLASS_OF_WORD: Final = {word: kind for kind, words in _CLASSES.items() for word in words.split()}
_RETRYABLE: Final = frozenset({"rate_limit", "server_error", "timeout", "network"})
_HOPELESS: Final = frozenset({"insufficient_quota", "unimplemented"})
"""Words for what another try will not change, whatever its class says."""
_CLASS_OF_STATUS: Final = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limit", 504: "timeout"}
_RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
_SERVER: Final = 500
_CLIENT: Final = 400


def failure_of_word(word: str | None = None, other: str | None = None) -> Failure:
    """Return what failed by the provider's words alone, as when a stream breaks off with an error.

    Args:
        word: the more precise one, which is kept.
        other: looked at when the first is not known.
    """
    known = (_CLASS_OF_WORD.get(said.lower()) for said in (word, other) if said)
    kind = next((found for found in known if found), "server_error")
    return Failure(kind, word or other, kind in _RETRYABLE and (word or "").lower() not in _HOPELESS)


def failure_of_error(body: Any) -> Failure:
    """Return what failed by a body with an error in it that came with a good status."""
    return failure_of_word(*error_words(body)[:2])


def failure_of_status(status: int, body: Any, should_retry: str | None) -> Failure:
    """Return what failed by the answer's status, and its body for the provider's word.

    Args:
        status: of HTTP, 300 or more.
        body: decoded; anything.
        should_retry: the header by which Anthropic and OpenAI overrule what clients would do.
    """
    words = error_words(body)
    word = words[0] if words else None
    if status >= _SERVER:
        kind = _CLASS_OF_STATUS.get(status, "server_error")
    elif status >= _CLIENT:
        kind = _CLASS_OF_STATUS.get(status, "bad_request")
        if kind == "bad_request" and any(_CLASS_OF_WORD.get(said.lower()) == "auth" for said in words):
            kind = "auth"
    else:
        kind = "unknown"
    again = status >= _SERVER or status in _RETRYABLE_STATUSES
    if word is not None and word.lower() in _HOPELESS:
        again = False
    if should_retry in ("true", "false"):
        again = should_retry == "true"
    return Failure(kind, word, again)


def error_words(body: Any) -> list[str]:
    """Return the words for an error in a body, the one to keep first.

    `{"error": {"code", "type" or "status", "details": [{"reason"}]}}` of most, the same in an array of Gemini, and
    `{"code", "error": "sentence"}` of xAI.
    """
    if isinstance(body, list):
        body = body[0] if body else None
    outer = mapping(body)
    error = outer.get("error")
    if isinstance(error, str):
        return [word for word in (name(outer.get("code")),) if word]
    inner = mapping(error)
    reasons = [mapping(detail).get("reason") for detail in items(inner.get("details"))[:8]]
    said = [inner.get("code"), inner.get("status"), inner.get("type"), *reasons]
    return [word for word in (name(value) for value in said) if word]
