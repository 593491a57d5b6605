"""What a report says, as the one JSON text it has.

Belongs here: the canonical form, its digest, and its format's name. Does not belong here: content (`figures`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

FORMAT: Final = "halton-report-1"
FIGURES_NAME: Final = "figures.json"
"""Name of the document inside the PDF."""
REQUESTS_NAME: Final = "requests.csv"


def canonical(content: Mapping[str, Any]) -> str:
    """Return the one JSON text of a content: keys sorted, no blanks, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
