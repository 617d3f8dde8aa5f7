"""How much of what kind was taken out of each question to a model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "redactions",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_redactions_at", "redactions", ["at"])


def downgrade() -> None:
    raise NotImplementedError("Migrations go forwards only: restore a backup to go back.")
