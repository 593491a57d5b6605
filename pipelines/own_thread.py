"""Running work in a thread of its own while the caller waits.

Belongs here: that, for work that would take over the main thread's signals. Does not belong here: background work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")


def in_own_thread(work: Callable[[], _Answer], name: str) -> _Answer:
    """Run `work` in a thread: in the main one Dagster would take over SIGTERM and SIGINT, and not give them back.

    Args:
        work: what to run; what it raises is raised again here.
        name: of the thread.

    Returns:
        Its answer.
    """
    answers: list[_Answer] = []
    faults: list[BaseException] = []

    def attempt() -> None:
        try:
            answers.append(work())
        except BaseException as fault:  # noqa: BLE001 - raised again in the calling thread
            faults.append(fault)

    thread = threading.Thread(target=attempt, name=name)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return answers[0]
