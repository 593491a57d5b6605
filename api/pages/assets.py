"""Files that pages load: stylesheet and scripts, named by their content and kept by browsers for a year.

Belongs here: their URLs and the route that sends them. Does not belong here: the files (`static`).
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from api.errors import not_found

router = APIRouter(include_in_schema=False)
STATIC: Final = Path(__file__).parent / "static"
_DIGITS: Final = 16
_KEPT: Final = "public, max-age=31536000, immutable"


def asset_url(name: str) -> str:
    """Return the URL of a file in `static`; another content has another URL."""
    return f"/assets/{_digest(name)}/{name}"


@router.get("/assets/{digest}/{name}")
def asset(digest: str, name: str) -> Response:
    """Send one file; a URL of another content than the present one is a 404."""
    if name not in _names() or digest != _digest(name):
        raise not_found("asset_not_found", "There is nothing at this path.")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response((STATIC / name).read_bytes(), media_type=kind, headers={"Cache-Control": _KEPT})


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.is_file())


@lru_cache(maxsize=64)
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:_DIGITS]
