"""Providers' keys, sealed in the database under keys that lie in the home.

Belongs here: sealing, opening, and changing the keys they are sealed with. Does not belong here: what a provider's key
is sent to (`http`).

`secrets/bill-credentials.keys` holds Fernet keys, one a line, the newest first. Backups do not hold it, so that whoever
has a backup reads no bills; after a restore providers' keys are given again (`bills replace-key`). A sealed key names
its connection, and opens for no other.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Engine, select, update

from pipelines.billing.http import BillingError
from pipelines.durable_files import replacing
from pipelines.lake.bills import bill_connections
from pipelines.lake.landing import sync_folder
from pipelines.lake.paths import Home

KEY_FILE: Final = "bill-credentials.keys"
KEYS_KEPT: Final = 2
"""After a change of keys the one before stays: somebody may be sealing with it at that moment."""
NOT_OPENED: Final = "The provider's key cannot be opened with the keys of this home; replace it."


@dataclass(frozen=True)
class Rotation:
    """What a change of keys did.

    Attributes:
        sealed_again: provider keys that are sealed under the new key now.
        unreadable: those no key of the home opens; they are as they were.
    """

    sealed_again: int
    unreadable: int


class CredentialVault:
    """Seals and opens providers' keys with the keys of a home."""

    def __init__(self, home: Home, key_file: str = KEY_FILE) -> None:
        """Nothing is read before a key is needed.

        Args:
            home: whose keys.
            key_file: the file with them in the home's secrets; a purpose of its own has one of its own.
        """
        self._folder, self._key_file = home.secrets, key_file

    def seal(self, connection_id: str, credential: str) -> str:
        """Return a provider's key sealed for one connection; the first call in a home makes its key.

        Raises:
            OSError: the home's key can be neither read nor made.
        """
        payload = json.dumps([connection_id, credential]).encode()
        return self._keys().encrypt(payload).decode()

    def open(self, connection_id: str, sealed: str) -> str:
        """Return the provider's key of a connection.

        Raises:
            BillingError: no key of the home opens it, or it was sealed for another connection.
        """
        try:
            whose, credential = json.loads(self._keys().decrypt(sealed.encode()))
        except (InvalidToken, ValueError, TypeError, OSError):
            raise BillingError(NOT_OPENED) from None
        if whose != connection_id or not isinstance(credential, str):
            raise BillingError(NOT_OPENED)
        return credential

    def begin_key(self) -> None:
        """Put a new key before the others; what is sealed from now on is sealed with it.

        Raises:
            OSError: it could not be made durable; nothing changed.
        """
        self._write([Fernet.generate_key().decode(), *self._lines()])

    def forget_old_keys(self) -> None:
        """Keep the newest keys only.

        Raises:
            OSError: as `begin_key`.
        """
        self._write(self._lines()[:KEYS_KEPT])

    @contextmanager
    def alone(self) -> Generator[None]:
        """Let nobody else change the keys meanwhile."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / f".{self._key_file}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def _path(self) -> Path:
        return self._folder / self._key_file

    def _keys(self) -> MultiFernet:
        return MultiFernet([Fernet(line) for line in self._lines()])

    def _lines(self) -> list[str]:
        """Return the keys, newest first; made when there are none. Read anew each time, for others may change them."""
        with suppress(FileNotFoundError):
            return self._path.read_text("ascii").split()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._path.with_name(f".{self._key_file}-{secrets.token_hex(8)}.tmp")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster: its key is the key
                os.link(made, self._path)
        finally:
            made.unlink(missing_ok=True)
        sync_folder(self._folder)
        return self._path.read_text("ascii").split()

    def _write(self, lines: list[str]) -> None:
        with replacing(self._path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text("".join(f"{line}\n" for line in lines), "ascii")


def rotate_keys(home: Home, engine: Engine) -> Rotation:
    """Seal every provider's key under a new key, and forget keys from before the last one.

    Killed anywhere, everything still opens, and the next call goes on.

    Raises:
        OSError: the keys could not be written.
        sqlalchemy.exc.SQLAlchemyError: the database refused; all keys are kept.
    """
    vault = CredentialVault(home)
    with vault.alone():
        vault.begin_key()
        sealed_again = unreadable = 0
        of = bill_connections.c
        with engine.begin() as connection:
            query = select(of.id, of.sealed_credential).where(of.sealed_credential.is_not(None))
            for row in connection.execute(query.order_by(of.id).with_for_update()).all():
                try:
                    credential = vault.open(row.id, row.sealed_credential)
                except BillingError:
                    unreadable += 1
                    continue
                again = update(bill_connections).where(of.id == row.id)
                connection.execute(again.values(sealed_credential=vault.seal(row.id, credential)))
                sealed_again += 1
        vault.forget_old_keys()
    return Rotation(sealed_again, unreadable)
