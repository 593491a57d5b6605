"""Metering one exchange from beginning to end, in as many pieces as wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from daemon.capture.providers.meter import CallMeter
from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.capture.providers.registry import endpoint_of
from tests.daemon.upstreams_samples import Sample
from tests.daemon.upstreams_shapes import EVENTS, JSON, compact

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
PATHS = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
    "xai": "/v1/chat/completions",
}


class StoppedClock:
    def now(self) -> datetime:
        return NOON


class Seconds:
    """A monotonic clock that goes on by itself by a quarter of a second at every look."""

    def __init__(self, step: float = 0.25) -> None:
        self.at = 100.0
        self.step = step

    def __call__(self) -> float:
        self.at += self.step
        return self.at


def meter_for(provider: str, path: str | None = None, monotonic: Seconds | None = None) -> CallMeter:
    endpoint = endpoint_of(provider, "POST", path or PATHS[provider])
    assert endpoint is not None
    return CallMeter(endpoint, clock=StoppedClock(), monotonic=monotonic or Seconds())


def metered(
    provider: str,
    pieces: Iterable[bytes],
    *,
    path: str | None = None,
    request: Any = None,
    status: int = 200,
    content_type: str = EVENTS,
    headers: Mapping[str, str] | None = None,
    outcome: Outcome = Outcome.COMPLETE,
) -> MeteredCall:
    """Meter an answer in the given pieces; a request that is no bytes is sent as JSON."""
    meter = meter_for(provider, path)
    if request is not None:
        meter.request({}, request if isinstance(request, bytes) else compact(request))
    meter.response_started(status, {"Content-Type": content_type, **(headers or {})})
    for piece in pieces:
        meter.response_bytes(piece)
    return meter.finished(outcome=outcome)


def metered_document(provider: str, body: Any, **how: Any) -> MeteredCall:
    """Meter an answer in one piece."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return metered(provider, [raw], **{"content_type": JSON, **how})


def metered_sample(sample: Sample, pieces: Iterable[bytes] | None = None, **headers: str) -> MeteredCall:
    return metered(
        sample.provider,
        sample.pieces if pieces is None else pieces,
        path=sample.path,
        request=sample.request,
        content_type=sample.content_type,
        headers={**sample.headers, **headers},
    )


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    """`body` in pieces, cut at the places that lie within it."""
    inside = sorted({place for place in places if 0 < place < len(body)})
    return [body[start:end] for start, end in zip([0, *inside], [*inside, len(body)], strict=True)]
