"""How often a job's workflow ended in error, apart from how often it had to wait for Sentry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default of the database's: processes of the older version still put rows in during a deploy.
    op.add_column("work", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forwards only: restore a backup to go back.")
