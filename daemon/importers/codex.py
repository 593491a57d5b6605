"""Codex' rollouts: `sessions/**/rollout-*.jsonl`, events of a conversation.

Belongs here: what an event means, and calls out of running totals. Does not belong here: finding the files (`places`).

After each answer a `token_count` event tells the totals of the conversation so far and the counts of the last answer;
the same event may be written again. A call is what the totals grew by. `input_tokens` include what was read from the
cache, `output_tokens` include reasoning. Conversations that continue another one begin with a copy of its events, under
new times; a turn keeps its id there, so a call is named by its turn and the totals after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from daemon.calls.call import Call
from daemon.calls.tokens import ReportedTokens, from_reported
from daemon.clock import SECOND
from daemon.importers.draft import SUBSCRIPTION, BadLine, Billing, Draft, billing_basis
from daemon.importers.fields import call_id, count, fields_of, instant_us, text
from daemon.wire.record import TOKENS_MAX

SOURCE: Final = "import:codex"
_COUNTS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
_TOTAL_MAX: Final = 10**15
"""Tokens of a conversation, beyond belief."""
_COPIED_WITHIN_US: Final = SECOND
"""A continued conversation copies its past at once; no answer of a model comes this soon."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KINDS: Final = (b'"token_count"', b'"turn_context"', b'"session_meta"')

_Counts = tuple[int, int, int, int, int]
_NONE: Final[_Counts] = (0, 0, 0, 0, 0)


class _Line(msgspec.Struct):
    type: Any = None
    timestamp: Any = None
    payload: Any = None


class _Anything(msgspec.Struct):
    """Any object, its fields skipped."""


class _State(msgspec.Struct, kw_only=True):
    """What the events before tell about the next one.

    Attributes:
        totals: of the conversation after the last event; None before the first.
        begun_us: when the file was begun, UTC microseconds.
        continued: whether the file continues another conversation.
        turn: id of the running turn, where it is one that never repeats.
    """

    totals: _Counts | None = None
    begun_us: int | None = None
    continued: bool = False
    turn: str | None = None
    model: str | None = None
    workdir: str | None = None
    provider: str = "openai"


_LINES: Final = msgspec.json.Decoder(_Line)
_OBJECTS: Final = msgspec.json.Decoder(_Anything)


class CodexLines:
    """Reads one rollout."""

    def __init__(self, state: bytes | None, billing: Billing) -> None:
        """Begin anew, or go on from `state`."""
        self._billing: Billing = billing
        self._state = msgspec.json.decode(state, type=_State) if state else _State()

    waiting = 0
    """Every call is complete when it is told."""

    def state(self) -> bytes:
        """Return what a new reader needs to go on."""
        return msgspec.json.encode(self._state)

    def quiet(self, now_us: int) -> Sequence[Draft]:  # noqa: ARG002 - the interface is that of readers who hold calls back
        """Return nothing: no call is held back."""
        return ()

    def line(self, raw: bytes) -> Sequence[Draft]:
        """Return the call that a line tells of, if it does.

        Raises:
            BadLine: it is no JSON object, or tells counts without an instant.
        """
        line = _decoded(raw)
        if line is None:
            return ()
        payload = fields_of(line.payload)
        if line.type == "session_meta":
            self._begin(line, payload)
        elif line.type == "turn_context":
            self._turn(payload)
        elif line.type == "event_msg" and payload.get("type") == "token_count":
            return self._counted(line, fields_of(payload.get("info")))
        return ()

    def _begin(self, line: _Line, payload: dict[str, Any]) -> None:
        state = self._state
        state.workdir = text(payload.get("cwd"), 4096) or state.workdir
        if state.begun_us is not None:
            return  # the header of the conversation that this one continues
        state.begun_us = instant_us(line.timestamp)
        state.provider = text(payload.get("model_provider"), 64) or state.provider
        spawned = fields_of(fields_of(payload.get("source")).get("subagent"))
        state.continued = bool(payload.get("forked_from_id") or spawned)

    def _turn(self, payload: dict[str, Any]) -> None:
        state = self._state
        turn = text(payload.get("turn_id"))
        state.turn = turn if turn is not None and _UUID.fullmatch(turn) else None
        state.model = text(payload.get("model")) or state.model
        state.workdir = text(payload.get("cwd"), 4096) or state.workdir

    def _counted(self, line: _Line, info: dict[str, Any]) -> Sequence[Draft]:
        totals, last = _counts_of(info.get("total_token_usage")), _counts_of(info.get("last_token_usage"))
        if totals is None and last is None:
            return ()  # only the limits of the plan
        at_us = instant_us(line.timestamp)
        if at_us is None:
            raise BadLine("counts without a timestamp")
        grown = _growth(self._state.totals, totals, last)
        self._state.totals = totals if totals is not None else self._state.totals
        if not any(grown) or self._copied(at_us):
            return ()
        if max(grown) > TOKENS_MAX:
            raise BadLine("more tokens than one call can have")
        return (self._draft(at_us, grown, totals, text(info.get("model"))),)

    def _copied(self, at_us: int) -> bool:
        """Return whether an event is a copy out of the continued conversation that no turn's id tells as one."""
        state = self._state
        if not state.continued or state.turn is not None or state.begun_us is None:
            return False
        return at_us - state.begun_us < _COPIED_WITHIN_US

    def _draft(self, at_us: int, grown: _Counts, totals: _Counts | None, model: str | None) -> Draft:
        state = self._state
        fresh, read, written, output, thinking = grown
        name = model or state.model or "unknown"
        if state.turn is not None and totals is not None:
            identity = call_id(SOURCE, state.turn, *totals)
        else:
            identity = call_id(SOURCE, at_us, name, *grown, *(totals or ()))
        # Another provider than Codex' own is one that the person pays by the token.
        by_the_log = SUBSCRIPTION if state.provider == "openai" else None
        call = Call(
            id=identity,
            requested_at_us=at_us,
            recorded_at_us=at_us,
            provider=state.provider,
            model=name,
            surface="responses",
            request_kind="chat",
            source=SOURCE,
            streamed=True,
            tokens=from_reported("openai", ReportedTokens(fresh, output, thinking, read, written)),
            usage_source="provider",
            billing_basis=billing_basis(self._billing, by_the_log),
        )
        return Draft(call=call, workdir=state.workdir)


def _decoded(raw: bytes) -> _Line | None:
    """Return a line that may matter, None for others."""
    try:
        if any(kind in raw for kind in _KINDS):
            return _LINES.decode(raw)
        _OBJECTS.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadLine("not a JSON object") from error
    return None


def _counts_of(usage: Any) -> _Counts | None:
    """Return the five counts of a usage object; None when it is none or holds no believable one."""
    counts = [count(fields_of(usage).get(name), _TOTAL_MAX) for name in _COUNTS]
    if all(value is None for value in counts):
        return None
    fresh, read, written, output, thinking = (value or 0 for value in counts)
    return (fresh, min(read, fresh), min(written, fresh), output, min(thinking, output))


def _growth(before: _Counts | None, totals: _Counts | None, last: _Counts | None) -> _Counts:
    """Return the counts of the call that an event tells of; all zero when it tells of none."""
    if totals is None:
        return last or _NONE
    if before is None:
        return last if last is not None else totals  # totals may hold what an earlier file told
    grown = (
        totals[0] - before[0],
        totals[1] - before[1],
        totals[2] - before[2],
        totals[3] - before[3],
        totals[4] - before[4],
    )
    if min(grown) < 0:  # the totals began anew
        return last if last is not None else totals
    return grown
