"""What `doctor` finds of the meter's files: store, authority, modes, prices.

Belongs here: those checks. Does not belong here: the others (`checks`, `cloud_checks`).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from daemon.clock import Clock
from daemon.config import Config
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.prices.overrides import load_prices
from daemon.service.capture_ability import why_not_captured
from daemon.service.checks import Check
from daemon.store.errors import StoreError
from daemon.store.store import Store

_SOON: Final = timedelta(days=30)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def file_checks(home: MeterHome, clock: Clock) -> Iterator[Check]:
    """Yield what is found of the home's files."""
    yield from _modes(home)
    yield _store(home, clock)
    try:
        load_prices(home)
        yield Check(name="prices", level="good", found="the price table is understood")
    except UnreadableStateError as error:
        yield Check(name="prices", level="bad", found=str(error), remedy="correct the place it names")
    if why_not_captured(Config()) is None:
        yield _authority(home, clock)


def _modes(home: MeterHome) -> Iterator[Check]:
    paths = [home.credentials_path, home.cloud_key_path, home.database_path, home.log_path, home.machine_path]
    paths += [home.authority_folder, *home.authority_folder.glob("mitmproxy-ca*.pem")]
    open_ones = [path for path in paths if path.exists() and path.stat().st_mode & _OTHERS]
    for path in open_ones:
        yield Check(name="permissions", level="bad", found=f"others may read {path}", remedy=f"chmod go= '{path}'")
    if not open_ones:
        yield Check(name="permissions", level="good", found=f"only you can read what is in {home.root}")


def _store(home: MeterHome, clock: Clock) -> Check:
    if not home.database_path.exists():
        return Check(name="store", level="note", found="nothing is recorded yet", remedy="halton-meter start")
    try:
        with Store(home.database_path, clock) as store:
            faults = store.faults()
    except StoreError as error:
        return Check(name="store", level="bad", found=str(error), remedy="free the disk, or move the file away")
    if faults:
        remedy = f"copy {home.database_path} somewhere safe, then move it away: a new one begins"
        return Check(name="store", level="bad", found=faults[0], remedy=remedy)
    return Check(name="store", level="good", found=f"{home.database_path} is sound")


def _authority(home: MeterHome, clock: Clock) -> Check:
    from daemon.capture.proxy.authority import AuthorityError, authority_files, certificate_of  # noqa: PLC0415 - heavy

    folder: Path = home.authority_folder
    try:
        certificate = certificate_of(folder)
    except AuthorityError as error:
        return Check(name="authority", level="bad", found=str(error), remedy="halton-meter restart makes a new one")
    if certificate is None or not authority_files(folder).bundle.exists():
        return Check(name="authority", level="bad", found=f"there is none in {folder}", remedy="halton-meter init")
    ends = certificate.not_valid_after_utc
    if ends <= clock.now() + _SOON:
        remedy = f"remove {folder}, then halton-meter restart"
        return Check(name="authority", level="bad", found=f"it expires on {ends:%Y-%m-%d}", remedy=remedy)
    return Check(name="authority", level="good", found=f"valid until {ends:%Y-%m-%d}")
