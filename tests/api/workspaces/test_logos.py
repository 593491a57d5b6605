"""Logos: hostile files are refused in plain words, and what is kept is pixels and nothing else."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from sqlalchemy import Engine

from api.db.models import Role
from api.errors import Refused
from api.workspaces.logos import EDGE_PX, KEPT_BYTES_MAX, UPLOAD_BYTES_MAX, read_logo
from tests.api.conftest import People
from tests.conftest import on_sqlite


def picture(size: tuple[int, int] = (40, 20), kind: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, 77 if mode in "LP" else "teal").save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of_size(width: int, height: int) -> bytes:
    """A small file whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGB")]
)
def test_the_usual_formats_become_a_png(kind: str, mode: str) -> None:
    logo = read_logo(picture((1200, 300), kind, mode))
    with Image.open(io.BytesIO(logo.png)) as kept:
        assert (kept.format, kept.size, kept.mode) == ("PNG", (EDGE_PX, 128), "RGBA")
    assert (logo.width_px, logo.height_px) == (EDGE_PX, 128)


def test_metadata_and_appended_bytes_are_gone() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "secret place")
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    for upload in (
        picture(pnginfo=notes) + b"<script>secret place</script>",
        picture(kind="JPEG", exif=exif, comment=b"secret place"),
        picture(kind="JPEG", icc_profile=b"secret place"),
    ):
        assert b"secret place" in upload
        logo = read_logo(upload)
        assert b"secret" not in logo.png
        with Image.open(io.BytesIO(logo.png)) as kept:
            assert dict(kept.info) == {}


def test_a_photo_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    logo = read_logo(picture((40, 20), "JPEG", exif=exif))
    assert (logo.width_px, logo.height_px) == (20, 40)


def test_noise_is_made_small_enough() -> None:
    noise = Image.effect_noise((700, 700), 90).convert("RGB")
    stream = io.BytesIO()
    noise.save(stream, "JPEG", quality=80)
    assert len(read_logo(stream.getvalue()).png) <= KEPT_BYTES_MAX


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (b"", "logo_unreadable"),
        (b"hello", "logo_unreadable"),
        (b"GIF89a", "logo_unreadable"),
        (picture()[:60], "logo_unreadable"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "logo_unreadable"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "logo_svg"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "logo_svg"),
        (b"<!DOCTYPE svg []><svg/>", "logo_svg"),
        (b"GIF89a<svg onload=alert(1)>", "logo_svg"),
        (png_of_size(60_000, 60_000), "logo_too_many_pixels"),
        (png_of_size(9_000, 1), "logo_too_many_pixels"),
        (png_of_size(2**31 - 1, 2**31 - 1), "logo_too_many_pixels"),
        (picture(kind="BMP"), "logo_unreadable"),
        (picture(kind="TIFF"), "logo_unreadable"),
        (picture(kind="ICO", mode="RGBA"), "logo_unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "logo_unreadable"),
        (bytes(UPLOAD_BYTES_MAX + 1), "logo_too_large"),
    ],
    ids=range(17),
)
def test_hostile_files_are_refused_with_plain_words(upload: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_logo(upload)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")


@settings(max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 400), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]))
def test_a_file_damaged_anywhere_is_read_or_refused(junk: bytes, at: int, kind: str) -> None:
    whole = picture((30, 30), kind)
    try:
        logo = read_logo(whole[:at] + junk + whole[at + len(junk) :])
    except Refused:
        return
    assert logo.png.startswith(b"\x89PNG")


def test_the_logo_is_uploaded_shown_and_removed(engine: Engine, people: People, workspace_id: str) -> None:
    owner, member = people.member(workspace_id, "vk@acme.co", Role.OWNER), people.member(workspace_id, "m@acme.co")
    taken = owner.post_form("/acme-co/settings/logo", files={"logo": ("x.png", picture(), "image/png")})
    assert taken.headers["location"] == "/acme-co/settings?done=logo"
    shown = member.json("GET", "/v1/acme-co/settings").json()["logo"]
    answer = member.get(shown["path"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == read_logo(picture()).png
    assert f'src="{shown["path"]}"' in member.get("/acme-co/settings").text
    assert people.sign_in("eve@example.net").get(shown["path"]).status_code == 404
    assert member.get(f"/acme-co/logo/{'0' * 64}.png").status_code == 404
    assert member.post_form("/acme-co/settings/logo/remove").status_code == 403
    assert owner.post_form("/acme-co/settings/logo/remove").status_code == 303
    assert member.get(shown["path"]).status_code == 404


@on_sqlite
def test_the_json_route_takes_bare_bytes_under_the_cap(engine: Engine, people: People, workspace_id: str) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    headers = {"Origin": "https://testserver", "X-Form-Token": owner.form_token, "Content-Type": "image/png"}
    put = owner.client.put("/v1/acme-co/settings/logo", content=picture(), headers=headers)
    assert put.json()["logo"]["sha256"] == read_logo(picture()).sha256
    too_large = owner.client.put("/v1/acme-co/settings/logo", content=bytes(UPLOAD_BYTES_MAX + 1), headers=headers)
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "logo_too_large")
    svg = owner.post_form("/acme-co/settings/logo", files={"logo": ("x.svg", b"<svg/>", "image/svg+xml")})
    assert svg.status_code == 422
    assert "SVG files can hold scripts" in svg.text
    assert "Choose a file first." in owner.post_form("/acme-co/settings/logo").text
    assert owner.json("DELETE", "/v1/acme-co/settings/logo").json()["logo"] is None
