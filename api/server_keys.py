"""Keys of this installation: made on first use, kept in the home, readable by its owner only.

Belongs here: key files. Does not belong here: what they seal or sign.

A key lies in `secrets/` of the home and never in the database: whoever copies the database alone can read no sealed
mail and sign no digest. All servers of an installation share the home, and so its keys.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipelines.lake.paths import Home

KEY_BYTES: Final = 32


def server_key(home: Home, name: str) -> bytes:
    """Return the key of a name, 32 random bytes; whoever comes first makes it, and everybody gets the same.

    Raises:
        OSError: it can be neither read nor made.
        ValueError: the file is not a key.
    """
    path = home.secrets / f"{name}.key"
    with suppress(FileNotFoundError):
        return _read(path)
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{name}-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the key
            os.link(made, path)
    finally:
        made.unlink(missing_ok=True)
    _sync_folder(home.secrets)
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} is not a key of {KEY_BYTES} bytes")
    return key


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
