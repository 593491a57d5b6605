"""What a paired machine keeps on disk, readable by its owner only.

Belongs here: the folder `~/.halton-meter`, `cloud-credentials.json` and `machine.json`. Does not belong here: calls to
the cloud (`daemon.sync`).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from pathlib import Path
from typing import Final, TypeVar

import msgspec

HOME_VARIABLE: Final = "HALTON_METER_HOME"
_PRIVATE_FOLDER: Final = 0o700

T = TypeVar("T")


class Credentials(msgspec.Struct, kw_only=True, frozen=True):
    """`cloud-credentials.json`, mode 0600.

    Attributes:
        endpoint: base URL of the cloud; the key is never sent anywhere else.
        api_key: the device's sync token.
        machine_id: as the cloud issued it.
    """

    endpoint: str
    api_key: str
    workspace_id: str | None = None
    workspace_name: str | None = None
    machine_id: str | None = None


class Machine(msgspec.Struct, kw_only=True, frozen=True):
    """`machine.json`: what makes this machine the same one when it pairs again. Copy it to keep the identity."""

    machine_id: str


class UnreadableStateError(Exception):
    """A file of the meter's home cannot be read; the message names it and says what to do."""


class MeterHome:
    """The meter's folder.

    Attributes:
        root: the folder; made, private, at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def credentials_path(self) -> Path:
        """Where the token is kept."""
        return self.root / "cloud-credentials.json"

    @property
    def machine_path(self) -> Path:
        """Where this machine's identity is kept."""
        return self.root / "machine.json"

    def load(self) -> Credentials | None:
        """Return the stored credentials, None when this machine is not paired.

        Raises:
            UnreadableStateError: the file is there but cannot be read.
        """
        return _load(self.credentials_path, Credentials, "remove it and connect again")

    def store(self, credentials: Credentials) -> None:
        """Write the credentials in one step: after a crash the file is the old one or the new one."""
        self._write(self.credentials_path, msgspec.json.encode(credentials))

    def wipe(self) -> None:
        """Remove the credentials, if any."""
        self.credentials_path.unlink(missing_ok=True)

    def fingerprint(self) -> str:
        """Return this machine's 32 lower-case hex digits, made on first use."""
        machine = _load(self.machine_path, Machine, "remove it to get a new identity")
        if machine is None:
            machine = Machine(machine_id=str(uuid.uuid4()))
            self._write(self.machine_path, msgspec.json.encode(machine))
        try:
            return uuid.UUID(machine.machine_id).hex
        except ValueError as error:
            raise UnreadableStateError(f"{self.machine_path} holds no UUID: remove it to get a new identity") from error

    def _write(self, path: Path, content: bytes) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        # mkstemp opens with mode 0600, so that the secret is never readable by others, not even for a moment.
        descriptor, temporary = tempfile.mkstemp(dir=self.root, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        _sync_folder(self.root)


def _load(path: Path, kind: type[T], remedy: str) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableStateError(f"{path} cannot be read: {remedy}") from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
