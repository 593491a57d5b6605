"""Whether anything may leave now, to whom, and under which rules.

Belongs here: reading config and credentials together, and refusing what does not fit. Does not belong here: a pause
(it is in the store), the rules themselves (`privacy`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daemon.cloud.privacy import UploadRules
from daemon.config import load_config
from daemon.credentials import Credentials, MeterHome, UnreadableStateError


@dataclass(frozen=True)
class Link:
    """What this machine's owner agreed to.

    Attributes:
        credentials: where to send, and with which token.
        rules: what may leave.
    """

    credentials: Credentials
    rules: UploadRules


class LinkMismatchError(UnreadableStateError):
    """Config and credentials speak of different clouds or workspaces: nobody agreed to that."""


class Gate:
    """Reads the two files whenever they have changed, so that a command's change counts at the very next page."""

    def __init__(self, home: MeterHome) -> None:
        """Look at `home` later; nothing is read yet."""
        self._home = home
        self._seen: tuple[object, ...] | None = None
        self._link: Link | None = None

    def look(self) -> Link | None:
        """Return the link, None when `cloud.enabled` is false or this machine is not paired.

        Raises:
            UnreadableStateError: a file cannot be understood, or a rule, or the two contradict each other; nothing may
                leave then.
        """
        seen = (_stamp(self._home.config_path), _stamp(self._home.credentials_path))
        if self._seen != seen:
            self._seen = None  # an error below must be found again next time
            self._link = read_link(self._home)
            self._seen = seen
        return self._link


def read_link(home: MeterHome) -> Link | None:
    """Return the link as the files say, see `Gate.look`."""
    config = load_config(home).cloud
    if not config.enabled:
        return None
    credentials = home.load()
    if credentials is None:
        return None
    if config.workspace_id and credentials.workspace_id and config.workspace_id != credentials.workspace_id:
        raise LinkMismatchError(
            f"{home.config_path} names another workspace than {home.credentials_path}: "
            "run `halton-meter cloud connect --force`"
        )
    if config.base_url and config.base_url.rstrip("/") != credentials.endpoint:
        raise LinkMismatchError(
            f"{home.config_path} names another cloud than this machine is paired with ({credentials.endpoint}): "
            "run `halton-meter cloud connect --force`"
        )
    return Link(credentials, UploadRules.from_config(config.upload))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableStateError(f"{path} cannot be read: {error.strerror or error}") from error
    return found.st_ino, found.st_mtime_ns, found.st_size
