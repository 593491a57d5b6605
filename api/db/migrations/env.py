"""Alembic's environment: runs revisions on the connection `api.db.migrate` hands over, inside its transaction.

Belongs here: nothing but that. There is no `alembic.ini` and no offline mode: `upgrade` runs at every start.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from api.db.models import Base

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
