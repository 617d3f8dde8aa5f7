"""The first tables, as they were in 0.1."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "work",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("trigger", sa.String(80), nullable=False),
        sa.Column("dedupe", sa.String(64), nullable=False, unique=True),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("workflow_id", sa.String(128)),
        sa.Column("outcome", sa.String(16)),
        sa.Column("reason", sa.String(500)),
        sqlite_autoincrement=True,
    )
    op.create_index("work_open", "work", ["state", "due_at", "subject"])
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(100), nullable=False),
        sa.Column("short_id", sa.String(100), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("signature", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("first_seen", MOMENT),
        sa.Column("last_seen", MOMENT),
        sa.Column("read_at", MOMENT),
        sa.Column("triaged_at", MOMENT),
        sa.Column("content", sa.LargeBinary),
        sa.Column("plan", sa.LargeBinary),
    )
    op.create_index("ix_issues_project", "issues", ["project"])
    op.create_index("ix_issues_signature", "issues", ["signature"])
    op.create_index("issues_triaged", "issues", ["triaged_at"])
    op.create_table(
        "verdicts",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("issue_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("project", sa.String(100), nullable=False),
        sa.Column("signature", sa.String(32), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("immediate", sa.Boolean, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("abstained", sa.Boolean, nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("model", sa.String(120)),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sent", sa.LargeBinary),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.UniqueConstraint("issue_id", "version"),
    )
    op.create_index("ix_verdicts_signature", "verdicts", ["signature"])
    op.create_index("ix_verdicts_created_at", "verdicts", ["created_at"])
    op.create_table(
        "writes",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("issue_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("before", sa.LargeBinary),
        sa.Column("after", sa.LargeBinary),
        sa.Column("ref", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("undone_at", MOMENT),
    )
    op.create_index("ix_writes_issue_id", "writes", ["issue_id"])
    op.create_index("ix_writes_at", "writes", ["at"])
    op.create_table(
        "projects",
        sa.Column("project_id", sa.String(32), primary_key=True),
        sa.Column("canary_passed", sa.Boolean, nullable=False),
        sa.Column("tags_disabled", sa.String(500), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "annotation_events",
        sa.Column("event_id", sa.String(32), primary_key=True),
        sa.Column("issue_id", sa.String(32), nullable=False),
        sa.Column("project_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("landed_at", MOMENT),
    )
    op.create_index("ix_annotation_events_issue_id", "annotation_events", ["issue_id"])
    op.create_index("ix_annotation_events_sent_at", "annotation_events", ["sent_at"])
    op.create_table(
        "corrections",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("issue_id", sa.String(32), nullable=False),
        sa.Column("short_id", sa.String(100), nullable=False),
        sa.Column("project", sa.String(100), nullable=False),
        sa.Column("signature", sa.String(32), nullable=False),
        sa.Column("field", sa.String(12), nullable=False),
        sa.Column("value", sa.String(120), nullable=False),
        sa.Column("was", sa.String(120), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("dedupe", sa.String(64), nullable=False, unique=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("retracted_at", MOMENT),
    )
    for column in ("issue_id", "signature", "at"):
        op.create_index(f"ix_corrections_{column}", "corrections", [column])
    op.create_table(
        "model_calls",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("issue_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(32), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("answered_by", sa.String(120), nullable=False),
        sa.Column("result", sa.String(24), nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_cached", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    for column in ("issue_id", "signature", "at"):
        op.create_index(f"ix_model_calls_{column}", "model_calls", [column])
    op.create_table(
        "workers",
        sa.Column("executor_id", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("beat_at", MOMENT, nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forwards only: restore a backup to go back.")
