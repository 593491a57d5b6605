"""The logo of a workspace: taken from an upload, decoded under caps, and encoded anew as PNG.

Belongs here: reading hostile image files safely, storing and finding the logo. Does not belong here: the routes that
take and send it (`routes`, `api.pages.settings`, `api.pages.logos`).

Nothing of the uploaded bytes is kept: the pixels are copied onto an empty picture and that is encoded, so no metadata,
colour profile or appended content survives. Formats are named one by one; SVG, which can hold scripts, is none of them.
Nothing is decoded before the size in the file's header is within the cap.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PIL import Image, ImageOps
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import WorkspaceLogo
from api.db.session import lock_workspace
from api.errors import Refused, invalid, not_found
from pipelines.lake.clock import to_micros

UPLOAD_BYTES_MAX: Final = 1024 * 1024
UPLOAD_PIXELS_MAX: Final = 4096 * 4096
UPLOAD_EDGE_MAX_PX: Final = 8192
EDGE_PX: Final = 512
"""Longest edge of the logo that is kept."""
KEPT_BYTES_MAX: Final = 512 * 1024
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_SMALLER_EDGES_PX: Final = (256, 128)
_HEAD_BYTES: Final = 1024
_NOT_READABLE: Final = "The file is not an image that can be read. Upload a PNG, JPEG, GIF or WebP."


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture this server encoded itself.

    Attributes:
        png: its bytes.
        sha256: their digest, hex.
    """

    png: bytes
    sha256: str
    width_px: int
    height_px: int


def read_logo(upload: bytes) -> Logo:
    """Return an uploaded picture encoded anew: at most 512 pixels on its longer edge, its first frame only.

    Raises:
        Refused: 413 `logo_too_large`; 422 `logo_unreadable`, `logo_svg` or `logo_too_many_pixels`.
    """
    if len(upload) > UPLOAD_BYTES_MAX:
        raise Refused(413, "logo_too_large", f"The file is larger than {UPLOAD_BYTES_MAX // 1024} KiB.")
    head = upload[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<?xml", b"<svg", b"<!doctype")) or b"<svg" in head:
        raise invalid("SVG files can hold scripts and are not taken. Upload a PNG, JPEG, GIF or WebP.", code="logo_svg")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of some bombs and broken files
            picture = _decoded(upload)
    except Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001 - decoders raise whatever a broken file leads them to
        raise invalid(_NOT_READABLE, code="logo_unreadable") from None
    png = _encoded(picture, EDGE_PX)
    for edge in _SMALLER_EDGES_PX:
        if len(png) <= KEPT_BYTES_MAX:
            break
        png = _encoded(picture, edge)
    return Logo(png, hashlib.sha256(png).hexdigest(), picture.width, picture.height)


def set_logo(session: Session, workspace_id: str, upload: bytes, *, actor: Actor, at: datetime) -> Logo:
    """Make an uploaded picture the workspace's logo.

    Raises:
        Refused: 404 no such workspace; otherwise as `read_logo`.
    """
    logo = read_logo(upload)  # before the lock: it takes its time
    lock_workspace(session, workspace_id)
    session.merge(
        WorkspaceLogo(
            workspace_id=workspace_id,
            png=logo.png,
            sha256=logo.sha256,
            width_px=logo.width_px,
            height_px=logo.height_px,
            uploaded_at_us=to_micros(at),
        )
    )
    details = {"sha256": logo.sha256, "width_px": logo.width_px, "height_px": logo.height_px}
    _record(session, workspace_id, AuditEvent.WORKSPACE_LOGO_SET, actor, at, details)
    return logo


def remove_logo(session: Session, workspace_id: str, *, actor: Actor, at: datetime) -> None:
    """Remove the workspace's logo.

    Raises:
        Refused: 404 no such workspace, or it has none.
    """
    lock_workspace(session, workspace_id)
    logo = session.get(WorkspaceLogo, workspace_id)
    if logo is None:
        raise logo_not_found()
    details: dict[str, str | int] = {"sha256": logo.sha256}
    session.delete(logo)
    session.flush()
    _record(session, workspace_id, AuditEvent.WORKSPACE_LOGO_REMOVED, actor, at, details)


def find_logo(session: Session, workspace_id: str) -> Logo:
    """Return the workspace's logo.

    Raises:
        Refused: 404 it has none.
    """
    logo = session.get(WorkspaceLogo, workspace_id)
    if logo is None:
        raise logo_not_found()
    return Logo(logo.png, logo.sha256, logo.width_px, logo.height_px)


def logo_not_found() -> Refused:
    """Return the 404 of a workspace without a logo, or with another one."""
    return not_found("logo_not_found", "There is no such logo.")


def logo_path(slug: str, sha256: str) -> str:
    """Return the path of a logo; another picture has another one."""
    return f"/{slug}/logo/{sha256}.png"


def _decoded(upload: bytes) -> Image.Image:
    """Return the first frame as bare pixels, red, green, blue and alpha."""
    with Image.open(io.BytesIO(upload), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > UPLOAD_PIXELS_MAX or max(width, height) > UPLOAD_EDGE_MAX_PX or not width * height:
            raise _too_many_pixels()
        opened.draft("RGB", (EDGE_PX * 2, EDGE_PX * 2))  # a JPEG is decoded at about the size that is needed
        frame = ImageOps.exif_transpose(opened)
        pixels = frame.convert("RGBA")
    bare = Image.new("RGBA", pixels.size)
    bare.paste(pixels)
    return bare


def _too_many_pixels() -> Refused:
    return invalid("The picture has too many pixels: make it smaller and upload it again.", code="logo_too_many_pixels")


def _encoded(picture: Image.Image, edge: int) -> bytes:
    """Make the picture fit, and return its PNG."""
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _record(
    session: Session,
    workspace_id: str,
    event: AuditEvent,
    actor: Actor,
    at: datetime,
    details: dict[str, str | int],
) -> None:
    resource = Resource("workspace", workspace_id)
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
