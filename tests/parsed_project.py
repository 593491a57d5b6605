"""The dbt project, parsed once for all processes a test run starts.

Belongs here: making dbt's own file of a parsed project and pointing dbt at it. Does not belong here: anything a test
checks. dbt compares the file with the sources and parses anew whatever differs, so it is only ever quicker.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

VARIABLE: Final = "DBT_PARTIAL_PARSE_FILE_PATH"
_MAKE_IT: Final = """
import sys
from pathlib import Path
from pipelines.dbt_runner import DbtRunner
from pipelines.lake.paths import Home
home = Home(Path(sys.argv[1]) / "home")
home.root.mkdir()
DbtRunner(home).manifest()
(home.dbt / "target" / "partial_parse.msgpack").replace(sys.argv[2])
"""


class ParsedProject:
    """The file, for as long as the tests run."""

    def __init__(self) -> None:
        """Make it; a project that does not parse is left to the tests, which say so better."""
        self._folder = Path(tempfile.mkdtemp(prefix="halton-parsed-project-"))
        file = self._folder / "partial_parse.msgpack"
        command = [sys.executable, "-c", _MAKE_IT, str(self._folder), str(file)]
        # Waited for: dbt refuses to start when the file it is pointed at is not there yet.
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            os.environ[VARIABLE] = str(file)

    def close(self) -> None:
        """Remove it."""
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(self._folder, ignore_errors=True)
