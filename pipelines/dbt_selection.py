"""Which dbt nodes an incremental build has to run: those downstream of what changed.

Belongs here: walking the manifest. Does not belong here: finding out what changed
(`pipelines.build_inputs`), and running anything (`pipelines.dbt_runner`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

LANDED_REQUESTS: Final = "landing.requests"
"""The source of new rows, as `source.table`."""


def changed_sources(exports: Iterable[str], *, rows_landed: bool) -> set[str]:
    """Return the dbt sources behind changed exports and, when rows landed, the landed files."""
    return {f"exports.{name}" for name in exports} | ({LANDED_REQUESTS} if rows_landed else set())


def affected_nodes(manifest: Mapping[str, Any], sources: Iterable[str]) -> list[str]:
    """Return the names of models and tests downstream of sources.

    Views are left out, though not what depends on them: they hold no rows, and their text changes only with the
    project, which means a full build.

    Args:
        manifest: as dbt writes it.
        sources: `source.table` names.

    Returns:
        Names to select, sorted.
    """
    wanted = set(sources)
    roots = [key for key, node in manifest["sources"].items() if f"{node['source_name']}.{node['name']}" in wanted]
    children: Mapping[str, list[str]] = manifest["child_map"]
    seen, queue = set(roots), deque(roots)
    while queue:
        for child in children.get(queue.popleft(), ()):
            if child not in seen:
                seen.add(child)
                queue.append(child)
    nodes: Mapping[str, Any] = manifest["nodes"]
    return sorted(nodes[key]["name"] for key in seen if key in nodes and _holds_something(nodes[key]))


def _holds_something(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "test" or node["config"]["materialized"] not in ("view", "ephemeral")
