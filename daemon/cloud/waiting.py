"""What waits for a cloud, and what of it stays here.

Belongs here: the question which projects' calls are kept back under some rules. Does not belong here: the rules
(`privacy`), the queue itself (`daemon.store`).
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from daemon.cloud.privacy import UploadRules
from daemon.store.store import Store

_PROJECTS: Final = "SELECT DISTINCT project FROM calls WHERE upload_state = 'pending'"
_COUNTS: Final = "SELECT project, count(*) FROM calls WHERE upload_state = 'pending' GROUP BY project ORDER BY project"


def withheld_spellings(store: Store, rules: UploadRules) -> frozenset[str]:
    """Return the projects of waiting calls that may not leave, as the store spells them, and the rules' own names."""
    with closing(store.connection_for_reading()) as connection:
        found = connection.execute(_PROJECTS).fetchall()
    return rules.excluded_projects | {row[0] for row in found if not rules.leaves(row[0])}


def withheld_counts(store: Store, rules: UploadRules) -> dict[str, int]:
    """Return how many waiting calls stay here, by project as the store spells it."""
    with closing(store.connection_for_reading()) as connection:
        found = connection.execute(_COUNTS).fetchall()
    return {project: int(rows) for project, rows in found if not rules.leaves(project)}
