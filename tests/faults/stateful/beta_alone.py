"""What happened to the workspace beta, to be done again in a world where no other workspace is.

Belongs here: the diary, and beta's answers with what is named at random or counts all workspaces taken out. Does not
belong here: when this is done (`cloud_machine`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tests.faults.stateful.cloud_under_test import DEVICES, Cloud

BETA: Final = "beta"
PAGES: Final = ("overview", "projects", "projects/red", "requests", "requests.csv", "devices", "filters")
# Whenever anybody's rows are built there is a new build.
_OF_ALL: Final = re.compile(rb'"build_id":("[^"]*"|null)')


@dataclass
class BetaDiary:
    """Steps of an example in which beta took part, with their instants.

    Attributes:
        began: when its installation was set up.
        steps: instant, name, details.
    """

    began: datetime
    steps: list[tuple[datetime, str, tuple[Any, ...]]] = field(
        default_factory=list[tuple[datetime, str, tuple[Any, ...]]]
    )
    ended: datetime | None = None

    def note(self, at: datetime, name: str, *details: Any) -> None:
        """Remember a step if beta takes part in it."""
        self.ended = at
        if details and details[0] == BETA:
            self.steps.append((at, name, details[1:]))

    def replay(self, cloud: Cloud) -> None:
        """Do beta's steps again, each at its instant."""
        for at, name, details in self.steps:
            cloud.clock.instant = at
            if name == "send":
                assert cloud.send(BETA, *details).status_code == 200
            elif name == "crash":
                device, records, committed = details
                cloud.send_dying(BETA, device, records, committed=committed)
            elif name == "ask":  # a device that asks has been seen
                for device in DEVICES:
                    cloud.daemon(BETA, device, "daemon/receipts")
            else:
                getattr(cloud, name)(BETA, *details)
        assert self.ended is not None
        cloud.clock.instant = self.ended

    def answers(self, cloud: Cloud) -> dict[str, bytes]:
        """Return beta's answers, byte by byte but for random ids and what is said of the build as a whole.

        A refusal is an answer: beta may never have seen the project that is asked for.
        """
        return {page: _OF_ALL.sub(b"", self._named(cloud, cloud.bytes_of(BETA, page))) for page in PAGES}

    def _named(self, cloud: Cloud, content: bytes) -> bytes:
        for device in DEVICES:
            content = content.replace(cloud.device_ids[BETA, device].encode(), device.encode())
        return content.replace(cloud.ids[BETA].encode(), b"beta")


def parting(one: bytes, other: bytes, *, context: int = 200) -> tuple[bytes, bytes]:
    """Return where two unequal answers part, with some bytes around: whole answers are too long to read."""
    pairs = enumerate(zip(one, other, strict=False))
    common = next((at for at, (mine, its) in pairs if mine != its), min(len(one), len(other)))
    around = slice(max(0, common - context), common + context)
    return one[around], other[around]
