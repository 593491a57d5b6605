"""Where everything lives under one home folder.

Belongs here: names of folders and files, and nothing that opens them. Does not belong here: reading or writing any of
these places (landing, ledger, catalog do that).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "HALTON_HOME"
DATABASE_VARIABLE = "HALTON_DATABASE_URL"


@dataclass(frozen=True)
class Home:
    """The folder that holds one installation's data.

    Attributes:
        root: absolute path of the home folder.
    """

    root: Path

    def __post_init__(self) -> None:
        """Refuse a path that DuckDB would take for a pattern.

        Raises:
            ValueError: the path contains `*`, `?`, `[` or `]`.
        """
        if set("*?[]") & set(str(self.root)):
            raise ValueError("the home folder's path must not contain * ? [ or ]")

    @classmethod
    def locate(cls, explicit: str | Path | None = None) -> Home:
        """Return the home given explicitly, else by `$HALTON_HOME`, else `./.halton`."""
        chosen = explicit or os.environ.get(HOME_VARIABLE) or ".halton"
        return cls(Path(chosen).expanduser().absolute())

    @property
    def database_url(self) -> str:
        """URL of the app database: `$HALTON_DATABASE_URL`, else SQLite in this home."""
        return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{self.root / 'app.sqlite'}"

    @property
    def landing(self) -> Path:
        """Root of the landed Parquet files, the system of record with the ledger."""
        return self.root / "landing"

    @property
    def secrets(self) -> Path:
        """Keys of this installation; nobody but its owner reads them."""
        return self.root / "secrets"

    @property
    def mail(self) -> Path:
        """Where e-mails go while no mail server is configured."""
        return self.root / "mail"

    @property
    def page_assets(self) -> Path:
        """Files that pages load and that are made on first use; they may be deleted at any time."""
        return self.root / "page-assets"

    @property
    def workspace_exports(self) -> Path:
        """ZIP files of everything a workspace holds, a folder per workspace."""
        return self.root / "workspace-exports"

    @property
    def reports(self) -> Path:
        """Reports that were made, a folder per workspace."""
        return self.root / "reports"

    @property
    def reports_lock(self) -> Path:
        """Held by the process that makes reports: one at a time."""
        return self.root / ".reports.lock"

    @property
    def scheduled_exports(self) -> Path:
        """Where workspaces' marts are exported to every day, and how that went: a folder per workspace."""
        return self.root / "scheduled-exports"

    @property
    def metrics(self) -> Path:
        """What worker processes measured, a file per live worker."""
        return self.root / "metrics"

    @property
    def maintenance_lock(self) -> Path:
        """Held by the process that makes exports and removes deleted workspaces: one at a time."""
        return self.root / ".maintenance.lock"

    @property
    def bill_turns(self) -> Path:
        """Lock files of the connections to providers' billing that are being read, named by their ids."""
        return self.root / ".bill-turns"

    @property
    def restoring_mark(self) -> Path:
        """Lies in a home from the first file of a restore to its last step."""
        return self.root / ".restoring"

    @property
    def restoring_files(self) -> Path:
        """Where a restore's files lie until they are whole."""
        return self.root / ".restoring-files"

    @property
    def landing_workers(self) -> Path:
        """Lock files of the live API workers; a file whose lock is free belongs to a dead one."""
        return self.landing / ".workers"

    @property
    def backup_lock(self) -> Path:
        """Held shared by whoever needs landed bytes to stay where they are; deleting them takes it exclusively."""
        return self.landing / ".backup.lock"

    @property
    def empty_landing_file(self) -> Path:
        """A landing file of 0 rows that carries the schema, so that a scan always has a type."""
        return self.landing / "empty.parquet"

    def landing_folder(self, workspace_id: str, day: str) -> Path:
        """Folder of one workspace's files received on `day` (`YYYY-MM-DD`, UTC)."""
        return self.landing / workspace_id / day

    @property
    def exports(self) -> Path:
        """Control-plane data crossing into the warehouse as Parquet."""
        return self.root / "exports"

    @property
    def warehouse(self) -> Path:
        """The private database dbt builds in; may be deleted at any time and is rebuilt."""
        return self.root / "warehouse" / "warehouse.duckdb"

    @property
    def marts(self) -> Path:
        """Published snapshots, their segments and the `CURRENT` pointer."""
        return self.root / "marts"

    @property
    def current_pointer(self) -> Path:
        """JSON file naming the snapshot readers should open."""
        return self.marts / "CURRENT"

    @property
    def analysis_pointer(self) -> Path:
        """JSON file naming the analysis that readers should open."""
        return self.marts / "ANALYSIS"

    @property
    def segments(self) -> Path:
        """Immutable Parquet segments of facts, named by digest."""
        return self.marts / "segments"

    @property
    def roll_up_parts(self) -> Path:
        """Immutable Parquet parts of roll-ups, named by digest."""
        return self.marts / "roll-ups"

    @property
    def serving_spill(self) -> Path:
        """Where queries on published marts spill when memory runs short; DuckDB makes it when needed."""
        return self.marts / "spill"

    @property
    def analysis(self) -> Path:
        """What analysis builds work with: exports, a database while one runs, dbt's own files, locks."""
        return self.root / "analysis"

    @property
    def analysis_lock(self) -> Path:
        """Lock file that lets one analysis at a time be built."""
        return self.analysis / "build.lock"

    @property
    def analysed_snapshot(self) -> Path:
        """Names the snapshot that an analysis is being built of, for as long as its lock is held."""
        return self.analysis / "snapshot.lock"

    @property
    def snapshot_readers(self) -> Path:
        """Lock files of those who need a snapshot to stay: its build, `~`, and a name of their own."""
        return self.marts / ".readers"

    @property
    def dagster(self) -> Path:
        """`DAGSTER_HOME`: run history of the pipelines."""
        return self.root / "dagster"

    @property
    def dbt(self) -> Path:
        """Target and log folders of dbt."""
        return self.root / "dbt"

    @property
    def refresh_lock(self) -> Path:
        """Lock file that lets one refresh at a time touch the warehouse."""
        return self.root / "warehouse" / "refresh.lock"
