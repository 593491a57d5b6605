"""Whatever is sent, resent, killed, archived or rebuilt: every answer is what a plain model of it says.

In the long form many examples are played, with dice of their own each time; their seed is logged.
"""

from __future__ import annotations

import functools
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.run_history import run_history
from tests.faults.stateful.cloud_machine import Budget, CloudMachine
from tests.faults.stateful.cloud_records import START
from tests.faults.stateful.cloud_under_test import Cloud, fresh_home

_log = logging.getLogger(__name__)

# The first example is Hypothesis' simplest and costs next to nothing.
EXAMPLES = {"sqlite": 2, "postgres": 2}
STEPS = 30
LONGER = 50
# Which examples a seed makes depends on the version of Hypothesis, and on what is imported: all may be too simple.
ATTEMPTS = 5
CHECKED = "examples checked to the end"

NewCloud = Callable[[Sequence[str]], Cloud]


@pytest.fixture(params=["sqlite", "postgres"])
def new_cloud(
    request: pytest.FixtureRequest, tmp_path: Path, upgraded_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewCloud]:
    """Makes fresh installations, all in one place, so that what is warm stays warm."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    on_postgres = request.param == "postgres"
    server: Any = request.getfixturevalue("postgres") if on_postgres else None
    with ExitStack() as databases:

        def make(slugs: Sequence[str]) -> Cloud:
            fresh_home(home)
            if on_postgres:
                url = server.new_database()
                databases.callback(server.drop_database, url)
                monkeypatch.setenv(DATABASE_VARIABLE, url)
            else:
                monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
                (home.root / "app.sqlite").write_bytes(upgraded_sqlite.read_bytes())
            return Cloud(home, home.database_url, FixedClock(START), slugs)

        yield make
    run_history(home).dispose()


@pytest.mark.timeout(900)
def test_every_answer_is_what_the_model_says(new_cloud: NewCloud, request: pytest.FixtureRequest):
    long, database = request.config.getoption("--long"), request.node.callspec.params["new_cloud"]
    budget = Budget(replays=1_000_000) if long else Budget(replays=1 if database == "sqlite" else 0)
    settings = hypothesis.settings(
        max_examples=EXAMPLES[database] * (LONGER if long else 1),
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        # A build takes seconds: what fails is told as it was met.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )

    machine: Any = functools.partial(CloudMachine, new_cloud, budget)

    for attempt in range(ATTEMPTS):
        seed = random.randrange(2**32) if long else attempt
        _log.info("seed %d", seed)
        hypothesis.seed(seed)(machine)
        run_state_machine_as_test(machine, settings=settings)
        if CHECKED in budget.done:
            break
    _log.info("%s", budget.done)
    assert budget.done[CHECKED] > 0
