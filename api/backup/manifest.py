"""What a backup says of itself: `manifest.json`.

Belongs here: its shape, its digest, writing it last and reading it with suspicion. Does not belong here: gathering what
it says (`take`) and acting on it (`restore`).

The digest covers every other field. It is printed when the backup is taken: kept elsewhere and given to `restore
--sha256`, it also shows a backup whose manifest was rewritten by somebody who computed the digests anew.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec
from msgspec import Struct

from api.backup.errors import BackupError
from pipelines.lake.landing import sync_folder

FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


class TableEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the app database: `tables/<name>.parquet`."""

    name: str
    rows: int
    bytes: int
    sha256: str


class FileEntry(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """One landed Parquet file; `path` is under the landing folder."""

    path: str
    sha256: str
    bytes: int
    rows: int


class KeptEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One other file of the home that cannot be derived; `path` is under the home."""

    path: str
    sha256: str
    bytes: int


class WorkspaceEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Exact totals of one workspace's landed rows, and the heads of its two chains.

    Attributes:
        id: the workspace.
        slug: its name in addresses.
        totals: sums over the ledger: rows, each kind of token, logged millicents, rows without a cost.
        batch_chain_position: length of the chain of batches.
        batch_chain_head: its newest link.
        audit_position: length of the audit chain.
        audit_head: its newest link.
    """

    id: str
    slug: str
    totals: dict[str, int]
    batch_chain_position: int
    batch_chain_head: str
    audit_position: int
    audit_head: str


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a backup holds.

    Attributes:
        format_version: of the backup's own format.
        product_version: release that took it.
        schema_revision: of the app database.
        taken_at: instant of the transaction all of it was read in, ISO 8601 UTC.
        database: kind it was read from, `sqlite` or `postgresql`.
        tables: in an order in which they can be filled.
        files: landed files, by path.
        kept: other files.
        workspaces: by id.
        sha256: digest of all fields above.
    """

    format_version: int
    product_version: str
    schema_revision: str
    taken_at: str
    database: str
    tables: list[TableEntry]
    files: list[FileEntry]
    kept: list[KeptEntry]
    workspaces: list[WorkspaceEntry]
    sha256: str = ""


class _Version(Struct):
    """The fields every format has, now and later."""

    format_version: int
    product_version: str


def sealed(manifest: Manifest) -> Manifest:
    """Return the manifest with its digest."""
    return msgspec.structs.replace(manifest, sha256=_digest(manifest))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a sealed manifest into `folder`: durable, private, and whole or not at all."""
    temporary = folder / f".{MANIFEST_NAME}.tmp"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(folder / MANIFEST_NAME)
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of one backup.

    Raises:
        BackupError: it is missing, damaged, edited, or of a newer release.
    """
    path = folder / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise BackupError(f"{path} cannot be read: {fault.strerror}") from fault
    try:
        version = msgspec.json.decode(content, type=_Version)
        if version.format_version > FORMAT_VERSION:
            raise BackupError(
                f"this backup was taken by release {version.product_version}, whose format this release does not know;"
                " restore it with that release or a newer one"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BackupError(f"{path} is damaged: it is not a manifest") from fault
    if manifest.sha256 != _digest(manifest):
        raise BackupError(f"{path} is damaged or was edited: its content is not what its own digest says")
    if not _is_sound(manifest):
        raise BackupError(f"{path} names a table, path or digest that no backup holds")
    return manifest


def _digest(manifest: Manifest) -> str:
    plain = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


def _is_sound(manifest: Manifest) -> bool:
    """Whether names can be used as paths: a manifest from elsewhere must not write outside the home."""
    entries = [*manifest.files, *manifest.kept]
    names = [manifest.schema_revision, *(one.name for one in manifest.tables)]
    return (
        all(_NAME.fullmatch(name) for name in names)
        and all(_HEX64.fullmatch(one.sha256) for one in [*entries, *manifest.tables])
        and all(_stays_inside(one.path) for one in entries)
    )


def _stays_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path
