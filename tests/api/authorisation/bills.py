"""Bills of the cast: a connection, a statement, a file that waits, a closed month, one of each workspace."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import insert
from sqlalchemy.orm import Session

from api.db.models import BillUpload, MonthClose
from pipelines.lake.bills import bill_connections, bill_lines, bill_periods

BILLS: Final = ("connection", "period", "upload")
"""What ids of paths name, and `names_of` has."""


def add_bills(session: Session, workspace_id: str, names: Mapping[str, str], at: int) -> None:
    """Add one of each thing; texts say whose they are."""
    mark = names["slug"]
    manual = str(uuid5(NAMESPACE_URL, f"{workspace_id}/manual"))
    common = {"workspace_id": workspace_id, "settings": '{"start_day": "2026-01-01"}', "created_at_us": at}
    for connection_id, kind in ((names["connection_id"], "openai_costs"), (manual, "manual")):
        row = {**common, "id": connection_id, "provider": "openai", "kind": kind, "name": mark, "created_by": mark}
        session.execute(insert(bill_connections).values(row))
    session.execute(
        insert(bill_periods).values(
            id=names["period_id"],
            workspace_id=workspace_id,
            connection_id=manual,
            first_day="2026-03-01",
            last_day="2026-03-31",
            revision=1,
            read_at_us=at,
            read_by=mark,
            is_complete=True,
            sha256="0" * 64,
            note=mark,
        )
    )
    line = {"category": "usage", "description": mark, "amount_text": "1", "amount_picousd": 10**12, "currency": "USD"}
    session.execute(insert(bill_lines).values(period_id=names["period_id"], line_number=1, **line))
    session.add(
        BillUpload(
            id=names["upload_id"],
            workspace_id=workspace_id,
            file_name=mark,
            sha256="0" * 64,
            byte_count=1,
            content=zlib.compress(b"date,amount\n2026-02-01,3\n"),
            uploaded_by=mark,
            uploaded_at_us=at,
        )
    )
    session.add(
        MonthClose(
            id=str(uuid5(NAMESPACE_URL, f"{workspace_id}/close")),
            workspace_id=workspace_id,
            month=f"{names['month']}-01",
            number=1,
            closed_at_us=at,
            closed_by=mark,
            build_id="b",
            analysis_id="a",
            max_file_seq=1,
            document="{}",
            digest="0" * 64,
            public_key="0" * 64,
            signature="0" * 128,
        )
    )
    session.flush()
