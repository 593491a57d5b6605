"""Exports a workspace and kills itself without a word when the Nth object is to be written: `HOME WORKSPACE N`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pipelines.exports import run
from pipelines.exports.settings import read_settings
from pipelines.exports.targets import Target
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home


def main() -> None:
    home, workspace_id, at = Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    settings = read_settings(home, workspace_id)
    assert settings is not None
    opened, count = run.opened_target, 0

    def counting(*arguments: object) -> Target:
        target = opened(*arguments)  # type: ignore[arg-type]
        for name in ("put", "put_file"):
            _kill_before(target, name)
        return target

    def _kill_before(target: Target, name: str) -> None:
        write = getattr(target, name)

        def killing(*arguments: object) -> None:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            write(*arguments)

        setattr(target, name, killing)

    run.opened_target = counting  # type: ignore[assignment]
    run.export_workspace(home, open_database(f"sqlite:///{home.root / 'app.sqlite'}"), settings)


if __name__ == "__main__":
    main()
