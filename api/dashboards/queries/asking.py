"""What sums can be asked for.

Belongs here: the words that both ways of adding up share. Does not belong here: adding up (`spend_sql` asks DuckDB,
`roll_up` memory; `spend` chooses).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from api.dashboards.filters import Filters


class By(StrEnum):
    """Columns a sum can be split by. DAY is the workspace's local day; BUCKET needs a span of 15-minute grain."""

    DAY = "local_day"
    MONTH = "local_month"
    BUCKET = "bucket_starts_at"
    PROVIDER = "provider"
    MODEL = "model"
    PROJECT = "project"
    DEVICE = "device_id"


METERED: Final = "metered"
IMPUTED: Final = "subscription_imputed"
IMPORTED: Final = "imported"
KNOWN_KINDS: Final = (METERED, IMPUTED, IMPORTED)
Key = tuple[Any, ...]
"""Values of the `By` columns: text for names and ids, `date` for DAY, aware UTC `datetime` for BUCKET."""


@dataclass(frozen=True)
class Asking:
    """Whose sums are asked for.

    Attributes:
        workspace_id: UUID text.
        time_zone: zone of its local days.
        filters: the multi-selects; the range is the span's business.
    """

    workspace_id: str
    time_zone: str
    filters: Filters


@dataclass(frozen=True)
class WithheldRows:
    """Requests that stay out of the dashboards, of one project and reason."""

    project: str
    reason: str
    requests: int
