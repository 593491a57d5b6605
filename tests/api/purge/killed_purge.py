"""Goes on with the purges of a home and kills itself at the nth deletion of a file below a folder: `HOME FOLDER N`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from api.purge import purge_due
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home


def main() -> None:
    home, folder, left = Home(Path(sys.argv[1])), Path(sys.argv[2]).resolve(), int(sys.argv[3])
    tree = Path("/")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left, tree
        if event == "shutil.rmtree":
            tree = Path(arguments[0]).resolve()
        elif event == "os.remove":
            path, folder_descriptor = arguments
            # Inside a tree files are removed by their bare names, in folders held open.
            removed = Path(path).resolve() if folder_descriptor < 0 else tree
            if removed.is_relative_to(folder):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    engine = open_database(home.database_url)
    purge_due(home, engine, SystemClock())
    engine.dispose()


if __name__ == "__main__":
    main()
