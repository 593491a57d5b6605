"""What an answer has said so far.

Belongs here: the facts that all providers' answers have in common. Does not belong here: where they stand in an answer
(the surfaces' modules), and what follows from them at the end (`verdict`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from daemon.calls.tokens import Tokens
from daemon.wire.record import TOKENS_MAX

_ALTERNATIVES_MAX: Final = 128


class Failure(NamedTuple):
    """Why a call failed.

    Attributes:
        error_class: as in `daemon.calls.call.Call`.
        code: the provider's own word, None when it said none.
        retryable: whether trying again could help.
    """

    error_class: str
    code: str | None
    retryable: bool


@dataclass(slots=True)
class Reading:
    """Grows as the answer passes.

    Attributes:
        provider: wire name: the same form means different things with different ones.
        model: as the provider names it.
        answer_id: the provider's name of the answer, in its body.
        service_tier: the tier that served the call, as the provider names it.
        stop_reason: the provider's word.
        input: the input kinds of the provider's count; None while it has not counted them.
        output: the provider's count of all output, thinking included; None while it has not counted it.
        thinking: the part of `output` that is thinking.
        output_so_far: a count that the provider gave before the output's end.
        partial: whether the provider's count leaves out something that it bills.
        text_bytes: text of output seen, bytes of UTF-8.
        begun: whether content has come.
        done: whether the provider said that the answer is at its end.
        stopped: which of the alternatives asked for have ended.
        failure: an error told after a good status.
        usage: the provider's own count as it stands, for surfaces that tell it in parts.
    """

    provider: str = "openai"
    model: str | None = None
    answer_id: str | None = None
    service_tier: str | None = None
    stop_reason: str | None = None
    input: Tokens | None = None
    output: int | None = None
    thinking: int = 0
    output_so_far: int = 0
    partial: bool = False
    text_bytes: int = 0
    begun: bool = False
    done: bool = False
    stopped: set[int] = field(default_factory=set)
    failure: Failure | None = None
    usage: dict[str, Any] | None = None

    def content(self, size: int) -> None:
        """Note that content has come, with `size` bytes of text in it."""
        self.begun = True
        self.text_bytes += size

    def served(self, tier: str | None) -> None:
        """Note the tier that served the call; `auto` is what was asked for, not what was given."""
        if tier is not None and tier != "auto":
            self.service_tier = tier

    def stop(self, alternative: Any) -> None:
        """Note that an alternative, by its index, has ended."""
        if len(self.stopped) < _ALTERNATIVES_MAX:
            self.stopped.add(alternative if type(alternative) is int else 0)

    def count_input(self, *, uncached: int, cache_read: int = 0, write_5m: int = 0, write_1h: int = 0) -> None:
        """Note the provider's count of input, in disjoint kinds; one too large to be true is no count."""
        if max(uncached, 0) + cache_read + write_5m + write_1h <= TOKENS_MAX:
            self.input = Tokens(
                uncached_input=max(uncached, 0),
                cache_read=cache_read,
                cache_write_5m=write_5m,
                cache_write_1h=write_1h,
            )

    def count_output(self, output: int, thinking: int) -> None:
        """Note the provider's count of output, and the thinking in it; one too large to be true is no count."""
        if output <= TOKENS_MAX:
            self.output = output
            self.thinking = min(thinking, output)


class Surface(NamedTuple):
    """How one interface of the providers writes its answers.

    Attributes:
        document: reads an answer that is one object.
        event: reads one object of a stream.
        dull: kinds of events, of a stream that names them, in which nothing stands that is read.
    """

    document: Callable[[Reading, dict[str, Any]], None]
    event: Callable[[Reading, dict[str, Any]], None]
    dull: frozenset[bytes] = frozenset()
