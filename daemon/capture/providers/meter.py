"""Meters one attempt to call a model from the bytes that pass.

Belongs here: the order of things (request, answer, end) and the times. Does not belong here: what stands in them (the
surfaces' modules), or moving the bytes (`daemon.capture.proxy`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from daemon.capture.providers.answer import Answer
from daemon.capture.providers.asked import REQUEST_MAX, Asked, read_request
from daemon.capture.providers.bounded import Bounded
from daemon.capture.providers.fields import header, name
from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.capture.providers.plans import beyond_plan, billing_basis, by_plan
from daemon.capture.providers.registry import Endpoint
from daemon.capture.providers.verdict import failure_of, usage_of
from daemon.clock import Clock, to_micros

__all__ = ["CallMeter", "Endpoint", "MeteredCall", "Outcome"]

_MILLISECONDS: Final = 1000
_INTERIM: Final = 200


class CallMeter:
    """Reads along; one for each attempt, made when its request begins.

    Bytes are only looked at. What is held: the request (up to 32 MiB) until `finished`, which reads it; of an answer in
    one piece up to 1 MiB; of a stream the event under way. Fed by one thread at a time; `finished` may be another's.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start the attempt's time.

        Args:
            endpoint: from `registry.endpoint_of`.
            clock: for the instant at which the call was made.
            monotonic: for durations, seconds.
        """
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._started = monotonic()
        self._requested_at_us = to_micros(clock.now())
        self._idempotency_key: str | None = None
        self._request = Bounded(REQUEST_MAX)
        self._request_coding: str | None = None
        self._planned = self._beyond = False
        self._answer: Answer | None = None
        self._first: float | None = None
        self._call: MeteredCall | None = None

    def request(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take a request that is there in one piece: `request_started` and `request_bytes` in one."""
        self.request_started(headers)
        self.request_bytes(body)

    def request_started(self, headers: Mapping[str, str]) -> None:
        """Take the request's headers; of these only the idempotency key is kept, never a credential."""
        self._planned = by_plan(self._endpoint.provider, headers)
        self._idempotency_key = name(header(headers, "idempotency-key"))
        self._request_coding = header(headers, "content-encoding")

    def request_bytes(self, chunk: bytes) -> None:
        """Take the next bytes of the request's body."""
        self._request.append(chunk)

    def response_started(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the answer's status and headers; an interim answer (1xx) is none."""
        if status >= _INTERIM:
            self._answer = Answer(self._endpoint, status, headers)
            self._beyond = beyond_plan(headers)

    def response_bytes(self, chunk: bytes) -> None:
        """Take the next bytes of the answer's body, as received (content coding and all); an empty one says nothing."""
        answer = self._answer
        if answer is None or not chunk or self._call is not None:
            return
        answer.feed(chunk)
        if self._first is None and answer.good and (answer.reading.begun or not answer.streamed):
            self._first = self._monotonic()

    def finished(self, *, outcome: Outcome, at: float | None = None) -> MeteredCall:
        """End the attempt; the first end counts, and is given again for any other.

        Args:
            outcome: how it ended.
            at: the monotonic time of the end, seconds; now, if not given.
        """
        if self._call is None:
            ended = self._monotonic() if at is None else at
            if self._answer is not None:
                self._answer.end(whole=outcome is Outcome.COMPLETE)
            self._call = self._metered(read_request(self._request, self._request_coding), outcome, ended)
            self._request.clear()
        return self._call

    def _metered(self, asked: Asked, outcome: Outcome, ended: float) -> MeteredCall:
        endpoint, answer = self._endpoint, self._answer
        reading = None if answer is None else answer.reading
        failure = failure_of(asked, answer, outcome)
        usage = usage_of(asked, answer, outcome)
        tier = reading.service_tier if reading else None
        # Bytes may be read some time after they came, but the first of them came before the end.
        first = None if self._first is None else min(self._first, ended)
        return MeteredCall(
            requested_at_us=self._requested_at_us,
            provider=endpoint.provider,
            model=(reading and reading.model) or endpoint.model or _bare(asked.model) or "unknown",
            surface=endpoint.surface,
            request_kind=endpoint.request_kind,
            streamed=(asked.streamed or endpoint.streamed) if answer is None else answer.streamed,
            tokens=usage.tokens,
            usage_source=usage.source,
            tokens_complete=usage.complete,
            service_tier=tier,
            stop_reason=reading.stop_reason if reading else None,
            status="success" if failure is None else "error",
            http_status=None if answer is None else answer.status,
            error_class=failure.error_class if failure else None,
            provider_error_code=failure.code if failure else None,
            retryable=failure.retryable if failure else None,
            latency_ms=round(max(ended - self._started, 0.0) * _MILLISECONDS, 3),
            time_to_first_token_ms=None if first is None else round(max(first - self._started, 0.0) * _MILLISECONDS),
            provider_request_id=(answer and answer.request_id) or (reading and reading.answer_id) or None,
            answer_id=reading.answer_id if reading else None,
            prompt_hash=asked.prompt_hash,
            idempotency_key=self._idempotency_key,
            billing_basis=billing_basis(planned=self._planned, beyond=self._beyond, service_tier=tier),
        )


def _bare(model: str | None) -> str | None:
    return model.removeprefix("models/") if model else None
