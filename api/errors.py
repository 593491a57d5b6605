"""Refusals: the one exception a service raises to say no, and the codes it says it with.

Belongs here: `Refused` and its common forms. Does not belong here: turning it into an HTTP answer
(`api.error_answers`).

    Refused                a call is refused, with a status, a stable code and one plain sentence
    |- unauthorised(...)   401, with the reason in the code
    |- not_found(...)      404, the same for absent and for somebody else's
    |- conflict(...)       409, the present state does not allow it
    |- invalid(...)        422, the message is not what this call takes
    `- too_many(...)       429, with Retry-After

A message never repeats what the caller sent: it may hold a secret, or markup.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):  # noqa: N818 - a refusal is an outcome, not a fault
    """A call is refused.

    Attributes:
        status: HTTP status the refusal is answered with.
        code: stable, lower_snake_case.
        message: one short plain sentence.
        headers: extra response headers.
        keep: True when what the transaction wrote so far is committed all the same (a counted wrong try).
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, keep: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.keep = keep


def unauthorised(code: str, message: str) -> Refused:
    """Return a 401: the credential is missing, unknown or dead."""
    return Refused(401, code, message, headers={"WWW-Authenticate": "Bearer"})


def not_found(code: str, message: str, *, keep: bool = False) -> Refused:
    """Return a 404, the same whether the thing is absent or belongs to another workspace."""
    return Refused(404, code, message, keep=keep)


def conflict(code: str, message: str) -> Refused:
    """Return a 409: the present state does not allow it."""
    return Refused(409, code, message)


def invalid(message: str, *, code: str = "invalid_request") -> Refused:
    """Return a 422: the message has not the shape or values this call takes."""
    return Refused(422, code, message)


def too_many(retry_after_seconds: int) -> Refused:
    """Return a 429; daemons read `Retry-After` as delta seconds only."""
    return Refused(
        429,
        "rate_limited",
        "Too many requests; try again later.",
        headers={"Retry-After": str(max(1, retry_after_seconds))},
    )


def workspace_not_found() -> Refused:
    """Return the one 404 for a workspace that is absent, deleted, or not the caller's."""
    return not_found("workspace_not_found", "No such workspace.")
