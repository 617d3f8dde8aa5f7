"""What an issue was directly before an annotation event, to be compared with after a crash as well."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty in the rows of older versions, which still put some in during a deploy.
    op.add_column("annotation_events", sa.Column("before", sa.JSON))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forwards only: restore a backup to go back.")
