"""One piece of work: a burst of calls that share project, model and growing context.

Belongs here: sizes, caching, thinking, failures and retries of simulated calls. Does not belong here: when work starts
(`schedule`), privacy and the wire shape (`records`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from daemon.clock import SECOND
from daemon.simulate.catalog import Model, Project, Style
from daemon.simulate.failures import FAILURE_SHARE, failure_at, provider_code
from daemon.simulate.prices import BilledTokens

_MEAN_CALLS: Final = {Style.AGENT: 22, Style.CHAT: 5, Style.BATCH: 40, Style.EMBEDDING: 25}
_MEAN_GAP_SECONDS: Final = {Style.AGENT: 12.0, Style.CHAT: 70.0, Style.BATCH: 2.0, Style.EMBEDDING: 0.8}
_CACHE_MINIMUM: Final = 1_024
"""Shorter prefixes are never cached, tokens."""
_BLOCKED_SHARE: Final = 0.003
_ABORTED_SHARE: Final = 0.006
_REPEATED_PROMPT_SHARE: Final = 0.012


@dataclass(frozen=True, slots=True)
class Call:
    """A call before it is given the wire's shape.

    Attributes:
        requested_us: microseconds since the epoch.
        tokens: disjoint kinds; `output` includes `thinking`.
        latency_ms: milliseconds, as a float, as daemons measure it.
        tokens_complete: False when the stream broke and counts are partial.
        prompt_hash: 64 hex digits; equal prompts have equal hashes.
    """

    project: Project
    model: Model
    style: Style
    requested_us: int
    tokens: BilledTokens
    thinking: int
    latency_ms: float
    time_to_first_token_ms: int | None
    prompt_hash: str
    idempotency_key: str | None = None
    imputed: bool = False
    tokens_complete: bool = True
    status: str = "success"
    error_class: str | None = None
    provider_error_code: str | None = None
    http_status: int | None = 200
    retryable: bool | None = None


class Session:
    """The calls of one piece of work, one after another."""

    def __init__(self, random: Random, project: Project, model: Model, style: Style, starts_us: int) -> None:
        """Begin at `starts_us`, microseconds since the epoch."""
        self._random = random
        self._project = project
        self._model = model
        self._style = style
        self._now_us = starts_us
        self._imputed = random.random() < model.imputed_share
        self._calls = 1 + int(random.expovariate(1.0 / _MEAN_CALLS[style]))
        self._prefix = int(random.lognormvariate(9.1 if style is Style.AGENT else 7.2, 0.6))
        self._cached = 0
        self._hash = ""

    def __iter__(self) -> Iterator[Call]:
        for _ in range(self._calls):
            call = self._next()
            yield call
            if call.retryable and call.status == "error":
                # The provider's SDK tries again with the same prompt: a new call and a new id.
                self._now_us = call.requested_us + int(call.latency_ms * 1000) + self._random.randrange(1, 6 * SECOND)
                retry = replace(self._completed(), prompt_hash=call.prompt_hash, idempotency_key=call.idempotency_key)
                yield retry
                call = retry
            gap = self._random.expovariate(1.0 / _MEAN_GAP_SECONDS[self._style])
            self._now_us = call.requested_us + int(call.latency_ms * 1000) + int(gap * SECOND)

    def _next(self) -> Call:
        roll = self._random.random()
        if roll < FAILURE_SHARE:
            return self._failed(roll)
        if roll < FAILURE_SHARE + _BLOCKED_SHARE:
            return self._blocked()
        if roll < FAILURE_SHARE + _BLOCKED_SHARE + _ABORTED_SHARE:
            return self._aborted()
        return self._completed()

    def _call(self, tokens: BilledTokens, thinking: int, latency_ms: float, first_ms: int | None) -> Call:
        random = self._random
        if not self._hash or random.random() >= _REPEATED_PROMPT_SHARE:
            self._hash = f"{random.getrandbits(256):064x}"
        key = f"job-{random.getrandbits(48):012x}" if self._style is Style.BATCH else None
        return Call(
            project=self._project,
            model=self._model,
            style=self._style,
            requested_us=self._now_us,
            tokens=tokens,
            thinking=thinking,
            latency_ms=latency_ms,
            time_to_first_token_ms=first_ms,
            prompt_hash=self._hash,
            idempotency_key=key,
            imputed=self._imputed,
        )

    def _completed(self) -> Call:
        random, model = self._random, self._model
        # An agent's turn carries files and tool results; a person's turn is a few sentences.
        new = int(random.lognormvariate(7.3 if self._style is Style.AGENT else 6.3, 0.9)) + 1
        tokens = self._prompt(new)
        output, thinking = self._output()
        first_ms = 180 + int(random.lognormvariate(5.6, 0.5)) + (tokens.uncached_input + tokens.cache_write) // 40
        latency = first_ms + output * model.milliseconds_per_token * random.uniform(0.8, 1.35)
        self._remember(new, output - thinking)
        call = self._call(tokens._replace(output=output), thinking, latency, first_ms)
        return replace(call, time_to_first_token_ms=None) if self._style is Style.EMBEDDING else call

    def _prompt(self, new: int) -> BilledTokens:
        """Return the prompt's kinds: what the provider still holds, what it now stores, and the rest."""
        total = self._prefix + new
        if self._style is Style.EMBEDDING or not self._model.caches_reads:
            return BilledTokens(uncached_input=total)
        read = self._cached if self._cached >= _CACHE_MINIMUM else 0
        if not self._model.caches_writes:
            read = min(read, total) // 128 * 128
            return BilledTokens(uncached_input=total - read, cache_read=read)
        rest = total - read
        tail = min(rest, self._random.randrange(2, 40))
        write = rest - tail if total >= _CACHE_MINIMUM else 0
        return BilledTokens(uncached_input=rest - write, cache_read=read, cache_write=write)

    def _output(self) -> tuple[int, int]:
        random, model = self._random, self._model
        if self._style is Style.EMBEDDING:
            return 0, 0
        visible = int(random.lognormvariate(5.4, 0.9)) + 1
        if model.thinking_share == 0.0 or random.random() < 0.4:  # noqa: PLR2004 - share of calls without thinking
            return visible, 0
        thinking = int(visible * model.thinking_share / (1.0 - model.thinking_share) * random.uniform(0.5, 1.5))
        return visible + thinking, thinking

    def _remember(self, new: int, answer: int) -> None:
        if self._style in {Style.BATCH, Style.EMBEDDING}:
            # Independent jobs share only their instructions.
            self._cached = self._prefix
            return
        self._cached = self._prefix + new
        self._prefix += new + answer
        if self._prefix > self._model.context_limit:
            self._prefix = self._random.randrange(8_000, 24_000)
            self._cached = 0

    def _failed(self, roll: float) -> Call:
        failure = failure_at(roll)
        timed_out = failure.error_class == "timeout"
        latency = 60_000.0 + self._random.random() * 400 if timed_out else 30.0 + self._random.expovariate(1 / 240.0)
        return replace(
            self._call(BilledTokens(), 0, latency, None),
            status="error",
            error_class=failure.error_class,
            provider_error_code=provider_code(self._model.provider, failure),
            http_status=failure.http_status,
            retryable=failure.retryable,
            tokens_complete=not timed_out,
        )

    def _blocked(self) -> Call:
        latency = 0.4 + self._random.expovariate(1 / 1.5)
        return replace(self._call(BilledTokens(), 0, latency, None), status="blocked_by_policy", http_status=None)

    def _aborted(self) -> Call:
        """A stream the caller closed half-way: billed so far, counts partial."""
        whole = self._completed()
        if whole.style is Style.EMBEDDING:
            return whole
        part = self._random.uniform(0.05, 0.8)
        output = int(whole.tokens.output * part)
        return replace(
            whole,
            tokens=whole.tokens._replace(output=output),
            thinking=min(whole.thinking, output),
            latency_ms=whole.latency_ms * part,
            tokens_complete=False,
        )
