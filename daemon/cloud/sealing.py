"""The token's encrypted copy in the store, and its key.

Belongs here: `cloud.key` (Fernet, mode 0600) and what is sealed with it. Does not belong here: the token's own file
(`daemon.credentials`).

A copy of the database alone, as in a backup or a support bundle, gives no token away.
"""

from __future__ import annotations

from daemon.credentials import MeterHome, UnreadableStateError


def sealed(home: MeterHome, token: str) -> bytes:
    """Return `token` encrypted with the home's key, which is made when there is none or a damaged one.

    Raises:
        OSError: the key cannot be read or written.
    """
    from cryptography.fernet import Fernet  # noqa: PLC0415 - slow to import, and only pairing needs it

    try:
        key = home.cloud_key_path.read_bytes().strip()
        return Fernet(key).encrypt(token.encode())
    except (FileNotFoundError, ValueError):
        key = Fernet.generate_key()
    home.write(home.cloud_key_path, key)
    return Fernet(key).encrypt(token.encode())


def unsealed(home: MeterHome, ciphertext: bytes) -> str:
    """Return the token in `ciphertext`.

    Raises:
        UnreadableStateError: the key is gone or is not the one it was sealed with.
    """
    from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415 - as above

    try:
        return Fernet(home.cloud_key_path.read_bytes().strip()).decrypt(ciphertext).decode()
    except (OSError, ValueError, InvalidToken) as error:
        raise UnreadableStateError(f"{home.cloud_key_path} does not open the stored token") from error
