"""Keeping requests and answers of the projects that asked for it.

Belongs here: choosing, and handing to the store. Does not belong here: what is kept of a leg (`content`), the table
(`daemon.store.kept_bodies`). Nothing kept here ever leaves the machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from daemon.attribution.slugs import slug_of
from daemon.bodies.content import Leg, keepable, read_limit


class Shelf(Protocol):
    """Where bodies are kept: `daemon.store.store.Store`."""

    def keep_body(
        self,
        call_id: str,
        direction: str,
        content_type: str,
        text: str,
        original_size_bytes: int,
        redactions: Sequence[str],
    ) -> bool:
        """Keep one leg of a call that is in the store; False when the call is not."""
        ...


class BodyKeeper:
    """Keeps bodies of some projects; safe to be used by several threads if its shelf is."""

    def __init__(self, shelf: Shelf, *, projects: Collection[str], max_bytes: int) -> None:
        """Keep up to `max_bytes` of each leg of calls of `projects`, as `[bodies]` in `config.toml` sets them."""
        self._shelf = shelf
        self._projects = frozenset(slug for project in projects if (slug := slug_of(project)))
        self._max_bytes = max_bytes

    @property
    def body_bytes(self) -> int:
        """How much of each leg the proxy should hold on to; 0 when no project wants anything."""
        return read_limit(self._max_bytes) if self._projects else 0

    def wants(self, project: str) -> bool:
        """Return whether bodies of a project are kept."""
        return slug_of(project) in self._projects

    def keep(self, call_id: str, project: str, legs: Iterable[Leg]) -> int:
        """Keep the legs of a call that is in the store, if its project wants them; return how many were kept.

        Raises:
            StoreError: the store cannot be written; the bodies are lost, the call is not.
        """
        if not self.wants(project):
            return 0
        kept = 0
        for leg in legs:
            if leg.size_bytes:
                what = keepable(leg, self._max_bytes)
                kept += self._shelf.keep_body(
                    call_id, leg.direction, what.content_type, what.text, leg.size_bytes, what.removed
                )
        return kept
