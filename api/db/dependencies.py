"""Sessions as FastAPI dependencies.

Belongs here: what a route declares to get its transaction. Does not belong here: the commit itself (`session`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.db.session import reading, transaction


def unit_of_work(request: Request) -> Generator[Session]:
    """Give a route its transaction."""
    with transaction(request.app.state.engine) as session:
        yield session


def read_only_session(request: Request) -> Generator[Session]:
    """Give a route that changes nothing its session."""
    with reading(request.app.state.engine) as session:
        yield session


# Scope "function": the commit happens before the answer is sent, so that no answer promises what is not stored.
Work = Annotated[Session, Depends(unit_of_work, scope="function")]
Look = Annotated[Session, Depends(read_only_session, scope="function")]
