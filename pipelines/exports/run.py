"""One workspace's export: data first, each file named by its digest, the manifest last.

Belongs here: the order of things, the manifest, what may be deleted, one export at a time per home. Does not belong
here: what goes out (`tables`), places (`targets`), when (`loop`).

    data/<table>/<part>-<digest>.parquet    immutable; a part that did not change is not written again
    manifests/<export>.json                 what an export is made of
    manifest.json                           the newest export, moved last: readers begin here

Killed anywhere, `manifest.json` names the export before, whole. Files that no kept manifest names go once it has moved.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import BaseError
from sqlalchemy import Engine, text

from pipelines.durable_files import TEMPORARY_PREFIX, sha256_of_file
from pipelines.exports.settings import ExportError, ScheduledExport, opened_credential
from pipelines.exports.tables import Part, analysis_parts, mart_parts
from pipelines.exports.targets import Target, opened_target, reason_of
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import iso_utc
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import ReadCursor

FORMAT: Final = "halton-export/1"
MANIFEST: Final = "manifest.json"
_DATA: Final = "data"
_MANIFESTS: Final = "manifests"
_DIGEST_LETTERS: Final = 32
_NO_ANALYSIS: Final = "none"


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export; `path` is relative to the manifest."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is: the same for the same build, whenever it was written.

    Attributes:
        format: of this file and the layout beside it.
        export_id: build and analysis; sorts by time.
        workspace_id: whose rows these are.
        workspace: its slug when it was exported.
        build_id: the build of the marts.
        data_as_of: arrival of the newest row in it, ISO UTC.
        analysis_id: the analysis; None when there was none.
        analysed_build_id: the build that one was made of.
        rows: rows by table.
        files: all files.
    """

    format: str
    export_id: str
    workspace_id: str
    workspace: str
    build_id: str
    data_as_of: str | None
    analysis_id: str | None
    analysed_build_id: str | None
    rows: dict[str, int]
    files: list[ExportedFile]


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        manifest: the export as it stands at the place now.
        is_new: whether anything was written.
        files_written: data files that were not there before.
        bytes_written: theirs.
        deleted: objects deleted, which no kept export names.
    """

    manifest: Manifest
    is_new: bool
    files_written: int = 0
    bytes_written: int = 0
    deleted: int = 0


def manifest_path(manifest: Manifest) -> str:
    """Return where a manifest lies below the workspace's folder."""
    return f"{_MANIFESTS}/{manifest.export_id}.json"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return a manifest as it is written."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


@contextmanager
def exports_lock(home: Home, *, wait: bool = True) -> Generator[None]:
    """Let one process export from this home. The kernel frees it when its holder dies.

    Raises:
        ExportError: another one does, and it is not waited for.
    """
    home.scheduled_exports.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.scheduled_exports / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ExportError("another process is exporting from this home; try again later") from None
        yield
    finally:
        os.close(descriptor)


def export_workspace(home: Home, engine: Engine, settings: ScheduledExport) -> Exported:
    """Bring a workspace's export up to the published build. Call it under `exports_lock`.

    Args:
        home: the installation.
        engine: its app database, which tells whether there still is such a workspace.
        settings: of the workspace.

    Raises:
        ExportError: it could not be made; the export before stays whole.
    """
    slug = _slug(engine, settings.workspace_id)
    try:
        target = opened_target(settings, opened_credential(home, settings))
        with _parts(home, settings.workspace_id, slug) as (head, parts):
            before = _read_manifest(target)
            if before is not None and before.workspace_id != settings.workspace_id:
                raise ExportError("another workspace's export lies there")
            there = target.sizes(_DATA)
            if before is not None and before.export_id == head.export_id and _is_whole(before, there):
                return Exported(before, is_new=False)
            files, written = _write_parts(home, target, parts, settings.workspace_id, there)
        manifest = msgspec.structs.replace(head, files=files, rows=_rows(files))
        content = manifest_bytes(manifest)
        target.put(manifest_path(manifest), content)
        target.put(MANIFEST, content)
        deleted = _clean(target, manifest, settings.kept)
    except (duckdb.Error, pa.ArrowException, BaseError, OSError) as fault:
        raise ExportError(f"the export could not be written: {reason_of(fault)}") from fault
    return Exported(manifest, True, len(written), sum(one.bytes for one in written), deleted)


def _slug(engine: Engine, workspace_id: str) -> str:
    with engine.connect() as connection:
        found = connection.execute(text("select slug from workspaces where id = :id"), {"id": workspace_id}).scalar()
    if found is None:
        raise ExportError("there is no such workspace any more")
    return str(found)


