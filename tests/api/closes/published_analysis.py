"""A published analysis with a month's figures, as readers find it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from sqlalchemy import Engine

from pipelines.analysis.exports import finance_digests, read_finance
from pipelines.lake.analysis_catalog import AnalysisPointer
from pipelines.lake.paths import Home

COLUMNS = {
    "workspace_id": "uuid", "utc_month": "date", "provider": "varchar", "requests": "bigint",
    "unpriced_requests": "bigint", "withheld_requests": "bigint", "logged_picousd": "hugeint",
    "priced_picousd": "hugeint", "awaiting_picousd": "hugeint", "billed_picousd": "hugeint",
    "variance_picousd": "hugeint", "tax_picousd": "hugeint", "prepaid_picousd": "hugeint", "source": "varchar",
    "is_complete": "boolean", "unit_suspect": "varchar", "colour": "varchar",
}  # fmt: skip


@dataclass
class Figures:
    """What the analysis says."""

    home: Home
    engine: Engine
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    count: int = 0

    def month(self, workspace_id: str, month: date, provider: str, **figures: Any) -> None:
        """Add a row of the month mart; what is not given is 0."""
        zero = {name: 0 for name, kind in COLUMNS.items() if kind in {"bigint", "hugeint"}}
        said = {"source": "manual", "is_complete": True, "unit_suspect": None, "colour": "green"}
        names = {"workspace_id": workspace_id, "utc_month": month, "provider": provider}
        self.rows.append({**zero, **said, **names, **figures})

    def publish(self, built_at: datetime, *, max_file_seq: int = 0) -> str:
        """Publish what was added, with the bills of this moment; return the analysis' id."""
        self.count += 1
        analysis_id = f"a20260701T1000{self.count:02}-00000000"
        path = self.home.marts / f"analysis-{analysis_id}.duckdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        inputs = json.dumps({"finance": finance_digests(read_finance(self.engine))})
        self._write(path, analysis_id, built_at, max_file_seq, inputs)
        pointer = AnalysisPointer(analysis_id, "b20260701T095900-00000000", path.name, "", "")
        self.home.analysis_pointer.write_bytes(msgspec.json.encode(pointer))
        return analysis_id

    def _write(self, path: Path, analysis_id: str, built_at: datetime, max_file_seq: int, inputs: str) -> None:
        naive = built_at.astimezone(UTC).replace(tzinfo=None)
        with duckdb.connect(str(path)) as connection:
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            connection.execute(f"create table mart_reconciliation_monthly ({columns})")
            marks = ", ".join("?" for _ in COLUMNS)
            for row in self.rows:
                values = [row[name] for name in COLUMNS]
                connection.execute(f"insert into mart_reconciliation_monthly values ({marks})", values)
            connection.execute(
                "create table analysis_info as select ?::varchar as analysis_id, ?::timestamp as built_at,"
                " ?::timestamp as data_as_of, ?::bigint as max_file_seq, ?::varchar as inputs",
                [analysis_id, naive, naive, max_file_seq, inputs],
            )
