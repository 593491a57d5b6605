"""The framework's own rate: a bare FastAPI route, served exactly as ours is.

Belongs here: that application. Does not belong here: serving it (`serving`), asking it.
"""

from __future__ import annotations

import sys

from fastapi import FastAPI

from tests.benchmarks.rivals.serving import serve


def create_app() -> FastAPI:
    """Return an application that knows nothing."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    @app.get("/ping")
    async def ping() -> dict[str, bool]:
        return {"ok": True}

    return app


if __name__ == "__main__":
    serve(f"{__spec__.name}:create_app", int(sys.argv[1]))
