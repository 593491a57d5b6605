"""Taking out of a text what must not be kept.

Belongs here: replacing what is found at any level of escapes. Does not belong here: what is looked for (`secrets`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from daemon.bodies.secrets import Span, find_secrets
from daemon.bodies.views import views

_UNFINISHED: Final = re.compile(r"[^\s\"',;<>(){}\[\]]+\Z")
_WORD_MAX: Final = 4096
_ROUNDS_MAX: Final = 16
"""Taking one secret out can lay the beginning of another bare, where two were written without anything between."""


class Redacted(NamedTuple):
    """A text that may be kept.

    Attributes:
        text: with `[removed: kind]` in place of what was taken out.
        removed: what was taken out and how often, as `api key: 2`.
    """

    text: str
    removed: tuple[str, ...]


def redact(text: str) -> Redacted:
    """Return `text` without keys, tokens, passwords, card numbers, e-mail addresses and encoded pictures.

    They are found however they are escaped. What looks like none of them stays: redaction lowers a risk, and what a
    project does not want on this disk at all must not be kept.
    """
    counted: Counter[str] = Counter()
    for _ in range(_ROUNDS_MAX):
        spans = _apart(_found(text))
        if not spans:
            break
        text = _replaced(text, spans)
        counted.update(span.kind for span in spans)
    return Redacted(text, tuple(f"{kind}: {number}" for kind, number in sorted(counted.items())))


def without_last_word(text: str) -> str:
    """Return a text that was cut off somewhere without its last word, which may be half a key and look like none."""
    end = max(len(text) - _WORD_MAX, 0)
    return text[:end] + _UNFINISHED.sub("", text[end:])


def _replaced(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    done = 0
    for span in spans:
        parts += (text[done : span.start], f"[removed: {span.kind}]")
        done = span.end
    return "".join((*parts, text[done:]))


def _found(text: str) -> Iterator[Span]:
    for view in views(text):
        for span in find_secrets(view.text):
            # Up to the last character's own end: what follows it may be invisible.
            yield Span(view.origin(span.start), view.origin(span.end), span.kind)


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap made one of the first one's kind."""
    apart: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if apart and span.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = last._replace(end=max(last.end, span.end))
        elif span.end > span.start:
            apart.append(span)
    return apart