@contextmanager
def _parts(home: Home, workspace_id: str, slug: str) -> Generator[tuple[Manifest, Iterator[tuple[ReadCursor, Part]]]]:
    """Yield the manifest without files, and the parts with the cursor that answers each; both of one moment."""
    with closing(SnapshotReader(home)) as marts, closing(AnalysisReader(home)) as analyses:
        snapshot, analysis = marts.current(), analyses.current()
        if snapshot is None:
            raise ExportError("nothing is published yet; refresh first")
        try:
            with snapshot.cursor() as cursor:
                newest = cursor.execute(
                    "select max(received_at) from fct_batches where workspace_id = $workspace_id",
                    {"workspace_id": workspace_id},
                ).fetchone()
                head = Manifest(
                    format=FORMAT,
                    export_id=f"{snapshot.build_id}_{analysis.analysis_id if analysis else _NO_ANALYSIS}",
                    workspace_id=workspace_id,
                    workspace=slug,
                    build_id=snapshot.build_id,
                    data_as_of=iso_utc(newest[0].replace(tzinfo=UTC)) if newest and newest[0] else None,
                    analysis_id=analysis.analysis_id if analysis else None,
                    analysed_build_id=analysis.build_id if analysis else None,
                    rows={},
                    files=[],
                )
                if analysis is None:
                    yield head, ((cursor, part) for part in list(mart_parts(cursor, workspace_id)))
                else:
                    with analysis.cursor() as analysed:
                        of_marts = [(cursor, part) for part in mart_parts(cursor, workspace_id)]
                        yield head, iter([*of_marts, *((analysed, part) for part in list(analysis_parts(analysed)))])
        finally:
            snapshot.close()
            if analysis is not None:
                analysis.close()


def _write_parts(
    home: Home,
    target: Target,
    parts: Iterator[tuple[ReadCursor, Part]],
    workspace_id: str,
    there: dict[str, int],
) -> tuple[list[ExportedFile], list[ExportedFile]]:
    files: list[ExportedFile] = []
    written: list[ExportedFile] = []
    home.scheduled_exports.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in home.scheduled_exports.glob(f"{TEMPORARY_PREFIX}*"):
        leftover.unlink(missing_ok=True)
    for cursor, part in parts:
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=home.scheduled_exports)
        os.close(descriptor)
        local = Path(name)
        try:
            rows = _write_file(cursor, part, workspace_id, local)
            digest, size = sha256_of_file(local), local.stat().st_size
            path = f"{_DATA}/{part.table}/{part.name}-{digest[:_DIGEST_LETTERS]}.parquet"
            made = ExportedFile(table=part.table, path=path, rows=rows, bytes=size, sha256=digest)
            files.append(made)
            if there.get(path) != size:
                target.put_file(path, local)
                written.append(made)
        finally:
            local.unlink(missing_ok=True)
    return files, written


def _write_file(cursor: ReadCursor, part: Part, workspace_id: str, path: Path) -> int:
    """Write one query's rows as Parquet; return how many.

    Raises:
        ExportError: a row of another workspace is among them.
    """
    given = {"workspace_id": workspace_id, **({"month": part.month} if part.month else {})}
    batches = cursor.arrow_batches(part.sql, given)
    names = batches.schema.names
    whose = names.index("workspace_id")
    # FOCUS has no such column: its rows are checked, and go out without.
    dropped = part.table.startswith("focus_")
    schema = batches.schema.remove(whose) if dropped else batches.schema
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            if batch.column(whose).unique().to_pylist() not in ([], [workspace_id]):
                raise ExportError(f"rows of another workspace were found in {part.table}; nothing was exported")
            kept = pa.Table.from_batches([batch]).drop_columns(["workspace_id"]) if dropped else None
            writer.write_table(pa.Table.from_batches([batch]) if kept is None else kept)
            rows += batch.num_rows
    return rows


def _rows(files: list[ExportedFile]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for one in files:
        rows[one.table] = rows.get(one.table, 0) + one.rows
    return rows


def _read_manifest(target: Target, name: str = MANIFEST) -> Manifest | None:
    content = target.read(name)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError:
        return None  # not one of ours, or of a later release: everything is written anew


def _is_whole(manifest: Manifest, there: dict[str, int]) -> bool:
    return all(there.get(one.path) == one.bytes for one in manifest.files)


def _clean(target: Target, newest: Manifest, kept: int) -> int:
    """Delete what neither the newest export nor those kept before it name; return how many objects."""
    manifests = sorted(target.sizes(_MANIFESTS), reverse=True)
    mine = f"{_MANIFESTS}/{newest.export_id}.json"
    others = [name for name in manifests if name != mine]
    named = {one.path for one in newest.files}
    for name in others[: kept - 1]:
        manifest = _read_manifest(target, name)
        named |= {one.path for one in manifest.files} if manifest else set()
    expired = others[kept - 1 :]
    # Manifests first: one that is there names files that are there.
    target.delete(expired)
    unnamed = [name for name in target.sizes(_DATA) if name not in named]
    target.delete(unnamed)
    return len(expired) + len(unnamed)
