"""Transactions: one request, one transaction, committed here and nowhere else.

Belongs here: `transaction` (the only commit of the control plane), `reading`, and the lock that orders transactions.
Does not belong here: engine settings (`pipelines.lake.database`), FastAPI (`api.db.dependencies`), queries. The landing
ledger has its own commit point in `api.ingest`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from api.db.models import Plan, Workspace
from api.errors import Refused, workspace_not_found


@contextmanager
def transaction(engine: Engine) -> Generator[Session]:
    """Yield a session whose work is committed at the end, or undone when anything is raised.

    A `Refused` with `keep` is raised again after the commit.
    """
    refusal: Refused | None = None
    with Session(engine, expire_on_commit=False) as session:
        try:
            yield session
        except Refused as refused:
            if not refused.keep:
                raise
            refusal = refused
        session.commit()
    if refusal is not None:
        raise refusal


@contextmanager
def reading(engine: Engine) -> Generator[Session]:
    """Yield a session that only reads: on SQLite it takes no write lock and waits for nobody."""
    with Session(engine.execution_options(read_only=True), expire_on_commit=False) as session:
        yield session


def lock_workspace(executor: Session | Connection, workspace_id: str) -> Plan:
    """Lock the workspace's row until the transaction ends, and return its plan.

    Every transaction that changes something of a workspace takes this lock before any other row of it, and several
    workspaces in the order of their ids: so no two of them can wait for each other.

    Raises:
        Refused: 404 no such workspace.
    """
    query = select(Workspace.plan).where(Workspace.id == workspace_id).with_for_update(key_share=True)
    plan = executor.execute(query).scalar_one_or_none()
    if plan is None:
        raise workspace_not_found()
    return Plan(plan)
