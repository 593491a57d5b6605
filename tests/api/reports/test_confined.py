"""Whatever a report is made of: nothing is fetched, nothing is reached, and limits hold."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator

import msgspec
import pytest

from api.reports.children import ChildError, run_confined
from api.reports.renderer import Rendered, ToRender
from api.reports.words import amount, days, name, usd
from tests.api.reports.conftest import HOSTILE, Issued
from tests.api.reports.tools import text_of

REACHING = """
<!doctype html><html><head><link rel="stylesheet" href="{url}/a.css"><link rel="attachment" href="{url}/b">
<style>@import "{url}/c.css"; @font-face {{ font-family: f; src: url("{url}/d.ttf") }} body {{ font-family: f;
background: url("{url}/e.png") }}</style><base href="{url}/"></head><body><img src="{url}/f.png"><img src="g.png">
<img src="file:///etc/passwd"><img src="asset:svg"><object data="{url}/h"></object><embed src="{url}/i">
<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/j.png"/><use href="{url}/k.svg#x"/></svg>
<a rel="attachment" href="file:///etc/passwd">l</a><p>The text stands.</p></body></html>
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/m.png" width="9" height="9"/></svg>'


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that notes who connects."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stopping = threading.Event()

        def listen() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    heard.append(b"somebody")

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        stopping.set()
        thread.join()


def rendered(html: str, assets: dict[str, tuple[str, bytes]] | None = None, **options: float) -> Rendered:
    message = ToRender(html, assets or {}, [], b"0" * 16, 0)
    answer = run_confined("api.reports.renderer", msgspec.msgpack.encode(message), **options)
    return msgspec.msgpack.decode(answer, type=Rendered)


@pytest.mark.enable_socket
def test_nothing_that_a_document_names_is_fetched(listener: tuple[str, list[bytes]]) -> None:
    url, heard = listener
    pdf = rendered(REACHING.format(url=url), {"svg": ("image/svg+xml", SVG.format(url=url).encode())}).pdf
    assert heard == []
    assert b"/EmbeddedFile" not in pdf
    assert b"root:" not in pdf
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))):
        pass  # it would have been heard
    threading.Event().wait(0.3)
    assert heard == [b"somebody"]


def test_a_confined_process_reaches_no_network_and_starts_no_program_whatever_runs_in_it() -> None:
    tried = """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
from api.reports.confinement import ConfinedError, cut_off
cut_off()
print(libc.socket(2, 1, 0), ctypes.get_errno(), libc.execv(b"/bin/true", None), ctypes.get_errno())
try:
    socket.create_connection(("127.0.0.1", 9))
except ConfinedError as refused:
    print(refused)
"""
    paths = ":".join(path for path in sys.path if path)
    told = subprocess.run([sys.executable, "-c", tried], env={"PYTHONPATH": paths}, capture_output=True, check=False)
    first, second = told.stdout.decode().splitlines()
    assert "socket." in second
    if sys.platform == "linux":
        assert first == "-1 13 -1 13", told.stderr


def bomb(edge: int) -> bytes:
    """Return a PNG of few bytes that is `edge` pixels square once it is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(8 * (1 + 3 * edge)))  # the first few: no decoder should come that far
    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_that_would_unpack_to_gigabytes_is_left_out() -> None:
    picture = bomb(30_000)
    assert len(picture) < 1_000_000
    with_bomb = '<p>The text stands.</p><img src="asset:logo" style="image-orientation: 90deg; width: 40mm">'
    assert rendered(with_bomb, {"logo": ("image/png", picture)}).pages == 1


def test_more_memory_than_its_limit_is_refused_to_a_confined_process() -> None:
    greedy = "from api.reports.confinement import limit; limit(256 * 1024**2, 5); bytearray(512 * 1024**2)"
    paths = ":".join(path for path in sys.path if path)
    told = subprocess.run([sys.executable, "-c", greedy], env={"PYTHONPATH": paths}, capture_output=True, check=False)
    assert told.returncode == 1
    assert b"MemoryError" in told.stderr


def test_what_takes_too_long_is_ended() -> None:
    endless = "<table>" + "<tr><td>x" * 40_000
    with pytest.raises(ChildError, match="longer than"):
        rendered(endless, wall_seconds=2.0)


def test_hostile_names_are_text_and_turn_nothing_round(issued: Issued) -> None:
    text = text_of(issued.pdf("hostile"))
    flat = "".join(text.split())
    assert "".join(name(HOSTILE).split()) in flat
    assert "\u202e" not in text
    assert issued.document("hostile")["figures"]["project"]["display_name"] == HOSTILE  # exactly, in the figures
    assert flat.count("W" * 15) >= 1


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (usd("0.00420"), "<$0.01"), (usd("0"), "$0.00"), (usd("-0.01500"), "\u2212$0.02"), (usd(None), "\u2013"),
        (usd("1234567.89500"), "$1,234,567.90"), (amount("12.5", "CHF"), "CHF\u00a012.50"),
        (amount("1234.5", "JPY", 0), "¥1,234"), (days("2026-06-01", "2026-06-30"), "1\u201330 June 2026"),
        (days("2026-05-30", "2026-06-02"), "30 May \u2013 2 June 2026"), (name("a\u202eb\u0007"), "a\ufffdb\ufffd"),
        (name("x" * 99, 5), "xxxx…"),
    ],
)  # fmt: skip
def test_amounts_days_and_names_read_as_people_write_them(shown: str, wanted: str) -> None:
    assert shown == wanted
