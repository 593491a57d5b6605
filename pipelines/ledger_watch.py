"""Noticing cheaply that there may be something to build.

Belongs here: small queries that change when the app database does. Does not belong here: deciding what to build
(`pipelines.build_inputs`).
"""

from __future__ import annotations

from sqlalchemy import Engine, text

_POSITION = "select coalesce(max(value), 0) from landing_sequence"
# Every change of a workspace, project, device or negotiated price is audited, every batch is a link of its
# workspace's chain.
_TRACE = """
select
    (select coalesce(max(value), 0) from landing_sequence),
    (select count(*) from workspaces),
    (select coalesce(sum(audit_position), 0) from workspaces),
    (select coalesce(sum(batch_chain_position), 0) from workspaces),
    (select count(*) from devices),
    (select coalesce(sum(visibility_version), 0) from projects)
"""

Trace = tuple[int, ...]
"""Changes whenever exports may have; equal traces mean that nothing did."""


def ledger_position(engine: Engine) -> int:
    """Return the newest committed `file_seq`, 0 when nothing has landed."""
    with engine.connect().execution_options(read_only=True) as connection:
        return int(connection.execute(text(_POSITION)).scalar_one())


def database_trace(engine: Engine) -> Trace:
    """Return a trace of the app database."""
    with engine.connect().execution_options(read_only=True) as connection:
        return tuple(int(value) for value in connection.execute(text(_TRACE)).one())
