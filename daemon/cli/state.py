"""What all commands share: the meter's folder, exit codes, plain failures.

Belongs here: nothing that imports httpx or msgspec at the top, so that `--help` stays instant. Does not belong here:
commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from daemon.credentials import MeterHome


@dataclass(frozen=True)
class CliState:
    """Options of the top-level command.

    Attributes:
        named_home: the folder the person named, by option or environment; None when they named none.
    """

    named_home: Path | None

    @property
    def home(self) -> MeterHome:
        """The meter's folder: the named one, else `~/.halton-meter`."""
        return self.home_or(default_home())

    def home_or(self, fallback: Path) -> MeterHome:
        """Return the named folder, else `fallback`."""
        from daemon.credentials import MeterHome  # noqa: PLC0415 - keeps --help instant

        return MeterHome(self.named_home or fallback)


def default_home() -> Path:
    """Return where a meter lives when nobody says otherwise."""
    return Path.home() / ".halton-meter"


def installed_version() -> str:
    """Return this distribution's version, `0` when run from a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - keeps --help instant

    try:
        return version("halton-meter-cloud")
    except PackageNotFoundError:
        return "0"


class PlainFailure(click.ClickException):
    """A failure shown as one line on stderr; exit code 1."""


class DeadTokenFailure(PlainFailure):
    """The cloud no longer knows this machine's token; exit code 2."""

    exit_code = 2


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn expected failures of the body into one line and an exit code: 2 for a dead token, else 1."""
    from daemon.credentials import UnreadableStateError  # noqa: PLC0415 - keeps --help instant
    from daemon.sync.errors import CloudError, TokenRejected  # noqa: PLC0415

    try:
        yield
    except TokenRejected as error:
        raise DeadTokenFailure(f"{error.message}. Run `halton-meter cloud connect`.") from error
    except (CloudError, UnreadableStateError) as error:
        raise PlainFailure(str(error)) from error
    except OSError as error:
        raise PlainFailure(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")) from error


def not_paired() -> NoReturn:
    """End the command: there are no credentials.

    Raises:
        PlainFailure: always.
    """
    raise PlainFailure("This machine is not paired. Run `halton-meter cloud connect`.")
