"""Where each workspace's marts go every day, and how the last export went.

Belongs here: the two small files per workspace and their rules. Does not belong here: writing an export (`run`).

They lie in the home, not in the database: where data leaves to is the operator's to say, as prices of plans are, and a
backup must not begin to send data anywhere. Keys are sealed with a key of the home, or stay in the environment.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from pipelines.billing.credentials import CredentialVault
from pipelines.billing.http import BillingError
from pipelines.durable_files import replacing
from pipelines.lake.paths import Home

KEY_FILE: Final = "export-credentials.keys"
KEPT: Final = 7
KEPT_MAX: Final = 1_000
RUNS_KEPT: Final = 30
SCHEMES: Final = ("file", "s3", "gs")
CREDENTIAL_NAMES: Final = {
    "s3": frozenset({"access_key_id", "secret_access_key", "session_token"}),
    "gs": frozenset({"service_account_key"}),
}
"""What a sealed credential may hold, by scheme; what it does not is taken from the environment."""
_SETTINGS: Final = "settings.json"
_STATE: Final = "state.json"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]")
_Kind = TypeVar("_Kind", bound=msgspec.Struct)
_PREFIX: Final = re.compile(r"[A-Za-z0-9._/=-]*")


class ExportError(Exception):
    """An export cannot be made; what was exported before stays whole. The message says why, without any secret."""


class ScheduledExport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one workspace's marts go.

    Attributes:
        workspace_id: whose.
        url: `file:///folder`, `s3://bucket/prefix` or `gs://bucket/prefix`; below it everything goes into a folder
            named by the workspace's id.
        endpoint: of an S3 service that is not AWS; None for AWS.
        region: of the bucket; None leaves it to the environment.
        kept: how many exports stay readable, the newest among them.
        sealed_credential: keys for the bucket; None takes them from the environment.
        configured_by: who said so.
        configured_at: when, ISO UTC.
    """

    workspace_id: str
    url: str
    endpoint: str | None = None
    region: str | None = None
    kept: int = KEPT
    sealed_credential: str | None = None
    configured_by: str = ""
    configured_at: str = ""

    @property
    def scheme(self) -> Literal["file", "s3", "gs"]:
        """Kind of place."""
        scheme = urlsplit(self.url).scheme
        return "s3" if scheme == "s3" else "gs" if scheme == "gs" else "file"


class ExportRun(msgspec.Struct, frozen=True, kw_only=True):
    """How one export went.

    Attributes:
        began_at: ISO UTC.
        ended_at: ISO UTC.
        error: why it failed; None when it did not.
        export_id: the export that lay at the place afterwards; None when it failed.
        manifest: path of its manifest, below the place.
        manifest_sha256: of those bytes.
        is_new: whether anything was written.
        files: what the export is made of.
        files_written: those of them that were not there before.
        bytes_written: theirs.
        rows: of the export, by table.
    """

    began_at: str
    ended_at: str
    error: str | None = None
    export_id: str | None = None
    manifest: str | None = None
    manifest_sha256: str | None = None
    is_new: bool = False
    files: int = 0
    files_written: int = 0
    bytes_written: int = 0
    rows: dict[str, int] = {}


class ExportState(msgspec.Struct, frozen=True, kw_only=True):
    """How a workspace's exports went.

    Attributes:
        last_attempt_at: ISO UTC; None before the first.
        last_success_at: ISO UTC.
        export_id: of the last good one.
        error: why the last attempt failed; None when it did not.
        runs: the newest `RUNS_KEPT`, newest first.
    """

    last_attempt_at: str | None = None
    last_success_at: str | None = None
    export_id: str | None = None
    error: str | None = None
    runs: list[ExportRun] = []

    def after(self, run: ExportRun) -> ExportState:
        """Return how they went once one more was made."""
        runs = [run, *self.runs][:RUNS_KEPT]
        if run.error is not None:
            return msgspec.structs.replace(self, last_attempt_at=run.began_at, error=run.error, runs=runs)
        return ExportState(
            last_attempt_at=run.began_at, last_success_at=run.ended_at, export_id=run.export_id, runs=runs
        )


