"""What happens at doors and places, and counts per line or zone and hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "happenings",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("camera", sa.String(length=64), nullable=False),
        sa.Column("checkpoint", sa.String(length=64), nullable=True),
        sa.Column("place", sa.String(length=64), nullable=True),
        sa.Column("body", sa.String(length=16), nullable=True),
        sa.Column("occurred_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
    )
    op.create_index("happenings_by_time", "happenings", ["occurred_at"])
    op.create_table(
        "line_counts",
        sa.Column("place", sa.String(length=64), primary_key=True),
        sa.Column("body", sa.String(length=16), primary_key=True),
        sa.Column("hour", _TIME, primary_key=True),
        sa.Column("forward", sa.BigInteger(), nullable=False),
        sa.Column("backward", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "zone_counts",
        sa.Column("place", sa.String(length=64), primary_key=True),
        sa.Column("body", sa.String(length=16), primary_key=True),
        sa.Column("hour", _TIME, primary_key=True),
        sa.Column("body_s", sa.BigInteger(), nullable=False),
        sa.Column("most_at_once", sa.BigInteger(), nullable=False),
        sa.Column("long_stays", sa.BigInteger(), nullable=False),
    )
