"""The places exports are written to: a folder, or a bucket of S3 or Google Cloud Storage.

Belongs here: putting, reading, listing and deleting whole objects, so that none is ever seen half. Does not
belong here: what the objects are (`run`).

A file in a folder is synced and renamed; an object of a bucket becomes visible when its upload is completed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import GCSStore, S3Store

from pipelines.durable_files import TEMPORARY_PREFIX, replacing
from pipelines.exports.settings import ExportError, ScheduledExport

_COPY_BYTES: Final = 1 << 20
_RETRIES: Final[Any] = {"max_retries": 5, "retry_timeout": timedelta(minutes=2)}
_PATIENCE: Final[dict[str, Any]] = {"connect_timeout": "10s", "timeout": "120s"}


# Where machines in a cloud get keys of their own: asked when nobody gave any, and nowhere else.
_MACHINES_KEYS: Final = ("//169.254.", "//metadata.google.internal")
_NO_KEYS: Final = (
    "no keys of the bucket were given, and this machine has none of its own; give them with"
    " `export configure --keys-file FILE`, or in the environment of `up`"
    " (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; GOOGLE_SERVICE_ACCOUNT)"
)


def reason_of(fault: Exception) -> str:
    """Return why a place could not be read or written, in one line."""
    text = str(fault)
    if isinstance(fault, BaseError) and any(address in text for address in _MACHINES_KEYS):
        return _NO_KEYS
    return f"{type(fault).__name__}: {next(iter(text.splitlines()), '')[:200]}"


class Target(ABC):
    """A place below which one workspace's export lies; names are relative paths with `/`."""

    @abstractmethod
    def put_file(self, name: str, source: Path) -> None:
        """Write a file's bytes, whole or not at all."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Write some bytes, whole or not at all, in place of what was there."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; None when there is none."""

    @abstractmethod
    def sizes(self, below: str) -> dict[str, int]:
        """Return the bytes of each object below a path, by name."""

    @abstractmethod
    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no fault."""


class FolderTarget(Target):
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_file(self, name: str, source: Path) -> None:
        """Write a file's bytes, whole or not at all."""
        with replacing(self._root / name) as temporary, source.open("rb") as read, temporary.open("wb") as written:
            while chunk := read.read(_COPY_BYTES):
                written.write(chunk)

    def put(self, name: str, content: bytes) -> None:
        """Write some bytes, whole or not at all, in place of what was there."""
        with replacing(self._root / name) as temporary:
            temporary.write_bytes(content)

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; None when there is none."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def sizes(self, below: str) -> dict[str, int]:
        """Return the bytes of each object below a path, by name. Temporary files of dead runs are deleted."""
        found: dict[str, int] = {}
        for path in sorted((self._root / below).rglob("*")):
            if path.name.startswith(TEMPORARY_PREFIX):
                path.unlink(missing_ok=True)
            elif path.is_file():
                found[path.relative_to(self._root).as_posix()] = path.stat().st_size
        return found

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no fault."""
        for name in names:
            (self._root / name).unlink(missing_ok=True)


class BucketTarget(Target):
    """A prefix of a bucket."""

    def __init__(self, store: S3Store | GCSStore) -> None:
        self._store = store

    def put_file(self, name: str, source: Path) -> None:
        """Write a file's bytes, whole or not at all."""
        obstore.put(self._store, name, source)

    def put(self, name: str, content: bytes) -> None:
        """Write some bytes, whole or not at all, in place of what was there."""
        obstore.put(self._store, name, content, use_multipart=False)

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; None when there is none."""
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except (FileNotFoundError, NotFoundError):
            return None

    def sizes(self, below: str) -> dict[str, int]:
        """Return the bytes of each object below a path, by name."""
        return {one["path"]: one["size"] for page in obstore.list(self._store, below) for one in page}

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no fault."""
        for name in names:
            with suppress(FileNotFoundError, NotFoundError):
                obstore.delete(self._store, name)


def opened_target(settings: ScheduledExport, credential: Mapping[str, str]) -> Target:
    """Return the place a workspace's export goes to; nothing is called or written yet.

    Args:
        settings: of the workspace; its id names the last folder, so that no two workspaces share one.
        credential: keys of the bucket; what is not among them comes from the environment.

    Raises:
        ExportError: the keys or the place cannot be used.
    """
    parts = urlsplit(settings.url)
    if settings.scheme == "file":
        return FolderTarget(Path(unquote(parts.path)) / settings.workspace_id)
    prefix = "/".join(part for part in (parts.path.strip("/"), settings.workspace_id) if part)
    try:
        if settings.scheme == "gs":
            return BucketTarget(
                GCSStore(
                    parts.netloc,
                    prefix=prefix,
                    config=dict(credential),  # pyright: ignore[reportArgumentType] - checked names
                    client_options=_PATIENCE,  # pyright: ignore[reportArgumentType]
                    retry_config=_RETRIES,
                )
            )
        given: dict[str, Any] = dict(credential)
        if settings.region:
            given["region"] = settings.region
        if settings.endpoint:
            given["endpoint"] = settings.endpoint
        allow_http = settings.endpoint is not None and settings.endpoint.startswith("http://")
        options: Any = {**_PATIENCE, "allow_http": allow_http}
        return BucketTarget(
            S3Store(parts.netloc, prefix=prefix, config=given, client_options=options, retry_config=_RETRIES)  # pyright: ignore[reportArgumentType]
        )
    except (BaseError, ValueError) as fault:
        raise ExportError(f"the bucket cannot be used: {type(fault).__name__}") from fault
