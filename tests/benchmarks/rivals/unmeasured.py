"""Our own server without the middleware that counts calls for `/metrics`, or with it: as the environment says.

Belongs here: taking it out. Does not belong here: serving (`serving`), asking it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from api import app as application
from api.metrics.measures import Measured
from pipelines.lake.paths import Home
from tests.benchmarks.rivals.serving import serve

HOME_VARIABLE: Final = "UNMEASURED_HOME"
KEPT_VARIABLE: Final = "UNMEASURED_KEPT"
"""Set to keep the middleware: the other side of the comparison, served in the very same way."""


def create_app() -> FastAPI:
    """Return our application for the home that the environment names."""
    made = application.create_app(Home(Path(os.environ[HOME_VARIABLE])), sends_mail=False)
    if not os.environ.get(KEPT_VARIABLE):
        before = len(made.user_middleware)
        made.user_middleware = [one for one in made.user_middleware if one.cls is not Measured]
        assert len(made.user_middleware) == before - 1
    return made


if __name__ == "__main__":
    serve(f"{__spec__.name}:create_app", int(sys.argv[1]))
