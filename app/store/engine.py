"""The database: one engine for SQLite (WAL, one machine) or Postgres (many), and its migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CursorResult, Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.errors import UserError

from .sqlite_wait import WaitingConnection


def make_engine(url: str) -> Engine:
    """An engine whose SQLite connections use WAL and wait for a lock rather than fail.

    Raises ``UserError`` where Postgres' driver is not installed.
    """
    if make_url(url).get_backend_name() != "sqlite":
        try:
            return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True)
        except ImportError:
            raise UserError(
                "DATABASE_URL names Postgres, but its driver is not installed.",
                hint="pip install 'sentry-triage[postgres]'",
            ) from None
    # values stay out of the texts of errors
    engine = create_engine(url, hide_parameters=True, connect_args={"factory": WaitingConnection})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=wal")
        # A commit survives the death of the process; the last ones may not survive a power cut, after which
        # reconcile finds again what Sentry told us.
        connection.execute("PRAGMA synchronous=NORMAL")
        # Fewer, larger checkpoints: each makes the webhook that meets it wait.
        connection.execute("PRAGMA wal_autocheckpoint=4000")

    return engine


def write(engine: Engine, statement: Executable) -> CursorResult[Any]:
    """Run one statement as a transaction of its own, which the driver begins and commits in the same call.

    With COMMIT apart, a thread of a busy worker waits for Python's lock before it can say it, and holds
    SQLite's write lock meanwhile, for which webhooks wait.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(statement)


def insert_of(engine: Engine) -> Callable[[Table], Any]:
    """The ``insert`` of the engine's dialect, which knows ``ON CONFLICT``."""
    return sqlite_insert if engine.dialect.name == "sqlite" else postgres_insert


def upsert(
    engine: Engine,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    fresh: Mapping[str, Any] | None = None,
) -> None:
    """Give the row with this primary key these values, in one statement (see ``write``). ``fresh``: what else
    a new row gets."""
    query = insert_of(engine)(table).values({**(fresh or {}), **values, **key})
    write(engine, query.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("app.store") / "migrations"))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version. Safe to run again, and from several machines at once."""
    try:
        command.upgrade(_config(engine), "head")
    except SQLAlchemyError as error:
        raise UserError(
            f"The database cannot be reached or migrated: {str(error).splitlines()[0]}",
            hint="Check DATABASE_URL and that the server runs and lets this user create tables.",
        ) from error


def is_migrated(engine: Engine) -> bool:
    """True where the schema is the newest one this code knows."""
    head = ScriptDirectory.from_config(_config(engine)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
