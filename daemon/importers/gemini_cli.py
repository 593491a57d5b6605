"""Gemini CLI's chat recordings: `tmp/*/chats/session-*.jsonl`, and the `.json` of earlier releases.

Belongs here: what a record means, in both forms. Does not belong here: finding the files (`places`).

An answer is recorded, and recorded again when its token counts arrive and when its tools have run; its id stays. The
counts are set once. What a person takes back (`$rewindTo`) was paid for all the same. `input` includes what was read
from the cache; `output` excludes thinking; `tool` is input beside `input`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from daemon.calls.call import Call
from daemon.calls.tokens import ReportedTokens, Tokens, from_reported
from daemon.importers.draft import SUBSCRIPTION, BadLine, Billing, Draft, billing_basis
from daemon.importers.fields import call_id, count, fields_of, instant_us, text

SOURCE: Final = "import:gemini-cli"
_TOLD_MAX: Final = 4096


class _Record(msgspec.Struct, rename="camel"):
    """Any record of either form: a conversation, its header, an answer, a change of the header."""

    id: Any = None
    type: Any = None
    timestamp: Any = None
    tokens: Any = None
    model: Any = None
    session_id: Any = None
    directories: Any = None
    messages: Any = None
    changed: Any = msgspec.field(default=None, name="$set")


class _State(msgspec.Struct, kw_only=True):
    conversation: str | None = None
    workdir: str | None = None
    told: list[str] = []


_RECORDS: Final = msgspec.json.Decoder(_Record)


class GeminiLines:
    """Reads one recording of lines."""

    def __init__(self, state: bytes | None, billing: Billing) -> None:
        """Begin anew, or go on from `state`."""
        known = msgspec.json.decode(state, type=_State) if state else _State()
        self._billing: Billing = billing
        self._conversation, self._workdir = known.conversation, known.workdir
        self._told = dict.fromkeys(known.told)

    waiting = 0
    """Every call is complete when its counts are there."""

    def state(self) -> bytes:
        """Return what a new reader needs to go on."""
        kept = list(self._told)[-_TOLD_MAX:]
        return msgspec.json.encode(_State(conversation=self._conversation, workdir=self._workdir, told=kept))

    def quiet(self, now_us: int) -> Sequence[Draft]:  # noqa: ARG002 - the interface is that of readers who hold calls back
        """Return nothing: no call is held back."""
        return ()

    def line(self, raw: bytes) -> Sequence[Draft]:
        """Return the calls that a record tells of.

        Raises:
            BadLine: it is no JSON object, or an answer with counts that cannot be read.
        """
        try:
            record = _RECORDS.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadLine("not a JSON object") from error
        header = fields_of(record.changed)
        self._conversation = text(record.session_id) or text(header.get("sessionId")) or self._conversation
        self._workdir = _first_of(record.directories) or _first_of(header.get("directories")) or self._workdir
        changed = header.get("messages") or record.messages
        if isinstance(changed, list):
            return [draft for each in changed if (draft := self._draft(_record_of(each))) is not None]
        draft = self._draft(record)
        return () if draft is None else (draft,)

    def _draft(self, record: _Record) -> Draft | None:
        if record.type != "gemini" or not fields_of(record.tokens):
            return None
        name = text(record.id)
        if name is None or name in self._told:
            return None
        at_us, tokens = instant_us(record.timestamp), _tokens_of(record.tokens)
        if at_us is None or tokens is None:
            raise BadLine("an answer without a timestamp or a believable count")
        self._told[name] = None
        call = Call(
            id=call_id(SOURCE, self._conversation, name),
            requested_at_us=at_us,
            recorded_at_us=at_us,
            provider="gemini",
            model=text(record.model) or "unknown",
            surface="generateContent",
            request_kind="chat",
            source=SOURCE,
            streamed=True,
            tokens=tokens,
            usage_source="provider",
            billing_basis=billing_basis(self._billing, SUBSCRIPTION),
        )
        return Draft(call=call, workdir=self._workdir)


def gemini_document(content: bytes, as_of_us: int, billing: Billing) -> Iterator[Draft | BadLine]:  # noqa: ARG001 - the interface of document readers
    """Yield the calls of a recording that is one JSON object, as earlier releases wrote them."""
    reader = GeminiLines(None, billing)
    try:
        conversation = _RECORDS.decode(content)
    except (msgspec.DecodeError, RecursionError):
        yield BadLine("not a JSON object")
        return
    messages = conversation.messages if isinstance(conversation.messages, list) else []
    header = {"sessionId": conversation.session_id, "directories": conversation.directories}
    reader.line(msgspec.json.encode(header))
    for message in messages:
        try:
            yield from reader.line(msgspec.json.encode(message))
        except BadLine as bad:
            yield bad


def _record_of(value: Any) -> _Record:
    fields = fields_of(value)
    return _Record(**{name: fields.get(name) for name in ("id", "type", "timestamp", "tokens", "model")})


def _first_of(directories: Any) -> str | None:
    return text(directories[0], 4096) if isinstance(directories, list) and directories else None


def _tokens_of(told: Any) -> Tokens | None:
    names = ("input", "output", "cached", "thoughts", "tool")
    counts = [count(fields_of(told).get(name)) for name in names]
    if not any(counts):
        return None if all(value is None for value in counts) else Tokens()
    prompt, output, cached, thinking, tool = (value or 0 for value in counts)
    return from_reported("gemini", ReportedTokens(prompt + tool, output, thinking, cached, 0))
