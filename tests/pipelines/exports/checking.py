"""Exports made and read in tests: where to, and whether all that a manifest says holds."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.exports.run import MANIFEST
from pipelines.exports.settings import ScheduledExport
from tests.api.dashboards.facts import ZONES, workspace_id

OURS, THEIRS = (workspace_id(slug) for slug in list(ZONES)[:2])
KEYS = {"access_key_id": "testing", "secret_access_key": "never shown"}


def to_folder(folder: Path, whose: str = OURS, **changes: Any) -> ScheduledExport:
    return ScheduledExport(workspace_id=whose, url=f"file://{folder}", **changes)


def reading(folder: Path, whose: str = OURS) -> Callable[[str], bytes]:
    return lambda name: (folder / whose / name).read_bytes()


def checked(read: Callable[[str], bytes]) -> dict[str, Any]:
    """Return a manifest after reading every file it names; all digests, sizes and counts must hold."""
    manifest = json.loads(read(MANIFEST))
    rows: dict[str, int] = {}
    for file in manifest["files"]:
        content = read(file["path"])
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["bytes"]
        frame = pl.read_parquet(io.BytesIO(content))
        assert frame.height == file["rows"]
        if frame.height and "workspace_id" in frame.columns:
            assert frame["workspace_id"].unique().to_list() == [manifest["workspace_id"]]
        rows[file["table"]] = rows.get(file["table"], 0) + frame.height
    assert rows == manifest["rows"]
    return manifest
