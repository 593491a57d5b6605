"""Claude Code's transcripts: `projects/**/*.jsonl`, one line per block of an answer.

Belongs here: what a line means, and folding the lines of one answer into one call. Does not belong here: finding the
files (`places`).

One answer of the model is written as several lines with the same message id. The counts of input repeat, the count of
output is a placeholder (mostly 1) until the last line. So lines are held until the answer is complete: it names a stop
reason, the same conversation goes on with another answer, or nothing came for a while. Resumed conversations begin with
copies of lines; the id of a call is made of what copies have in common.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import SECOND
from daemon.importers.draft import SUBSCRIPTION, BadLine, Billing, Draft, billing_basis
from daemon.importers.fields import call_id, count, fields_of, instant_us, text

SOURCE: Final = "import:claude-code"
QUIET_US: Final = 15 * 60 * SECOND
"""After this long without a further line an answer is over: the program itself gives up earlier."""
_HELD_MAX: Final = 256
_CLOSED_MAX: Final = 256
_SYNTHETIC: Final = "<synthetic>"
_FAST: Final = "fast"
_MIXED_CHAIN: Final = "side"
"""Older releases wrote all subordinate conversations into one file, where nothing tells one from another."""
_ISSUED: Final = re.compile(r"msg_(?:bdrk_|vrtx_)?[A-Za-z0-9]{20,}")
"""Ids that the provider issues; they never repeat. Relays make up their own, which do."""


_Name = tuple[str | int | None, ...]


class _Message(msgspec.Struct):
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    usage: Any = None


class _Line(msgspec.Struct, rename="camel"):
    type: Any = None
    timestamp: Any = None
    cwd: Any = None
    uuid: Any = None
    request_id: Any = None
    is_sidechain: Any = None
    agent_id: Any = None
    cost_usd: Any = msgspec.field(default=None, name="costUSD")
    message: _Message | str | None = None


class _Answer(msgspec.Struct, kw_only=True):
    """An answer as far as its lines tell it; times in UTC microseconds."""

    message_id: str
    request_id: str | None
    chain: str
    model: str
    first_us: int
    last_us: int
    tokens: Tokens
    stop_reason: str | None
    service_tier: str | None
    workdir: str | None
    cost_known: bool


class _State(msgspec.Struct, kw_only=True):
    held: list[_Answer] = []
    closed: list[list[Any]] = []


class _Anything(msgspec.Struct):
    """Any object, its fields skipped: tells JSON from what is none."""


_LINES: Final = msgspec.json.Decoder(_Line)
_OBJECTS: Final = msgspec.json.Decoder(_Anything)


class ClaudeCodeLines:
    """Reads one transcript."""

    def __init__(self, state: bytes | None, billing: Billing) -> None:
        """Begin anew, or go on from `state`."""
        known = msgspec.json.decode(state, type=_State) if state else _State()
        self._billing: Billing = billing
        self._held = {_key(answer): answer for answer in known.held}
        self._closed = dict.fromkeys(map(tuple, known.closed))

    @property
    def waiting(self) -> int:
        """How many answers have begun of which more may come."""
        return len(self._held)

    def state(self) -> bytes:
        """Return what a new reader needs to go on."""
        return msgspec.json.encode(_State(held=list(self._held.values()), closed=[list(mark) for mark in self._closed]))

    def line(self, raw: bytes) -> Sequence[Draft]:
        """Return the calls that a line completes.

        Raises:
            BadLine: it is no JSON object, or an answer without an instant or a count.
        """
        line = _decoded(raw)
        answer = _answer_of(line) if line is not None else None
        if answer is None:
            return ()
        if not answer.message_id:
            return (self._draft(answer, call_id(SOURCE, text(line.uuid) if line else None, answer.first_us)),)
        key = _key(answer)
        drafts = [self._close(other) for other in self._overtaken_by(answer, key)]
        if _mark(answer, key) in self._closed:
            return drafts
        held = self._held.get(key)
        self._held[key] = answer if held is None else _joined(held, answer)
        if answer.stop_reason is not None:
            drafts.append(self._close(key))
        elif len(self._held) > _HELD_MAX:
            drafts.append(self._close(next(iter(self._held))))
        return drafts

    def quiet(self, now_us: int) -> Sequence[Draft]:
        """Return the answers that were given up: none of their lines is younger than a quarter of an hour."""
        over = [key for key, answer in self._held.items() if now_us - answer.last_us >= QUIET_US]
        return [self._close(key) for key in over]

    def _overtaken_by(self, answer: _Answer, key: _Name) -> list[_Name]:
        """Return the held answers that are over because `answer` has begun."""
        return [
            other_key
            for other_key, other in self._held.items()
            if other_key != key
            and (answer.first_us - other.last_us >= QUIET_US or (other.chain == answer.chain != _MIXED_CHAIN))
        ]

    def _close(self, key: _Name) -> Draft:
        answer = self._held.pop(key)
        self._closed[_mark(answer, key)] = None
        if len(self._closed) > _CLOSED_MAX:
            del self._closed[next(iter(self._closed))]
        return self._draft(answer, _id_of(answer))

    def _draft(self, answer: _Answer, identity: str) -> Draft:
        # No plan covers fast mode: it is paid for beside it.
        by_the_log = None if answer.cost_known or answer.service_tier == _FAST else SUBSCRIPTION
        call = Call(
            id=identity,
            requested_at_us=answer.first_us,
            recorded_at_us=answer.first_us,
            provider="anthropic",
            model=answer.model,
            surface="messages",
            request_kind="chat",
            source=SOURCE,
            streamed=True,
            tokens=answer.tokens,
            usage_source="provider",
            tokens_complete=answer.stop_reason is not None,
            service_tier=answer.service_tier,
            stop_reason=answer.stop_reason,
            provider_request_id=answer.request_id,
            billing_basis=billing_basis(self._billing, by_the_log),
        )
        return Draft(call=call, workdir=answer.workdir)


def _decoded(raw: bytes) -> _Line | None:
    """Return a line that may hold an answer, None for others."""
    try:
        if b'"usage"' in raw and b'"assistant"' in raw:
            return _LINES.decode(raw)
        _OBJECTS.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadLine("not a JSON object") from error
    return None


def _answer_of(line: _Line) -> _Answer | None:
    message = line.message
    if line.type != "assistant" or not isinstance(message, _Message) or message.usage is None:
        return None
    model = text(message.model) or "unknown"
    if model == _SYNTHETIC:
        return None
    at_us = instant_us(line.timestamp)
    if at_us is None:
        raise BadLine("an answer without a timestamp")
    usage = fields_of(message.usage)
    return _Answer(
        message_id=text(message.id) or "",
        request_id=text(line.request_id),
        chain=text(line.agent_id) or (_MIXED_CHAIN if line.is_sidechain is True else "main"),
        model=model,
        first_us=at_us,
        last_us=at_us,
        tokens=_tokens_of(usage),
        stop_reason=text(message.stop_reason, 64),
        service_tier=_FAST if usage.get("speed") == _FAST else text(usage.get("service_tier"), 64),
        workdir=text(line.cwd, 4096),
        cost_known=line.cost_usd is not None,
    )


def _tokens_of(usage: dict[str, Any]) -> Tokens:
    """Return the kinds of an answer: its input excludes what was read from and written to the cache."""
    counts = [count(usage.get(name)) for name in ("input_tokens", "cache_read_input_tokens", "output_tokens")]
    written = count(usage.get("cache_creation_input_tokens"))
    if written is None and all(value is None for value in counts):
        raise BadLine("an answer without a believable count")
    fresh, read, output = (value or 0 for value in counts)
    kept = fields_of(usage.get("cache_creation"))
    short, long = (count(kept.get(f"ephemeral_{age}_input_tokens")) or 0 for age in ("5m", "1h"))
    thinking = count(fields_of(usage.get("output_tokens_details")).get("thinking_tokens")) or 0
    return Tokens(
        uncached_input=fresh,
        cache_read=read,
        cache_write_5m=max((written or 0) - long, short),
        cache_write_1h=long,
        output=output,
        thinking=min(thinking, output),
    )


def _joined(held: _Answer, new: _Answer) -> _Answer:
    """Return an answer with a further line: the one with the most output counts, the last of equals."""
    best, other = (new, held) if new.tokens.output >= held.tokens.output else (held, new)
    return msgspec.structs.replace(
        best,
        first_us=min(held.first_us, new.first_us),
        last_us=max(held.last_us, new.last_us),
        stop_reason=new.stop_reason or held.stop_reason,
        service_tier=best.service_tier or other.service_tier,
        workdir=held.workdir or new.workdir,
        cost_known=held.cost_known or new.cost_known,
    )


def _key(answer: _Answer) -> _Name:
    """Return what the lines of one answer share, within their file."""
    named = (answer.message_id, answer.request_id, answer.chain)
    return named if _ISSUED.fullmatch(answer.message_id) else (*named, *_input_of(answer))


def _mark(answer: _Answer, key: _Name) -> _Name:
    """Return what a line repeats that only adds a block to an answer that is over."""
    return (*key, *_input_of(answer), answer.tokens.output)


def _id_of(answer: _Answer) -> str:
    """Return the id of a call: the same for every copy of its lines, different where a relay reuses a message id.

    Copies within a subordinate conversation carry another request id than the original. So the request id counts only
    where the message id is none that the provider issued.
    """
    if _ISSUED.fullmatch(answer.message_id):
        return call_id(SOURCE, answer.message_id, *_input_of(answer))
    return call_id(SOURCE, answer.message_id, answer.request_id, answer.first_us, *_input_of(answer))


def _input_of(answer: _Answer) -> tuple[int, int, int, int]:
    tokens = answer.tokens
    return (tokens.uncached_input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h)
