"""SCIM on the wire: its JSON answers and its errors.

Belongs here: media type, error bodies, reading a body. Does not belong here: resources (`resources`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from fastapi import Request, Response

from api.errors import Refused

MEDIA_TYPE: Final = "application/scim+json"
BODY_BYTES_MAX: Final = 256 * 1024
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_TYPES: Final[Mapping[str, str]] = {
    "invalid_filter": "invalidFilter",
    "invalid_path": "invalidPath",
    "invalid_value": "invalidValue",
    "invalid_syntax": "invalidSyntax",
    "invalid_json": "invalidSyntax",
    "invalid_email": "invalidValue",
    "mutability": "mutability",
    "uniqueness": "uniqueness",
}
"""The RFC's own word for some of our codes."""


def scim_answer(content: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a SCIM answer."""
    return Response(msgspec.json.encode(content), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def scim_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal as SCIM writes it; a 422 of ours is a 400 there."""
    status = 400 if status == 422 else status  # noqa: PLR2004 - the RFC knows no 422
    body: dict[str, Any] = {"schemas": [_ERROR], "status": str(status), "detail": message}
    if code in _TYPES:
        body["scimType"] = _TYPES[code]
    return scim_answer(body, status=status, headers=headers)


def bad_request(code: str, message: str) -> Refused:
    """Return a 400."""
    return Refused(400, code, message)


async def scim_body(request: Request) -> dict[str, Any]:
    """FastAPI dependency: the body as a JSON object; attributes we do not keep are the caller's own business.

    Raises:
        Refused: 400 no JSON object; 413 too large.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise Refused(413, "body_too_large", f"The body is larger than {BODY_BYTES_MAX // 1024} KiB.")
    try:
        said: Any = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise bad_request("invalid_json", "The body is not valid JSON.") from None
    if not isinstance(said, dict):
        raise bad_request("invalid_syntax", "The body is not a JSON object.")
    return cast("dict[str, Any]", said)
