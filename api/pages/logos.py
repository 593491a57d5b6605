"""The logo of a workspace as pages and reports show it.

Belongs here: sending it. Does not belong here: taking one (`settings`), decoding (`api.workspaces.logos`).

The path names the picture's digest, so that browsers may keep it and another picture has another path.
"""

from __future__ import annotations

import hmac
from typing import Final

from fastapi import APIRouter, Response

from api.access.callers import ReadWorkspace
from api.db.dependencies import Look
from api.workspaces.logos import find_logo, logo_not_found

router = APIRouter(include_in_schema=False)
_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": 'inline; filename="logo.png"',
    "Vary": "Authorization, Cookie",
}


@router.get("/{workspace}/logo/{digest}.png")
def logo(caller: ReadWorkspace, digest: str, look: Look) -> Response:
    """Send the logo to who may see the workspace; a digest of another picture is a 404."""
    found = find_logo(look, caller.workspace_id)
    if not hmac.compare_digest(found.sha256.encode(), digest.encode()):
        raise logo_not_found()
    return Response(found.png, media_type="image/png", headers=_HEADERS | {"ETag": f'"{found.sha256}"'})
