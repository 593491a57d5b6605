"""The script that draws charts, as browsers get it.

Belongs here: its URL, making it when it is missing, and the route that sends it. Does not belong here: what is in it
(`pipelines.charts.bundle`).

The bundle is made on first use, in a process of its own, and kept in the home under a name that carries the digest of
everything it is made of: another version has another URL, and browsers keep each for a year. Pages never wait for it.
`halton-cloud assets` makes it ahead of the first visitor.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from api.errors import not_found
from pipelines.charts.bundle import bundle_digest
from pipelines.lake.paths import Home

router = APIRouter(include_in_schema=False)
NAME: Final = "charts.js"
WITHIN_SECONDS: Final = 120
_KEPT: Final = "public, max-age=31536000, immutable"
_making = Lock()


def charts_script() -> str:
    """Return the URL of the script."""
    return f"/assets/{bundle_digest()}/{NAME}"


def made_script(home: Home) -> Path:
    """Return the gzipped script's file, made first when it is missing.

    Raises:
        subprocess.SubprocessError: it could not be made.
    """
    path = home.page_assets / f"charts-{bundle_digest()}.js.gz"
    with _making:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.{uuid4().hex}")
            command = [sys.executable, "-m", "pipelines.charts.bundle", str(part)]
            try:
                subprocess.run(  # noqa: S603 - our own module
                    command, check=True, capture_output=True, timeout=WITHIN_SECONDS, stdin=subprocess.DEVNULL
                )
                os.replace(part, path)  # noqa: PTH105 - another process may be making the same file
            finally:
                part.unlink(missing_ok=True)
    return path


@router.get(f"/assets/{{digest}}/{NAME}")
def script(request: Request, digest: str) -> Response:
    """Send the script; a URL of another version than the present one is a 404."""
    if digest != bundle_digest():
        raise not_found("asset_not_found", "There is nothing at this path.")
    content = made_script(request.app.state.home).read_bytes()
    headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, media_type="text/javascript", headers=headers)
