"""E-mails as files: what happens until a mail server is configured.

Belongs here: writing `.eml` files and telling their links in the log. Does not belong here: real mail servers.

Whoever tries the server out clicks the link in the log. Files and log hold links that sign people in: the files are
readable by the server's user only, and the log tells links only in this mode.
"""

from __future__ import annotations

import logging
import os
import re
from datetime import timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Final

from api.outbox.composing import compose
from api.outbox.transports.port import NotYet, Outgoing

logger = logging.getLogger(__name__)
_LINK: Final = re.compile(r"^https?://\S+$", re.MULTILINE)


class FolderTransport:
    """Writes each message to a file of its own, named by time and id; writing it again changes nothing."""

    repeat_within = timedelta(days=36_500)

    def __init__(self, folder: Path, sender: Address) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, outgoing: Outgoing) -> None:
        """Write the file and log where it is, with the links of the text.

        Raises:
            Never: the message cannot be composed.
            NotYet: the file cannot be written.
        """
        content = compose(outgoing, self._sender).as_bytes()
        path = self._folder / f"{outgoing.written_at:%Y%m%dT%H%M%SZ}-{outgoing.id}.eml"
        try:
            self._write(path, content)
        except OSError as error:
            raise NotYet(f"the mail folder cannot be written: {error.strerror}") from error
        links = " ".join(_LINK.findall(outgoing.text)) or "none"
        logger.info('mail for %s: "%s", link: %s, file: %s', outgoing.recipient, outgoing.subject, links, path)

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}.tmp")
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
