"""Dagster's code location: `dagster dev -m pipelines.definitions` shows the graph of `$HALTON_HOME`.

Belongs here: the one name Dagster looks for. Does not belong here: anything that commands import; they build the graph
of their own home (`pipelines.assets.graph`).
"""

from __future__ import annotations

from pipelines.assets.graph import build_graph
from pipelines.lake.paths import Home

defs = build_graph(Home.locate())
