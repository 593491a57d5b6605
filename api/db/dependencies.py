"""Sessions as FastAPI dependencies.

Belongs here: what a route declares to get its transaction. Does not belong here: the commit itself (`session`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.db.session import reading, transaction


def unit_of_work(request: Request) -> Generator[Session]:
    """Give a route its transaction, begun as the route's guard asks (`api.access.callers`)."""
    begin_change: Callable[[Session], None] | None = getattr(request.state, "begin_change", None)
    with transaction(request.app.state.engine) as session, _held(request, session):
        if begin_change is not None:
            begin_change(session)
        yield session


def read_only_session(request: Request) -> Generator[Session]:
    """Give a route that changes nothing its session."""
    with reading(request.app.state.engine) as session, _held(request, session):
        yield session


@contextmanager
def any_session(request: Request) -> Generator[Session]:
    """Yield the session the request's route holds, else one of its own that only reads.

    Whatever runs below a route reads through this: a request that waited for a second connection while it holds one
    could wait for ever, once all connections are held by requests that do the same.
    """
    held: Session | None = getattr(request.state, "session", None)
    if held is not None:
        yield held
        return
    with reading(request.app.state.engine) as session:
        yield session


@contextmanager
def _held(request: Request, session: Session) -> Generator[None]:
    request.state.session = session
    try:
        yield
    finally:
        request.state.session = None


# Scope "function": the commit happens before the answer is sent, so that no answer promises what is not stored.
Work = Annotated[Session, Depends(unit_of_work, scope="function")]
Look = Annotated[Session, Depends(read_only_session, scope="function")]
