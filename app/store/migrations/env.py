"""Alembic's entry: runs inside our engine, one migration at a time over all machines."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine, text

from app.store.tables import metadata

LOCK = 7_316_501
"""Advisory lock on Postgres: two machines that are released together migrate one after the other."""


def run() -> None:
    engine: Engine = context.config.attributes["engine"]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(
            connection=connection, target_metadata=metadata, render_as_batch=engine.dialect.name == "sqlite"
        )
        with context.begin_transaction():
            context.run_migrations()


run()
