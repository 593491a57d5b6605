"""Names of the assets that are not dbt's.

Belongs here: asset keys, so that both ends of an arrow spell them the same. Does not belong here: definitions.
"""

from __future__ import annotations

from typing import Final

from dagster import AssetKey

from pipelines.analysis.exports import FINANCE_EXPORTS
from pipelines.control_plane import EXPORT_NAMES

LEDGER: Final = AssetKey(["landing", "ledger"])
LANDED_REQUESTS: Final = AssetKey(["landing", "requests"])
COMPACTED_FILES: Final = AssetKey(["landing", "compacted_files"])
CONTROL_PLANE: Final = AssetKey(["app", "control_plane"])
PROVIDER_BILLS: Final = AssetKey(["bills", "provider_bills"])
SNAPSHOT: Final = AssetKey(["marts", "published_snapshot"])
PUBLISHED_ANALYSIS: Final = AssetKey(["analysis", "published_analysis"])
SCHEDULED_EXPORTS: Final = AssetKey(["exports_out", "scheduled_exports"])

DERIVED_EXPORTS: Final = ("local_days", "rate_book", "model_aliases")
"""Exports that are computed rather than read from the app database."""


def export_key(name: str) -> AssetKey:
    """Return the key of an export; it is also that of the dbt source that reads it."""
    return AssetKey(["exports", name])


EXPORTS: Final = tuple(export_key(name) for name in (*EXPORT_NAMES, *DERIVED_EXPORTS))

FINANCE_KEYS: Final = tuple(AssetKey(["finance", one.name]) for one in FINANCE_EXPORTS)
"""What an analysis takes from the app database; also the keys of the dbt sources that read it."""
