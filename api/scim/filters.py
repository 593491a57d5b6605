"""SCIM filters: the ones directories send to find a person.

Belongs here: reading `userName eq "…"`. Does not belong here: the query (`directory`). Other filters are answered
`invalidFilter`, which directories understand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from api.scim.answers import bad_request

_LENGTH_MAX: Final = 1_000
_EQUALS: Final = re.compile(
    r'\s*([A-Za-z][\w.:]*(?:\[type eq "work"\]\.value)?)\s+eq\s+("(?:[^"\\]|\\.)*")\s*', re.IGNORECASE
)
_ATTRIBUTES: Final = {
    "username": "user_name",
    "urn:ietf:params:scim:schemas:core:2.0:user:username": "user_name",
    "emails": "user_name",
    "emails.value": "user_name",
    'emails[type eq "work"].value': "user_name",
    "externalid": "external_id",
    "id": "id",
}


@dataclass(frozen=True, slots=True)
class Equals:
    """One attribute equals one text.

    Attributes:
        attribute: `user_name`, `external_id` or `id`.
    """

    attribute: str
    value: str


def read_filter(text: str | None) -> Equals | None:
    """Return what a filter asks for; None without one.

    Raises:
        Refused: 400 `invalid_filter`: it is none of the filters served here.
    """
    if text is None or not text.strip():
        return None
    match = _EQUALS.fullmatch(text) if len(text) <= _LENGTH_MAX else None
    attribute = _ATTRIBUTES.get(match[1].lower()) if match else None
    if match is None or attribute is None:
        raise bad_request("invalid_filter", 'Filters served are userName, externalId and id, with eq and "text".')
    try:
        return Equals(attribute, msgspec.json.decode(match[2], type=str))
    except msgspec.DecodeError:
        raise bad_request("invalid_filter", "The filter's text is not well-formed.") from None
