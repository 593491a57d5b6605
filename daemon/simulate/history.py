"""A made-up history of one laptop: the same rows for the same plan, always.

Belongs here: the plan, and the loop that fills it with sessions. Does not belong here: the sessions themselves
(`session`), real traces (`trace_history`), sending (`delivery`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Final, Generic, TypeVar

from daemon.clock import to_micros
from daemon.simulate.catalog import MODELS, PROJECTS, UNKNOWN_MODELS, Model, Project, Style, laptop, share_of
from daemon.simulate.records import RecordMaker
from daemon.simulate.schedule import Schedule, window
from daemon.simulate.session import Session
from daemon.wire.record import Record

_MINIMAL_SHARE: Final = 0.02
_UNKNOWN_MODEL_SHARE: Final = 0.004
_OWN_STYLE_SHARE: Final = 0.8

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to make up. Two equal plans give the same rows, ids included; any other plan gives other ids.

    Attributes:
        rows: calls of all devices together.
        days: length of the history, times 24 hours.
        until: its last instant, aware.
        seed: any integer.
        device_index: which laptop this is, from 0.
        devices: how many laptops share the rows.
    """

    rows: int
    days: int
    until: datetime
    seed: int = 7
    device_index: int = 0
    devices: int = 1

    @property
    def device_rows(self) -> int:
        """Rows of this laptop."""
        return share_of(self.rows, self.device_index, self.devices)

    def random(self, purpose: str) -> Random:
        """Return a generator that depends on the whole plan and on `purpose`."""
        # Ids depend on everything that decides content: another plan must never send an old id with a new content.
        until_us = to_micros(self.until)
        parts = (purpose, self.seed, self.rows, self.days, until_us, self.device_index, self.devices)
        return Random(":".join(str(part) for part in parts))  # noqa: S311 - reproducible, not secret


class _Weighted(Generic[T]):
    """Weighted choices from a fixed list."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self.cumulative = list(accumulate(weights))

    def pick(self, random: Random) -> T:
        return random.choices(self.items, cum_weights=self.cumulative)[0]


def generate(plan: Plan) -> list[Record]:
    """Return this laptop's records, ordered by (recorded_at, id), all between the plan's first and last instant."""
    random = plan.random("history")
    machine = laptop(plan.device_index)
    starts_us, ends_us = window(to_micros(plan.until), plan.days)
    schedule = Schedule(random, machine.time_zone, starts_us, ends_us)
    maker = RecordMaker(random, machine)
    choose = _Choice(random)
    wanted = plan.device_rows
    rows: list[tuple[int, Record]] = []
    while len(rows) < wanted:
        project, model, style = choose.work()
        started = schedule.start(nightly=project.nightly)
        method = maker.attribution(project.slug)
        minimal = random.random() < _MINIMAL_SHARE
        for call in Session(random, project, model, style, started):
            recorded_us, record = maker.record(call, method=method, minimal=minimal)
            if recorded_us > ends_us or len(rows) == wanted:
                break
            rows.append((recorded_us, record))
    rows.sort(key=lambda row: (row[0], row[1].id))
    return [record for _, record in rows]


class _Choice:
    """Picks what a session works on, with this laptop's own leanings."""

    def __init__(self, random: Random) -> None:
        self._random = random
        zipf = [random.lognormvariate(0.0, 0.5) / (rank + 1) for rank in range(len(PROJECTS))]
        self._projects: _Weighted[Project] = _Weighted(PROJECTS, zipf)
        self._models: dict[Style, _Weighted[Model]] = {}
        leaning = {model.name: random.lognormvariate(0.0, 0.45) for model in MODELS}
        for style in Style:
            fitting = [m for m in MODELS if m.style is style or (m.style is None and style is not Style.EMBEDDING)]
            self._models[style] = _Weighted(fitting, [m.share * leaning[m.name] for m in fitting])
        # A project keeps to one or two models for months; only some sessions try another.
        self._usual = {p.slug: [self._models[p.style].pick(random) for _ in range(2)] for p in PROJECTS}

    def work(self) -> tuple[Project, Model, Style]:
        """Return project, model and style of the next session."""
        random = self._random
        project = self._projects.pick(random)
        if random.random() < _UNKNOWN_MODEL_SHARE:
            return project, random.choice(UNKNOWN_MODELS), Style.CHAT
        if random.random() < _OWN_STYLE_SHARE:
            return project, random.choice(self._usual[project.slug]), project.style
        style = random.choice((Style.AGENT, Style.CHAT))
        return project, self._models[style].pick(random), style
