"""Answers and messages as JSON: encoding wire structs and reading them from a request.

Belongs here: the one way a JSON body leaves or enters a route. Does not belong here: describing them (`api.openapi`),
refusals (`api.error_answers`), batch bodies (`api.ingest` reads those columnar).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from fastapi import Request, Response

from api.errors import Refused, invalid

MESSAGE_BYTES_MAX: Final = 64 * 1024
_JSON: Final = "application/json"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_Message = TypeVar("_Message", bound=msgspec.Struct)


def json_answer(message: msgspec.Struct, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the message as a JSON object."""
    return Response(msgspec.json.encode(message), status, headers=dict(headers or {}), media_type=_JSON)


def message_body(message_type: type[_Message]) -> Callable[[Request], Awaitable[_Message]]:
    """Return a FastAPI dependency that reads one small JSON message; keys it does not know are ignored.

    The dependency raises `Refused`: 413 above 64 KiB, 400 when the body is no JSON, 422 when it is another message.
    """
    decoder: msgspec.json.Decoder[_Message] = msgspec.json.Decoder(message_type)

    async def read(request: Request) -> _Message:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MESSAGE_BYTES_MAX:
                raise Refused(413, "body_too_large", "The body is larger than 64 KiB.")
        return decode_message(decoder, bytes(body))

    return read


def decode_message(decoder: msgspec.json.Decoder[_Message], body: bytes) -> _Message:
    """Return the message in `body`.

    Raises:
        Refused: 400 not JSON; 422 not this message, or text with control characters.
    """
    try:
        message = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(_plain(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "invalid_json", "The body is not valid JSON.") from None
    for name in message.__struct_fields__:
        value: Any = getattr(message, name)
        if isinstance(value, str) and _CONTROLS.search(value):
            complaint = f"The field {name} has control characters."
            raise invalid(complaint)
    return message


def _plain(error: msgspec.ValidationError) -> str:
    """Return what is wrong and where, in msgspec's words, unless they quote a value the caller sent."""
    text = str(error)
    if "unknown field" in text:  # msgspec quotes its name
        return "The message has a field it should not have."
    return text[:160] if "'" not in text and text.isprintable() else "A field has the wrong type or value."
