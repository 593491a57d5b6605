"""From what was asked, what was answered and how it ended to the facts of the call.

Belongs here: success or which error, whose count is taken, and when it is whole. Does not belong here: reading
requests and answers (`asked`, `answer`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from daemon.calls.tokens import Tokens
from daemon.capture.providers.answer import Answer
from daemon.capture.providers.asked import Asked, tokens_in
from daemon.capture.providers.failures import failure_of_status
from daemon.capture.providers.metered import Outcome
from daemon.capture.providers.reading import Failure, Reading

_FAILURE_OF_OUTCOME: Final = {
    Outcome.COMPLETE: Failure("network", None, retryable=True),  # an end without an answer
    Outcome.CLIENT_ABORTED: Failure("aborted", None, retryable=False),
    Outcome.UPSTREAM_FAILED: Failure("network", None, retryable=True),
    Outcome.TIMEOUT: Failure("timeout", None, retryable=True),
}


class Usage(NamedTuple):
    """Whose count, and of what.

    Attributes:
        tokens: disjoint kinds.
        source: `provider`, `estimated` or `absent`.
        complete: False when the counts may be partial.
    """

    tokens: Tokens
    source: str
    complete: bool


def failure_of(asked: Asked, answer: Answer | None, outcome: Outcome) -> Failure | None:
    """Return why the call failed, None when it did not.

    A caller that goes away after the answer's last word has had all of it; so has one whose provider hangs up after
    saying that it is done.
    """
    if answer is None:
        return _FAILURE_OF_OUTCOME[outcome]
    if not answer.good:
        return failure_of_status(answer.status, answer.error, answer.should_retry)
    if answer.reading.failure is not None:
        return answer.reading.failure
    if outcome is Outcome.COMPLETE or answer.reading.done:
        return None
    if outcome is Outcome.CLIENT_ABORTED and _ended(asked, answer.reading):
        return None
    return _FAILURE_OF_OUTCOME[outcome]


def usage_of(asked: Asked, answer: Answer | None, outcome: Outcome) -> Usage:
    """Return the tokens of the call.

    The provider's count is taken where it stands, whole or not. Where one is missing it is estimated from the text:
    of the request for input, of the answer for output, four bytes of UTF-8 to a token; media and hidden reasoning are
    not in it. A refused call uses nothing, whether its status says so or an error in the place of an answer; nothing is
    known of one that never reached the provider.
    """
    if answer is not None and not answer.good:
        return Usage(Tokens(), "absent", complete=True)
    reading = Reading() if answer is None else answer.reading
    # Gemini leaves output out of its count until the end: of a stream that broke off, nothing is no count of some text.
    uncounted = reading.output == 0 and reading.text_bytes > 0 and not _ended(asked, reading)
    if reading.input is not None and reading.output is not None and not uncounted:
        whole = _ended(asked, reading) and not reading.partial
        return Usage(_tokens(reading.input, reading.output, reading.thinking), "provider", whole)
    reached = answer is not None or outcome in (Outcome.CLIENT_ABORTED, Outcome.TIMEOUT)
    seen = reading.input is not None or reading.output is not None or reading.text_bytes > 0
    if reading.failure is not None and not seen:
        return Usage(Tokens(), "absent", complete=True)
    if not reached or (asked.text_bytes is None and not seen):
        return Usage(Tokens(), "absent", complete=False)
    taken = reading.input or Tokens(uncached_input=tokens_in(asked.text_bytes or 0))
    output = reading.output
    if output is None or uncounted:
        output = max(reading.output_so_far, tokens_in(reading.text_bytes))
    return Usage(_tokens(taken, output, reading.thinking), "estimated", complete=False)


def _ended(asked: Asked, reading: Reading) -> bool:
    return reading.done or len(reading.stopped) >= asked.alternatives


def _tokens(taken: Tokens, output: int, thinking: int) -> Tokens:
    return Tokens(
        uncached_input=taken.uncached_input,
        cache_read=taken.cache_read,
        cache_write_5m=taken.cache_write_5m,
        cache_write_1h=taken.cache_write_1h,
        output=output,
        thinking=min(thinking, output),
    )
