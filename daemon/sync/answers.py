"""From bytes a server answered to a typed message or a typed error.

Belongs here: the meaning of statuses and bodies. Does not belong here: sending and retrying (`client`, `retry`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from daemon.sync.errors import ContractMismatch, Forbidden, Refused, TokenRejected
from daemon.wire.batch import Receipt
from daemon.wire.errors import ErrorBody

_SHOWN: Final = 200
_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""No cloud answers more: totals of ten years of days and projects stay far below."""
_RECEIPT_KEYS: Final = frozenset({"batch_id", "accepted"})
_FULL_RECEIPT_KEYS: Final = frozenset({"received", "accepted", "duplicates", "quarantined", "withheld"})

T = TypeVar("T")


@dataclass(frozen=True)
class Acknowledged:
    """A 2xx to a batch.

    Attributes:
        status: the HTTP status.
        receipt: as the server wrote it, or one that counts every record as accepted.
        in_full: whether the server wrote it; False for an empty body and for bare counts.
    """

    status: int
    receipt: Receipt
    in_full: bool


def bounded(parts: Iterable[bytes], status: int) -> bytes:
    """Return an answer's body, read as it comes.

    Raises:
        ContractMismatch: it does not end where any cloud's would.
    """
    read: list[bytes] = []
    size = 0
    for part in parts:
        size += len(part)
        if size > _ANSWER_BYTES:
            raise ContractMismatch("The answer is too long: check the base URL", status=status)
        read.append(part)
    return b"".join(read)


def verdict(status: int, content: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a 2xx answer, None when its body is empty.

    Raises:
        TokenRejected: 401.
        Forbidden: 403.
        Refused: another 4xx.
        ContractMismatch: 1xx or 3xx, or a 2xx body that is no JSON object.
    """
    if 400 <= status < 500:  # noqa: PLR2004 - 4xx
        _refuse(status, content)
    if not 200 <= status < 300:  # noqa: PLR2004 - 2xx
        raise ContractMismatch(f"The address answers {status}, which no cloud does: check the base URL", status=status)
    if not content.strip():
        return None
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict):
        raise ContractMismatch("The answer is no JSON object: check the base URL", status=status)
    return answer


def typed(kind: type[T], answer: dict[str, Any] | None, *, status: int) -> T:
    """Return `answer` as a message of `kind`; unknown keys are ignored.

    Raises:
        ContractMismatch: it is not such a message.
    """
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise ContractMismatch(f"The answer is no {kind.__name__}: {error}", status=status) from error


def acknowledged(answer: dict[str, Any] | None, *, status: int, batch_id: str, row_count: int) -> Acknowledged:
    """Return what a 2xx says of a batch.

    Servers of this protocol may answer with nothing, or with counts only: any of these acknowledges the whole page.

    Raises:
        ContractMismatch: a JSON object that has nothing of a receipt, so that somebody else answered.
    """
    if answer and not _RECEIPT_KEYS & answer.keys():
        raise ContractMismatch("The answer is no receipt: check the base URL", status=status)
    if answer and answer.keys() >= _FULL_RECEIPT_KEYS:
        return Acknowledged(status, typed(Receipt, answer, status=status), in_full=True)
    assumed = Receipt(
        batch_id=batch_id, received=row_count, accepted=row_count, duplicates=0, withheld=[], quarantined=[]
    )
    return Acknowledged(status, assumed, in_full=False)


def _refuse(status: int, content: bytes) -> NoReturn:
    code, message = _reason(status, content)
    if status == 401:  # noqa: PLR2004
        raise TokenRejected(message, code=code or "unauthorized", status=status)
    if status == 403:  # noqa: PLR2004
        raise Forbidden(message, code=code or "forbidden", status=status)
    raise Refused(message, code=code or f"http_{status}", status=status)


def _reason(status: int, content: bytes) -> tuple[str | None, str]:
    """Return the server's code and message; the start of the body when it is not one of our errors."""
    try:
        detail = msgspec.json.decode(content, type=ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = " ".join(content[: 4 * _SHOWN].decode("utf-8", "replace").split())
        printable = "".join(c for c in text if c.isprintable())[:_SHOWN]
        return None, f"The cloud refused ({status})" + (f": {printable}" if printable else "")
    return detail.code, f"{detail.message[:_SHOWN]} ({status} {detail.code})"
