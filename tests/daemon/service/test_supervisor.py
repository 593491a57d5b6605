"""Parts that die are started again; the others never notice."""

from __future__ import annotations

import threading

from daemon.service.supervisor import Supervisor
from tests.daemon.service.laptop import eventually


class Part:
    """Dies as often as it is told to, then runs."""

    def __init__(self, name: str, deaths: int, log: list[str]) -> None:
        self.name = name
        self._deaths = deaths
        self._log = log
        self.runs = 0

    def run(self, ready: threading.Event, stop: threading.Event) -> None:
        self.runs += 1
        if self.runs <= self._deaths:
            raise OSError(f"death {self.runs}")
        ready.set()
        stop.wait()
        self._log.append(self.name)


def test_a_part_that_dies_is_started_again_and_the_end_is_in_reverse_order() -> None:
    log: list[str] = []
    well, ill = Part("well", 0, log), Part("ill", 3, log)
    supervisor = Supervisor([well, ill], first_pause=0.001)
    supervisor.start(5)
    assert eventually(lambda: [state.condition for state in supervisor.states()] == ["running", "running"])
    assert [(state.name, state.restarts, state.failure) for state in supervisor.states()] == [
        ("well", 0, None),
        ("ill", 3, None),
    ]
    supervisor.end(5)
    assert log == ["ill", "well"]
    assert well.runs == 1


def test_a_start_waits_for_no_part_that_fails_and_its_reason_is_shown() -> None:
    supervisor = Supervisor([Part("ill", 1_000, [])], first_pause=30)
    supervisor.start(5)
    [state] = supervisor.states()
    assert (state.condition, state.failure) == ("waiting", "death 1")
    supervisor.end(5)
    assert supervisor.states()[0].condition == "ended"