def check_settings(settings: ScheduledExport) -> None:
    """Refuse settings that cannot work.

    Raises:
        ExportError: they cannot; the message says why.
    """
    parts = urlsplit(settings.url)
    if parts.scheme not in SCHEMES or parts.query or parts.fragment or parts.username or parts.password:
        raise ExportError("name a folder, s3://bucket/prefix or gs://bucket/prefix, without keys in it")
    if parts.scheme == "file":
        if parts.netloc or not Path(parts.path).is_absolute():
            raise ExportError("the folder must be an absolute path")
        if settings.endpoint or settings.region or settings.sealed_credential:
            raise ExportError("a folder has neither endpoint nor region nor keys")
    elif not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(parts.path) or ".." in parts.path.split("/"):
        raise ExportError("that is no name of a bucket and prefix")
    if settings.endpoint is not None:
        endpoint = urlsplit(settings.endpoint)
        if settings.scheme != "s3" or endpoint.scheme not in ("http", "https") or not endpoint.hostname:
            raise ExportError("an endpoint is the http(s) address of an S3 service")
    if not 1 <= settings.kept <= KEPT_MAX:
        raise ExportError(f"keep 1 to {KEPT_MAX} exports")


def check_credential(scheme: str, credential: str) -> None:
    """Refuse keys that are not a JSON object of the names known for this kind of place.

    Raises:
        ExportError: they are not.
    """
    names = CREDENTIAL_NAMES.get(scheme, frozenset())
    try:
        given = json.loads(credential)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given or not all(isinstance(value, str) for value in given.values()):
        raise ExportError(f"the keys must be a JSON object with text for some of: {', '.join(sorted(names))}")
    if not frozenset(given) <= names:
        raise ExportError(f"the keys may hold {', '.join(sorted(names))}, nothing else")


def export_vault(home: Home) -> CredentialVault:
    """Return what seals the keys of buckets."""
    return CredentialVault(home, KEY_FILE)


def opened_credential(home: Home, settings: ScheduledExport) -> dict[str, str]:
    """Return the keys of a workspace's bucket; empty when they are the environment's.

    Raises:
        ExportError: they do not open in this home.
    """
    if settings.sealed_credential is None:
        return {}
    try:
        opened = export_vault(home).open(settings.workspace_id, settings.sealed_credential)
    except BillingError:
        raise ExportError("the bucket's keys cannot be opened with those of this home; configure it again") from None
    return msgspec.json.decode(opened, type=dict[str, str])


def save_settings(home: Home, settings: ScheduledExport) -> None:
    """Write the settings down, and forget how exports to another place went.

    Raises:
        ExportError: they cannot work.
        OSError: they could not be made durable.
    """
    check_settings(settings)
    folder = _folder(home, settings.workspace_id)
    before = read_settings(home, settings.workspace_id)
    if before is not None and before.url != settings.url:
        (folder / _STATE).unlink(missing_ok=True)
    _write(folder / _SETTINGS, msgspec.json.encode(settings))


def read_settings(home: Home, workspace_id: str) -> ScheduledExport | None:
    """Return a workspace's settings; None when its marts are not exported."""
    return _read(_folder(home, workspace_id) / _SETTINGS, ScheduledExport)


def all_settings(home: Home) -> list[ScheduledExport]:
    """Return the settings of all workspaces, by id."""
    found = [read_settings(home, path.parent.name) for path in sorted(home.scheduled_exports.glob(f"*/{_SETTINGS}"))]
    return [one for one in found if one is not None]


def remove_settings(home: Home, workspace_id: str) -> bool:
    """Export a workspace's marts no more; what was exported stays where it is.

    Returns:
        Whether they were exported before.
    """
    folder = _folder(home, workspace_id)
    was_there = (folder / _SETTINGS).exists()
    shutil.rmtree(folder, ignore_errors=True)
    return was_there


def read_state(home: Home, workspace_id: str) -> ExportState:
    """Return how a workspace's exports went."""
    return _read(_folder(home, workspace_id) / _STATE, ExportState) or ExportState()


def save_state(home: Home, workspace_id: str, state: ExportState) -> None:
    """Write down how an export went.

    Raises:
        OSError: it could not be made durable.
    """
    _write(_folder(home, workspace_id) / _STATE, msgspec.json.encode(state))


def _folder(home: Home, workspace_id: str) -> Path:
    return home.scheduled_exports / workspace_id


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_bytes(content)


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except msgspec.MsgspecError as fault:
        raise ExportError(f"{path.name} of a scheduled export cannot be read: {fault}") from fault
