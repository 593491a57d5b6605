"""A real trace as the history of simulated laptops.

Belongs here: giving each traced request a laptop, project and model, and finding which of its prompt blocks were
already cached. Does not belong here: reading the file (`trace`), made-up histories (`history`).

Requests that share a conversation (their second prefix block) share laptop, project and model. Every laptop's process
walks the whole trace, so that the laptops' rows together are the trace, each request once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from daemon.clock import SECOND, to_micros
from daemon.simulate.catalog import MODELS, PROJECTS, Model, Style, laptop, share_of
from daemon.simulate.prices import BilledTokens
from daemon.simulate.records import RecordMaker
from daemon.simulate.session import Call
from daemon.simulate.trace import BLOCK_TOKENS, TraceCall, TraceError
from daemon.wire.record import Record

CACHE_LIFETIME_US: Final = 3_600 * SECOND
"""A block not used for an hour is forgotten."""
_CACHE_MINIMUM_BLOCKS: Final = 2
"""Providers cache nothing shorter than 1,024 tokens."""
_EARLIEST: Final = 1_577_836_800 * SECOND
_SCALE: Final = 1_000_000
_CHAT_MODELS: Final = tuple(model for model in MODELS if model.style is None)


@dataclass(frozen=True)
class TracePlan:
    """How to replay a trace. Equal plans over equal traces give equal rows, ids included.

    Attributes:
        until: the trace's last request is moved to this instant, gaps kept; None keeps the trace's own times.
        seed: any integer; decides who called what.
        device_index: which laptop this is, from 0.
        devices: how many laptops share the trace.
    """

    until: datetime | None
    seed: int = 7
    device_index: int = 0
    devices: int = 1


class PrefixCache:
    """Which prompt blocks a provider still holds, per model."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], int] = {}

    def leading_blocks(self, model: str, hash_ids: tuple[int, ...], at_us: int) -> int:
        """Return how many leading blocks were used within the last hour, and note this use of all of them."""
        held = 0
        for block in hash_ids:
            last = self._seen.get((model, block))
            if last is None or at_us - last > CACHE_LIFETIME_US:
                break
            held += 1
        for block in hash_ids:
            self._seen[model, block] = at_us
        return held


def replay(trace: list[TraceCall], plan: TracePlan) -> list[Record]:
    """Return one laptop's records of `trace`, ordered by (recorded_at, id).

    Raises:
        TraceError: own times were asked for, but the trace counts from zero rather than from 1970.
    """
    shift = _shift(trace, plan)
    machine = laptop(plan.device_index)
    random = Random(f"trace:{plan.seed}:{plan.device_index}:{plan.devices}:{shift}:{_digest(trace)}")  # noqa: S311
    maker = RecordMaker(random, machine)
    rows: list[tuple[int, Record]] = []
    for request, device, identity, tokens, model in _assigned(trace, plan):
        if device != plan.device_index:
            continue
        call = _call(random, request, tokens, model, identity, shift)
        method = maker.attribution(call.project.slug)
        rows.append(maker.record(call, method=method, minimal=False))
    rows.sort(key=lambda row: (row[0], row[1].id))
    return [record for _, record in rows]


def _assigned(trace: list[TraceCall], plan: TracePlan) -> Iterator[tuple[TraceCall, int, str, BilledTokens, Model]]:
    cache = PrefixCache()
    shares = [share_of(_SCALE, index, plan.devices) for index in range(plan.devices)]
    model_weights = [int(1_000 * model.share) for model in _CHAT_MODELS]
    for index, request in enumerate(trace):
        # The first block is a prompt that everybody shares; the second tells conversations apart.
        key = request.hash_ids[min(1, len(request.hash_ids) - 1)] if request.hash_ids else f"line-{index}"
        identity = f"{plan.seed}:{key}"
        model = _CHAT_MODELS[_pick(f"{identity}:model", model_weights)]
        held = cache.leading_blocks(model.name, request.hash_ids, request.at_us) if model.caches_reads else 0
        yield request, _pick(f"{identity}:device", shares), identity, billed(request, model, held), model


def billed(request: TraceCall, model: Model, held_blocks: int) -> BilledTokens:
    """Return the disjoint kinds of a traced prompt of which `held_blocks` leading blocks were cached.

    Their sum is always the trace's own count. Only full blocks are written to a cache.
    """
    total = request.input_tokens
    read = min(held_blocks * BLOCK_TOKENS, total) if held_blocks >= _CACHE_MINIMUM_BLOCKS else 0
    known = min(len(request.hash_ids) * BLOCK_TOKENS, total // BLOCK_TOKENS * BLOCK_TOKENS)
    writes = model.caches_writes and known >= _CACHE_MINIMUM_BLOCKS * BLOCK_TOKENS
    write = max(known - read, 0) if writes else 0
    return BilledTokens(total - read - write, read, write, request.output_tokens)


def _call(random: Random, request: TraceCall, tokens: BilledTokens, model: Model, identity: str, shift: int) -> Call:
    project = PROJECTS[_pick(f"{identity}:project", [60_000 // (rank + 1) for rank in range(len(PROJECTS))])]
    first_ms = 150 + (tokens.uncached_input + tokens.cache_write) // 40 + random.randrange(120)
    latency = first_ms + tokens.output * model.milliseconds_per_token * random.uniform(0.85, 1.25)
    thinking = int(tokens.output * model.thinking_share * random.random())
    flat = int(1_000 * model.imputed_share)
    imputed = _pick(f"{identity}:subscription", [1_000 - flat, flat]) == 1
    return Call(
        project=project,
        model=model,
        style=Style.CHAT,
        requested_us=request.at_us + shift,
        tokens=tokens,
        thinking=thinking,
        latency_ms=latency,
        time_to_first_token_ms=first_ms,
        prompt_hash=_prompt_hash(random, request),
        imputed=imputed,
    )


def _prompt_hash(random: Random, request: TraceCall) -> str:
    """Return SHA-256 over the prompt's block ids and length: equal prompts, equal hashes."""
    if not request.hash_ids:
        return f"{random.getrandbits(256):064x}"
    text = f"{request.input_tokens}:{','.join(map(str, request.hash_ids))}"
    return hashlib.sha256(text.encode()).hexdigest()


def _pick(identity: str, weights: list[int]) -> int:
    """Return an index by weight that depends on `identity` alone, the same in every process."""
    point = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big") % sum(weights)
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return len(weights) - 1


def _shift(trace: list[TraceCall], plan: TracePlan) -> int:
    if plan.until is not None:
        return to_micros(plan.until) - trace[-1].at_us
    if trace[0].at_us < _EARLIEST:
        raise TraceError("this trace counts time from its own start: its times cannot be kept, only moved")
    return 0


def _digest(trace: list[TraceCall]) -> str:
    content = hashlib.blake2b(digest_size=16)
    for request in trace:
        content.update(repr(request).encode())
    return content.hexdigest()
