"""Every table, as SQLAlchemy Core. Times are aware UTC; what came from an event is encrypted by the vault."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime on every database (SQLite keeps none of the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
metadata = MetaData()

FINISHED = text("finished_at IS NOT NULL")

work = Table(
    "work",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("trigger", String(80), nullable=False),
    Column("dedupe", String(64), nullable=False, unique=True),
    Column("payload", LargeBinary),
    Column("state", String(12), nullable=False, default="queued"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("rank", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("workflow_id", String(128)),
    Column("outcome", String(16)),
    Column("reason", String(500)),
    # One index for all that is asked of it: each costs every webhook a page more to write.
    Index("work_open", "state", "due_at", "subject"),
    # Partial, so that a new row costs nothing here.
    Index("work_finished", "finished_at", sqlite_where=FINISHED, postgresql_where=FINISHED),
    sqlite_autoincrement=True,
)

issues = Table(
    "issues",
    metadata,
    Column("issue_id", String(64), primary_key=True),
    Column("project", String(100), nullable=False, index=True),
    Column("short_id", String(100), nullable=False, default=""),
    Column("status", String(24), nullable=False, default=""),
    Column("state", String(16), nullable=False, default="new"),
    Column("signature", String(32), nullable=False, default="", index=True),
    Column("version", Integer, nullable=False, default=0),
    Column("first_seen", Moment),
    Column("last_seen", Moment),
    Column("read_at", Moment),
    Column("triaged_at", Moment),
    Column("content", LargeBinary),
    Column("plan", LargeBinary),
    Index("issues_triaged", "triaged_at"),
    Index("issues_read", "read_at", "issue_id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("issue_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("project", String(100), nullable=False, default=""),
    Column("signature", String(32), nullable=False, default="", index=True),
    Column("category", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("immediate", Boolean, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("source", String(10), nullable=False),
    Column("model", String(120)),
    Column("reason", String(500), nullable=False, default=""),
    Column("body", LargeBinary, nullable=False),
    Column("sent", LargeBinary),
    Column("created_at", Moment, nullable=False, index=True),
    UniqueConstraint("issue_id", "version"),
)

writes = Table(
    "writes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("issue_id", String(32), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("before", LargeBinary),
    Column("after", LargeBinary),
    Column("ref", String(64), nullable=False, default=""),
    Column("reason", String(500), nullable=False, default=""),
    Column("at", Moment, nullable=False, index=True),
    Column("undone_at", Moment),
)

projects = Table(
    "projects",
    metadata,
    Column("project_id", String(32), primary_key=True),
    Column("canary_passed", Boolean, nullable=False, default=False),
    Column("tags_disabled", String(500), nullable=False, default=""),
    Column("updated_at", Moment, nullable=False),
)

annotation_events = Table(
    "annotation_events",
    metadata,
    Column("event_id", String(32), primary_key=True),
    Column("issue_id", String(32), nullable=False, index=True),
    Column("project_id", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("sent_at", Moment, nullable=False, index=True),
    Column("landed_at", Moment),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("issue_id", String(32), nullable=False, index=True),
    Column("short_id", String(100), nullable=False, default=""),
    Column("project", String(100), nullable=False, default=""),
    Column("signature", String(32), nullable=False, default="", index=True),
    Column("field", String(12), nullable=False),
    Column("value", String(120), nullable=False),
    Column("was", String(120), nullable=False, default=""),
    Column("author", String(200), nullable=False, default=""),
    Column("origin", String(16), nullable=False),
    Column("dedupe", String(64), nullable=False, unique=True),
    Column("at", Moment, nullable=False, index=True),
    Column("retracted_at", Moment),
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("issue_id", String(64), nullable=False, index=True),
    Column("signature", String(32), nullable=False, default="", index=True),
    Column("model", String(120), nullable=False),
    Column("answered_by", String(120), nullable=False, default=""),
    Column("result", String(24), nullable=False),
    Column("tokens_in", Integer, nullable=False, default=0),
    Column("tokens_cached", Integer, nullable=False, default=0),
    Column("tokens_out", Integer, nullable=False, default=0),
    Column("cost_usd", Float, nullable=False, default=0.0),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("at", Moment, nullable=False, index=True),
)

redactions = Table(
    "redactions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("call_id", Id, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("count", Integer, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

workers = Table(
    "workers",
    metadata,
    Column("executor_id", String(64), primary_key=True),
    Column("host", String(255), nullable=False, default=""),
    Column("pid", Integer, nullable=False, default=0),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
