"""Whether the face of a passage was looked at for being a picture of one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passages", sa.Column("presentation", sa.String(length=16), nullable=True))
