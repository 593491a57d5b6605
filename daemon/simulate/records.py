"""A simulated call in the wire's shape: ids, cost, privacy, attribution.

Belongs here: the step from `Call` to `Record`. Does not belong here: what was called (`session`, `trace`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Final
from uuid import UUID

from daemon.calls.tokens import Tokens, as_reported
from daemon.clock import SECOND, iso_of_micros
from daemon.simulate.catalog import Laptop, Style
from daemon.simulate.prices import cost_picodollars, millicents_half_even
from daemon.simulate.session import Call
from daemon.wire.record import Record

_METHODS: Final = ("git", "rcfile", "env", "workdir", "ide_sniff", "parent_git", "container", "process_heuristics")
_METHOD_WEIGHTS: Final = (52, 14, 10, 9, 7, 4, 2, 2)
_UNATTRIBUTED: Final = ("unattributed", "smart_default", "resolve_timeout")


class RecordMaker:
    """Turns calls of one laptop into records, with ids from its own generator."""

    def __init__(self, random: Random, laptop: Laptop) -> None:
        """Take the laptop's privacy preset and name from `laptop`."""
        self._random = random
        self._laptop = laptop

    def attribution(self, project: str) -> str:
        """Return the rule that found `project`."""
        if project == "misc":
            return self._random.choice(_UNATTRIBUTED)
        return self._random.choices(_METHODS, _METHOD_WEIGHTS)[0]

    def record(self, call: Call, *, method: str, minimal: bool) -> tuple[int, Record]:
        """Return when the daemon wrote the call down (microseconds since the epoch) and the record.

        With `minimal`, the privacy preset of that name holds, whatever the laptop's own is.
        """
        random, model = self._random, call.model
        counts = as_reported(model.provider, _tokens(call))
        cost = _cost(call)
        recorded_us = call.requested_us + int(call.latency_ms * 1000) + random.randrange(900, 40_000)
        record = Record(
            id=str(UUID(int=random.getrandbits(128), version=4)),
            project=None if minimal else call.project.slug,
            provider=model.provider,
            model=model.name,
            input_tokens=counts.input_tokens,
            output_tokens=counts.output_tokens,
            thinking_tokens=counts.thinking_tokens,
            cached_tokens=counts.cached_tokens,
            cache_write_tokens=counts.cache_write_tokens,
            cost_millicents=cost,
            cost_usd_minor_units=cost,
            tokens_complete=call.tokens_complete,
            latency_ms=call.latency_ms,
            time_to_first_token_ms=call.time_to_first_token_ms,
            requested_at=iso_of_micros(call.requested_us),
            recorded_at=iso_of_micros(recorded_us),
            status=call.status,
            request_kind="embedding" if call.style is Style.EMBEDDING else "chat",
            attribution_method=None if minimal else method,
            source_workdir=None if minimal else self._workdir(call),
            source_machine=None if minimal else self._laptop.hostname,
            prompt_hash=None if minimal else call.prompt_hash,
            idempotency_key=call.idempotency_key,
            error_class=call.error_class,
            provider_error_code=call.provider_error_code,
            http_status=call.http_status,
            retryable=call.retryable,
            billing_basis="subscription_imputed" if call.imputed else None,
        )
        return recorded_us, record

    def _workdir(self, call: Call) -> str | None:
        if self._laptop.privacy != "full":
            return None
        separator = "\\" if self._laptop.platform == "Windows" else "/"
        return f"{self._laptop.home}{separator}{call.project.slug}"


def _tokens(call: Call) -> Tokens:
    billed = call.tokens
    return Tokens(
        uncached_input=billed.uncached_input,
        cache_read=billed.cache_read,
        cache_write_5m=billed.cache_write,
        output=billed.output,
        thinking=call.thinking,
    )


def _cost(call: Call) -> int | None:
    """Return millicents by the simulator's table; None when the model has no price."""
    day = datetime.fromtimestamp(call.requested_us // SECOND, UTC).date()
    exact = cost_picodollars(call.model.provider, call.model.name, call.tokens, day)
    return None if exact is None else millicents_half_even(exact)
