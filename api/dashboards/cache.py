"""Bytes of answers, computed once.

Belongs here: answers with their entity tags, kept within bounds. Does not belong here: what makes up a key, and HTTP
(`serving`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from api.dashboards.bounded_cache import BoundedCache

MAX_BYTES: Final = 64 * 1024 * 1024
_LARGEST_PART: Final = 8
"""One entry may take at most an eighth of the cache; a larger one is answered and not kept."""


@dataclass(frozen=True)
class CachedAnswer:
    """One answer's bytes and their strong entity tag, quotes included."""

    content: bytes
    etag: str


class AnswerCache:
    """Answers by key, least recently used dropped first. Safe to share among threads.

    While a key is being computed its other callers wait for that one result; a failure reaches all of them and is not
    kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._answers = BoundedCache[CachedAnswer](
            max_bytes, lambda answer: len(answer.content), largest_part=_LARGEST_PART
        )

    @property
    def held_bytes(self) -> int:
        """Bytes of content held now."""
        return self._answers.held_bytes

    def get(self, key: Hashable, produce: Callable[[], bytes]) -> CachedAnswer:
        """Return the answer for `key`, from `produce` when there is none yet.

        Raises:
            Exception: whatever `produce` raised.
        """

        def answered() -> CachedAnswer:
            content = produce()
            return CachedAnswer(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

        return self._answers.get(key, answered)
