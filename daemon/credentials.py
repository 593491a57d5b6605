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

    @property
    def config_path(self) -> Path:
        """What a person sets: `config.toml` (`daemon.config`)."""
        return self.root / "config.toml"

    @property
    def database_path(self) -> Path:
        """The local store (`daemon.store`)."""
        return self.root / "db.sqlite"

    @property
    def cloud_key_path(self) -> Path:
        """Fernet key of the store's encrypted column."""
        return self.root / "cloud.key"

    @property
    def prices_path(self) -> Path:
        """A person's own prices, over the bundled ones."""
        return self.root / "prices.toml"

    @property
    def authority_folder(self) -> Path:
        """The certificate authority of this machine's proxy."""
        return self.root / "ca"

    @property
    def running_path(self) -> Path:
        """What the running daemon says of itself: process, ports."""
        return self.root / "running.json"

    @property
    def log_path(self) -> Path:
        """The daemon's log."""
        return self.root / "daemon.log"

    def load(self) -> Credentials | None:
        """Return the stored credentials, None when this machine is not paired.

        Raises:
            UnreadableStateError: the file is there but cannot be read.
        """
        return _load(self.credentials_path, Credentials, "remove it and connect again")

    def store(self, credentials: Credentials) -> None:
        """Write the credentials in one step: after a crash the file is the old one or the new one."""
        self.write(self.credentials_path, msgspec.json.encode(credentials) + b"\n")

    def wipe(self) -> None:
        """Remove the credentials, if any."""
        self.credentials_path.unlink(missing_ok=True)

    def fingerprint(self) -> str:
        """Return this machine's 32 lower-case hex digits, made on first use."""
        machine = _load(self.machine_path, Machine, "remove it to get a new identity")
        if machine is None:
            machine = Machine(machine_id=str(uuid.uuid4()))
            self.write(self.machine_path, msgspec.json.encode(machine) + b"\n")
        try:
            return uuid.UUID(machine.machine_id).hex
        except ValueError as error:
            raise UnreadableStateError(f"{self.machine_path} holds no UUID: remove it to get a new identity") from error

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file of the home in one step, mode 0600: after a crash it is the old one or the new one."""
        self.root.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        # mkstemp opens with mode 0600, so that the secret is never readable by others, not even for a moment.
        descriptor, temporary = tempfile.mkstemp(dir=self.root, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
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
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableStateError(f"{path} cannot be read: {remedy}") from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
