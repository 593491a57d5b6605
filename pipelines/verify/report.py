"""What a verification found.

Belongs here: collecting differences and counts. Does not belong here: looking for them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SHOWN_PER_CHECK: Final = 20


@dataclass
class VerifyReport:
    """Differences found, and how much was looked at.

    Attributes:
        build_id: the published build that was checked; None when there is none.
        checked: how many things each check looked at, by its name.
        differences: one plain sentence each; empty when every total is proven.
    """

    build_id: str | None = None
    checked: dict[str, int] = field(default_factory=dict[str, int])
    differences: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def count(self, check: str, number: int = 1) -> None:
        """Note that a check looked at `number` more things."""
        self.checked[check] = self.checked.get(check, 0) + number

    def differs(self, sentence: str) -> None:
        """Note a difference."""
        self.differences.append(sentence)

    def compare(self, what: str, expected: Mapping[Hashable, Any], found: Mapping[Hashable, Any]) -> None:
        """Compare two tables by key, naming the first keys that differ.

        Args:
            what: name of the published table.
            expected: recomputed values by key.
            found: published values by key.
        """
        self.count(what, len(found))
        wrong = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
        for key in sorted(wrong, key=repr)[:SHOWN_PER_CHECK]:
            self.differs(f"{what} at {key}: published {found.get(key)}, recomputed {expected.get(key)}")
        if len(wrong) > SHOWN_PER_CHECK:
            self.differs(f"{what}: {len(wrong) - SHOWN_PER_CHECK} more rows differ")

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "ok": self.ok,
            "build_id": self.build_id,
            "checked": self.checked,
            "differences": self.differences,
        }
