"""What can go wrong between a daemon and its cloud.

Belongs here: the exceptions of `daemon.sync`. Does not belong here: the server's error bodies (`daemon.wire.errors`).

    CloudError
    ├── Unavailable        network failure, 5xx or 429, still so after every retry: keep the rows, try later
    ├── ContractMismatch   a redirect, or a 2xx that is no JSON object of the expected shape: this is not our server
    ├── TokenRejected      401: the token is dead; `code` says why; stop until a person pairs again
    ├── Forbidden          403: the workspace no longer lets this device in; stop until a person acts
    ├── Refused            any other 4xx: the server understood and said no
    └── PairingEnded       the pairing was denied, declined here, expired, already consumed, or nobody approved in time

Only `TokenRejected` and `Forbidden` end a sync; none of them ever means that rows were taken.
"""

from __future__ import annotations


class CloudError(Exception):
    """Any failure of a call to the cloud.

    Attributes:
        message: one plain sentence for a person.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unavailable(CloudError):  # noqa: N818 - the name says what happened
    """The cloud did not answer, or answered that it cannot serve now.

    Attributes:
        status: the last HTTP status, None when there was no answer.
        retry_after: seconds the cloud asked to be left alone for, None when it did not say.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ContractMismatch(CloudError):  # noqa: N818 - the name says what happened
    """The answer is not one this protocol knows; nothing was acknowledged.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Answered(CloudError):  # noqa: N818 - the name says what happened
    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TokenRejected(_Answered):
    """401.

    Attributes:
        code: `token_revoked`, `workspace_deleted`, `token_unknown`, or `unauthorized` when the server gave none.
    """


class Forbidden(_Answered):
    """403.

    Attributes:
        code: the server's code, `forbidden` when it gave none.
    """


class Refused(_Answered):
    """A 4xx other than 401, 403 and 429.

    Attributes:
        code: the server's code, `http_<status>` when it gave none.
        status: the HTTP status.
    """


class PairingEnded(CloudError):  # noqa: N818 - the name says what happened
    """No token came out of a pairing.

    Attributes:
        status: `denied`, `declined` (by this machine's owner), `expired`, `consumed` or `timed_out`.
    """

    def __init__(self, status: str) -> None:
        super().__init__(f"Pairing ended: {status.replace('_', ' ')}")
        self.status = status
