"""A restored database against what the manifest says of it.

Belongs here: the comparisons and their wording. Does not belong here: the marts and landed files themselves
(`pipelines.verify`, which `drill` runs).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, table

from api.backup.contents import physical_files, workspace_entries
from api.backup.manifest import Manifest, WorkspaceEntry


@dataclass(frozen=True)
class Comparison:
    """One figure, as the backup has it and as it was found.

    Attributes:
        what: name of the figure.
        expected: of the backup.
        found: of what was restored.
    """

    what: str
    expected: str | int
    found: str | int

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.expected == self.found

    def sentence(self) -> str:
        """Return the comparison in words."""
        return f"{self.what}: the backup has {self.expected}, found was {self.found}"


def compare_database(connection: Connection, manifest: Manifest) -> list[Comparison]:
    """Compare row counts, exact totals, chain heads and the list of landed files, at the newest schema."""
    counts = [Comparison(f"rows of {one.name}", one.rows, _count(connection, one.name)) for one in manifest.tables]
    files = physical_files(connection)
    listed = Comparison("list of landed files", len(manifest.files), len(files))
    if listed.equal and files != manifest.files:
        odd = next(one for one, other in zip(files, manifest.files, strict=True) if one != other)
        listed = Comparison("list of landed files", "another entry", f"{odd.path} {odd.sha256}")
    here = {one.id: one for one in workspace_entries(connection)}
    spaces = [line for one in manifest.workspaces for line in _compare_workspace(one, here.get(one.id))]
    return [*counts, listed, Comparison("workspaces", len(manifest.workspaces), len(here)), *spaces]


def _count(connection: Connection, name: str) -> int:
    return int(connection.execute(select(func.count()).select_from(table(name))).scalar_one())


def _compare_workspace(expected: WorkspaceEntry, found: WorkspaceEntry | None) -> list[Comparison]:
    name = f"workspace {expected.slug}"
    if found is None:
        return [Comparison(name, "present", "missing")]
    return [
        *(
            Comparison(f"{name}: {key}", value, found.totals.get(key, "nothing"))
            for key, value in expected.totals.items()
        ),
        Comparison(f"{name}: batches", expected.batch_chain_position, found.batch_chain_position),
        Comparison(f"{name}: head of batches", expected.batch_chain_head, found.batch_chain_head),
        Comparison(f"{name}: audit events", expected.audit_position, found.audit_position),
        Comparison(f"{name}: head of audit", expected.audit_head, found.audit_head),
    ]
