"""The error that says that a rival is not here."""


class RivalMissing(Exception):  # noqa: N818 - it says what happened
    """A rival cannot be started on this machine; the message says why. The benchmark goes on without it."""
