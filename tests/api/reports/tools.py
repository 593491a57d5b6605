"""Programs and libraries that tests of PDFs need: poppler's, and what sets text.

Both are the distribution's; a run as root installs them where they are missing.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-dejavu-core", "poppler-utils")


def require_tools() -> None:
    """Make sure that PDFs can be made and read, or fail plainly."""
    _require(lambda: shutil.which("pdfsig") is not None, "poppler-utils")
    _require(lambda: all(ctypes.util.find_library(name) for name in ("pango-1.0", "pangoft2-1.0")), "Pango")


def text_of(pdf: Path) -> str:
    """Return what a PDF says, as people read it."""
    return _run("pdftotext", "-layout", str(pdf), "-").replace("\u202f", " ").replace("\u00a0", " ")


def signature_of(pdf: Path) -> str:
    """Return what `pdfsig` says of a PDF."""
    return _run("pdfsig", "-nocert", str(pdf))


def attached(pdf: Path, name: str, folder: Path) -> bytes:
    """Return a file inside a PDF."""
    folder.mkdir(exist_ok=True)
    target = folder / name
    _run("pdfdetach", "-savefile", name, "-o", str(target), str(pdf))
    return target.read_bytes()


def fonts_of(pdf: Path) -> str:
    """Return the fonts of a PDF, a line each."""
    return _run("pdffonts", str(pdf))


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()


def _require(found: Callable[[], bool], what: str) -> None:
    if not found() and os.geteuid() == 0 and shutil.which("apt-get"):
        for told in (("install", *PACKAGES), ("update",), ("install", *PACKAGES)):
            subprocess.run(["apt-get", told[0], "--yes", "--quiet", *told[1:]], capture_output=True, check=False)
            if found():
                break
    if not found():
        pytest.fail(f"These tests need {what}: apt-get install {' '.join(PACKAGES)}", pytrace=False)
