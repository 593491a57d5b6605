"""A store, a clock that is set, and plain prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.attribution.caller import Caller
from daemon.attribution.chain import Attribution
from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.draft import Billing
from daemon.importers.finish import Finisher
from daemon.importers.importing import Import
from daemon.importers.known import KnownCalls
from daemon.importers.registry import IMPORTERS
from daemon.importers.tally import FileResult
from daemon.prices.book import Cost
from daemon.store.store import Store
from tests.daemon.importers.samples import START


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    instant: datetime = field(default_factory=lambda: START + timedelta(days=2))

    def now(self) -> datetime:
        return self.instant.astimezone(UTC)


class PlainPrices:
    """A millicent a token; one hour's cache writes two; nothing for models it does not know."""

    def cost(self, provider: str, model: str, tokens: Tokens, at_us: int, service_tier: str | None) -> Cost | None:
        if model == "unknown":
            return None
        return Cost(tokens.total_input + tokens.output + tokens.cache_write_1h, "plain")


def project_of(caller: Caller, header: str | None) -> Attribution:
    """Find the project by the name of the folder."""
    assert header is None
    assert not caller.environment
    return Attribution((caller.workdir or "/personal").rsplit("/", 1)[-1], "git", caller.workdir)


class Desk:
    """Imports into a real store."""

    def __init__(self, folder: Path, clock: SetClock) -> None:
        self.folder = folder
        self.clock = clock
        self.store = Store(folder / "db.sqlite", clock)
        self.known = KnownCalls(self.store)

    def importer(self, source: str, *, billing: Billing = "auto", dry_run: bool = False) -> Import:
        finisher = Finisher(prices=PlainPrices(), clock=self.clock, machine="vk.local", find_project=project_of)
        return Import(IMPORTERS[source], self.store, self.known, finisher, self.clock, billing, dry_run)

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, source: str, name: str, content: bytes, *, dry_run: bool = False) -> FileResult:
        return self.importer(source, dry_run=dry_run).read(self.file(name, content))

    def calls(self) -> list[Call]:
        return sorted(self.store.between(0, 2**60), key=lambda call: (call.requested_at_us, call.id))

    def close(self) -> None:
        self.known.close()
        self.store.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def desk(tmp_path: Path, clock: SetClock) -> Iterator[Desk]:
    desk = Desk(tmp_path, clock)
    yield desk
    desk.close()


@pytest.fixture
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Desk]]:
    """Makes further stores, for tests that compare ways of importing."""
    desks: list[Desk] = []

    def make() -> Desk:
        desks.append(Desk(tmp_path_factory.mktemp("desk"), SetClock()))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()
