"""An analysis that kills itself: `python -m tests.pipelines.analysis.killed_build HOME POINT`.

Belongs here: being killed at a named point, without dbt, which no point needs. Does not belong here: what is expected
afterwards.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pipelines.analysis import publish
from pipelines.analysis.build import opened_build
from pipelines.analysis.publish import AnalysisPublication, publish_analysis
from pipelines.durable_files import move_durably
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

POINTS = ("models are built", "the file is written", "the file is in its place")


def main(home: Home, point: str) -> None:
    """Build as far as the point."""
    engine = open_database(home.database_url)

    def end(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def move(source: Path, target: Path) -> None:
        end("the file is written")
        move_durably(source, target)
        end("the file is in its place")

    publish.move_durably = move
    with opened_build(home, engine, SystemClock()) as build:
        database = build.lay_sources()
        end("models are built")
        publish_analysis(home, database, AnalysisPublication(build.snapshot.file, build.export(), build.now, ()))


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), sys.argv[2])
