from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.bodies.content import keepable
from daemon.bodies.keep import BodyKeeper
from daemon.calls.call import Call
from daemon.capture.proxy.captured import BodyLeg
from daemon.clock import SystemClock
from daemon.store.store import Store
from tests.daemon.bodies.secrets_samples import SECRETS

KEY = "sk-ant-api03-Zm9vYmFyYmF6cXV4-1234567890AA"
CALL_ID = "6f9d7c1e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Leg:
    content: bytes
    content_type: str | None = "application/json"
    content_encoding: str | None = None
    direction: str = "response"
    cut_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.content) + self.cut_bytes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "db.sqlite", SystemClock()) as opened:
        opened.add(
            [
                Call(
                    id=CALL_ID,
                    requested_at_us=1,
                    recorded_at_us=1,
                    provider="anthropic",
                    model="claude-sonnet-4-5",
                    surface="messages",
                    source="proxy",
                    project="acme-api",
                )
            ]
        )
        yield opened


def test_both_legs_of_a_chosen_project_are_kept_without_secrets(store: Store) -> None:
    keeper = BodyKeeper(store, projects=["Acme API"], max_bytes=1000)
    sent = BodyLeg(
        direction="request",
        content_type="application/json; charset=utf-8",
        content_encoding="gzip",
        content=gzip.compress(json.dumps({"content": f"my key is {KEY}"}).encode()),
        size_bytes=77,
    )
    assert keeper.keep(CALL_ID, "acme-api", [sent, Leg(b'{"text": "thanks"}')]) == 2
    request, response = store.bodies(CALL_ID)
    assert json.loads(request.text) == {"content": "my key is [removed: api key]"}
    assert (request.content_type, request.original_size_bytes) == ("application/json", 77)
    assert request.redactions == ("api key: 1",)
    assert (response.direction, response.text, response.redactions) == ("response", '{"text": "thanks"}', ())
    assert KEY.encode() not in b"".join(path.read_bytes() for path in store.path.parent.iterdir())


def test_nothing_of_other_projects_is_kept_or_even_asked_for(store: Store) -> None:
    keeper = BodyKeeper(store, projects=["other"], max_bytes=1000)
    assert keeper.keep(CALL_ID, "acme-api", [Leg(b"{}")]) == 0
    assert store.bodies(CALL_ID) == []
    assert BodyKeeper(store, projects=[], max_bytes=1000).body_bytes == 0
    assert BodyKeeper(store, projects=["*", ""], max_bytes=1000).body_bytes == 0
    assert keeper.body_bytes >= 1000


def test_an_empty_leg_is_not_kept(store: Store) -> None:
    assert BodyKeeper(store, projects=["acme-api"], max_bytes=10).keep(CALL_ID, "acme-api", [Leg(b"")]) == 0


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "content", "expected", "removed"),
    [
        ("image/png", None, b"\x89PNG", "[4 bytes that are no text]", "binary"),
        ("multipart/form-data; boundary=x", None, KEY.encode(), "[42 bytes that are no text]", "binary"),
        ("application/json", "gzip", b"not gzip", "[8 bytes that could not be decoded]", "undecoded"),
        ("application/json", "odd", b"{}", "[2 bytes that could not be decoded]", "undecoded"),
    ],
)
def test_what_is_no_text_is_only_mentioned(
    content_type: str, content_encoding: str | None, content: bytes, expected: str, removed: str
) -> None:
    kept = keepable(Leg(content, content_type, content_encoding), 1000)
    assert (kept.text, kept.removed) == (expected, (removed,))


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "application/problem+json"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_secrets_are_found_in_every_encoding_of_json(content_type: str | None, encoding: str) -> None:
    kept = keepable(Leg(json.dumps({"k": KEY}).encode(encoding), content_type), 1000)
    assert json.loads(kept.text) == {"k": "[removed: api key]"}


def test_a_kept_text_is_no_longer_than_allowed_and_says_that_it_was_cut() -> None:
    kept = keepable(Leg("é".encode() * 1000, "text/plain"), 101)
    assert kept.text == "é" * 50
    assert kept.removed == ("cut",)
    assert keepable(Leg(b"x " * 50, "text/plain"), 100).removed == ()


@pytest.mark.parametrize("secret", SECRETS)
def test_half_a_secret_at_the_end_of_what_was_read_is_not_kept(secret: str) -> None:
    head = re.split(r"\s", secret, maxsplit=1)[0]
    for length in range(4, len(head)):
        kept = keepable(Leg(f'{{"content": "use {head[:length]}'.encode(), cut_bytes=100), 1000)
        assert kept.text in ('{"content": "use ', '{"content": "use [removed: card number]') or "-----BEGIN" in head
        assert kept.removed[-1] == "cut"


def test_a_bomb_is_read_no_further_than_needed() -> None:
    kept = keepable(Leg(gzip.compress(b"word " * 10_000_000), "text/plain", "gzip"), 1000)
    assert len(kept.text) == 1000


def _events(*events: object) -> bytes:
    return "".join(f"event: x\r\ndata: {json.dumps(event)}\r\n\r\n: ping\r\n\r\n" for event in events).encode()


def test_a_key_that_a_stream_spells_is_found() -> None:
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": KEY[place : place + 4]}}
        for place in range(0, len(KEY), 4)
    ]
    stream = _events({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}}, *deltas)
    kept = keepable(Leg(stream + b"data: [DONE]\n\n", "text/event-stream"), 10_000)
    shown = json.loads(kept.text)
    assert shown["0:delta.text"] == "[removed: api key]"
    assert (shown["events"], shown["message.model"], shown["message.usage.input_tokens"]) == (len(deltas) + 1, "m", 3)
    assert kept.removed == ("api key: 1",)


def test_texts_of_other_streams_are_put_together_too() -> None:
    openai = _events(*({"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("Hel", "lo")))
    assert json.loads(keepable(Leg(openai, "text/event-stream"), 999).text)["choices[0].delta.content"] == "Hello"
    responses = _events(*({"type": "response.output_text.delta", "output_index": 1, "delta": part} for part in "ab"))
    assert json.loads(keepable(Leg(responses, "text/event-stream"), 999).text)["1:delta"] == "ab"
    parts = [{"candidates": [{"content": {"parts": [{"text": part}]}}]} for part in ("Hel", "lo", "!")]
    array = json.dumps(parts).encode()
    name = "candidates[0].content.parts[0].text"
    assert json.loads(keepable(Leg(array), 999).text)[name] == "Hello!"
    assert json.loads(keepable(Leg(array[:-20], cut_bytes=20), 999).text)[name] == "Hello"


@pytest.mark.parametrize(
    "content",
    [
        *(b"data: {broken\n\n", b"data: " + b"[" * 50_000, b"data\n\n\n"),
        *(b"[" * 50_000, b"[1, 2]", b"[{}, 2]", b"[", b"\xff\xfe\xff"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_malformed_streams_make_nothing_fail(content: bytes, content_type: str) -> None:
    assert isinstance(keepable(Leg(content, content_type), 100_000).text, str)
    assert isinstance(keepable(Leg(content, content_type, cut_bytes=5), 100_000).text, str)
