"""Checks of immutable published files: a build's segments of facts and parts of roll-ups, and the analysis.

Belongs here: that each is there, once, and as it was published; asked of the snapshot file itself, so that a file whose
loss keeps the build from being opened is named too. Does not belong here: what is in them (`mart_checks`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from pipelines.durable_files import sha256_of_file
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.part_views import Part
from pipelines.lake.paths import Home
from pipelines.publish import named_files
from pipelines.roll_up_parts import ROLL_UPS
from pipelines.verify.report import VerifyReport

_FILE_NAME: Final = re.compile(r"[0-9a-f]{32}\.parquet")


def check_published_files(home: Home, file: str, report: VerifyReport) -> bool:
    """Check every file a snapshot names by its digest.

    Args:
        home: the installation.
        file: name of the snapshot.
        report: is told what differs.

    Returns:
        Whether nothing does.
    """
    known = len(report.differences)
    files = named_files(home, file)
    if files is None:
        report.differs(f"the snapshot {file} cannot be read")
        return False
    for segment in files.segments:
        report.count("segments")
        _check_bytes(home.segments / segment.name, segment.sha256, f"segment {segment.name}", report)
    for part in dict.fromkeys(files.parts):
        report.count("roll-up parts")
        _check_bytes(home.roll_up_parts / part.name, part.sha256, _called(part), report)
    periods = Counter((part.table_name, part.period) for part in files.parts)
    for part in dict.fromkeys(files.parts):
        if periods[part.table_name, part.period] > 1:
            report.differs(f"{_called(part)}: its period is there more than once")
    if files.parts:
        _check_tables(home.marts / file, files.parts, report)
    return len(report.differences) == known


def check_analysis(home: Home, report: VerifyReport) -> None:
    """Check the published analysis, if there is one, by its digest.

    Args:
        home: the installation.
        report: is told what differs.
    """
    try:
        pointer = read_analysis_pointer(home)
    except ValueError as fault:
        report.differs(f"marts/{home.analysis_pointer.name} cannot be read: {fault}")
        return
    if pointer is not None:
        report.count("analyses")
        _check_bytes(home.marts / pointer.file, pointer.sha256, f"analysis {pointer.file}", report)


def _check_bytes(path: Path, sha256: str, called: str, report: VerifyReport) -> None:
    if not path.is_file():
        report.differs(f"{called}: is missing")
    elif sha256_of_file(path) != sha256:
        report.differs(f"{called}: its bytes are not those that were published (SHA-256 differs)")


def _called(part: Part) -> str:
    return f"part {part.name} of {part.table_name} {part.period or '(no rows)'}"


def _check_tables(snapshot: Path, parts: Sequence[Part], report: VerifyReport) -> None:
    """Compare the parts a snapshot lists with all the requests there are, and with those its own views read."""
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        views = connection.execute("select view_name, sql from duckdb_views() where not internal").fetchall()
        rows_total = int(connection.execute("select rows_total from build_info").fetchall()[0][0])
    for table in (one.name for one in ROLL_UPS):
        requests = sum(part.requests for part in parts if part.table_name == table)
        if requests != rows_total:
            report.differs(f"{table}: its parts hold {requests} requests, the build {rows_total}")
    listed = Counter((part.table_name, part.name) for part in parts)
    read = Counter((str(view), name) for view, sql in views for name in _FILE_NAME.findall(str(sql)))
    for table, name in (listed - read) + (read - listed):
        report.differs(f"part {name} of {table}: the list of parts and the view of the table differ")
