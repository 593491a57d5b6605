"""Refusals: the one shape of every error body.

Belongs here: the error message and the codes daemons act on. Does not belong here: exceptions of a server or client.
"""

from __future__ import annotations

import msgspec

TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - an error code
TOKEN_REVOKED = "token_revoked"  # noqa: S105 - an error code
WORKSPACE_DELETED = "workspace_deleted"


class ErrorDetail(msgspec.Struct, frozen=True):
    """Why a call was refused.

    Attributes:
        code: stable, lower_snake_case.
        message: one short plain sentence; daemons show its first 200 characters.
    """

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """`{"error": {"code", "message"}}`."""

    error: ErrorDetail
