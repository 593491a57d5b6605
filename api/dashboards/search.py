"""Finding requests by an id.

Belongs here: what a search text may match, as a SQL condition with parameters. Does not belong here: the filter rail.

A text finds requests whose id or idempotency key begins with it, and the one whose provider's own request id it is.
`cost:unknown` finds those whose cost is not known: no id begins so.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Final

from api.dashboards.filters import VALUE_LENGTH_MAX, FilterError

UNKNOWN_COST: Final = "cost:unknown"
_REFUSAL: Final = f"search may have {VALUE_LENGTH_MAX} characters at most."
_UUID_LENGTH: Final = 36
_UUID_DIGITS: Final = 32
_DASHES_AT: Final = (8, 13, 18, 23)
_HEX: Final = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True)
class Search:
    """What to look for.

    Attributes:
        text: as it was sent, trimmed; not empty.
    """

    text: str

    def condition(self) -> tuple[list[str], dict[str, object]]:
        """Return the SQL condition and its parameters."""
        if self.text == UNKNOWN_COST:
            return ["cost_logged_millicents is null"], {}
        parts = [
            "starts_with(idempotency_key, $search)",
            "case when json_valid(extra_json) then extra_json ->> '$.provider_request_id' end = $search",
        ]
        parameters: dict[str, object] = {"search": self.text}
        between = id_bounds(self.text)
        if between is not None:
            parts.append("request_id between $id_low and $id_high")
            parameters["id_low"], parameters["id_high"] = between
        return [f"({' or '.join(parts)})"], parameters


def parse_search(text: str | None) -> Search | None:
    """Return the search a query string asks for; None for none.

    Raises:
        FilterError: the text is too long to be an id.
    """
    trimmed = (text or "").strip()
    if not trimmed:
        return None
    if len(trimmed) > VALUE_LENGTH_MAX:
        raise FilterError(_REFUSAL)
    return Search(trimmed)


def id_bounds(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the first and last UUID whose text begins with `text`; None when no UUID's does."""
    prefix = text.lower()
    if len(prefix) > _UUID_LENGTH:
        return None
    digits = "".join(c for at, c in enumerate(prefix) if not (at in _DASHES_AT and c == "-"))
    dashes_missing = any(at < len(prefix) and prefix[at] != "-" for at in _DASHES_AT)
    if dashes_missing or not _HEX.fullmatch(digits):
        return None
    return uuid.UUID(digits.ljust(_UUID_DIGITS, "0")), uuid.UUID(digits.ljust(_UUID_DIGITS, "f"))
