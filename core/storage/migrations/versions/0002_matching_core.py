"""Consent with all its states, proofs of erasure, cases, disputes; signing keys of edges; plates sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _consents()
    _lists()
    _tickets()
    _erasures()
    _disputes()
    _cases()


def _consents() -> None:
    with op.batch_alter_table("consents") as table:
        table.add_column(sa.Column("locale", sa.String(length=8), nullable=False, server_default="zh"))
        table.add_column(sa.Column("evidence_ref", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("guardian", sa.JSON(), nullable=True))
        table.add_column(sa.Column("state_since", _TIME, nullable=True))
        table.add_column(sa.Column("expires_at", _TIME, nullable=True))
        table.add_column(sa.Column("deadline_at", _TIME, nullable=True))
        table.alter_column("granted_at", existing_type=_TIME, nullable=True)
    op.execute("UPDATE consents SET state_since = COALESCE(ended_at, granted_at)")
    with op.batch_alter_table("consents") as table:
        table.alter_column("state_since", existing_type=_TIME, nullable=False)
        table.alter_column("locale", existing_type=sa.String(length=8), server_default=None)
    op.create_index("consents_by_deadline", "consents", ["state", "deadline_at"])
    op.add_column("subjects", sa.Column("turns_14_on", sa.Date(), nullable=True))


def _lists() -> None:
    with op.batch_alter_table("edges") as table:
        table.add_column(sa.Column("signing_key_base64", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("approved_signing_key_base64", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("list_floor", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("edges") as table:
        table.alter_column("list_floor", existing_type=sa.BigInteger(), server_default=None)
    op.add_column("passages", sa.Column("template_id", sa.String(length=36), nullable=True))
    with op.batch_alter_table("vehicles") as table:
        table.add_column(sa.Column("plate_exact", sa.LargeBinary(length=32), nullable=True))
        table.add_column(sa.Column("plate_folded", sa.LargeBinary(length=32), nullable=True))
        table.add_column(sa.Column("plate_sealed", sa.LargeBinary(), nullable=True))
        table.alter_column("plate", existing_type=sa.String(length=16), nullable=True)
        table.create_unique_constraint("vehicles_plate_exact_kind_key", ["plate_exact", "kind"])
    op.create_index("ix_vehicles_plate_folded", "vehicles", ["plate_folded"])
    op.create_index("sealed_templates_by_edge", "sealed_templates", ["edge_id", "template_id", "subject", "consent_id"])


def _tickets() -> None:
    op.create_table(
        "enrolment_tickets",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("template_id", sa.String(length=36), nullable=True),
    )
    op.create_index("enrolment_tickets_by_consent", "enrolment_tickets", ["consent_id", "edge_id"])
    op.create_index("ix_enrolment_tickets_expires_at", "enrolment_tickets", ["expires_at"])


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("consent_id", sa.String(length=36), primary_key=True),
        sa.Column("edge_id", sa.String(length=64), primary_key=True),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("signing_key_base64", sa.String(length=64), nullable=True),
        sa.Column("confirmed_at", _TIME, nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("written_off_by", sa.String(length=64), nullable=True),
        sa.Column("written_off_reason", sa.String(length=300), nullable=True),
    )
    op.create_index("erasures_open", "erasures", ["edge_id", "confirmed_at"])
    op.create_index("ix_erasures_subject", "erasures", ["subject"])


def _disputes() -> None:
    op.create_table(
        "template_locks",
        sa.Column("template_id", sa.String(length=36), primary_key=True),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_template_locks_subject", "template_locks", ["subject"])
    op.create_table(
        "disputes",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("passage_id", sa.String(length=36), nullable=False, unique=True),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("template_id", sa.String(length=36), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_disputes_subject", "disputes", ["subject"])
    op.create_index("ix_disputes_template_id", "disputes", ["template_id"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=True),
        sa.Column("vehicle", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("case_number", sa.String(length=64), nullable=True),
        sa.Column("authority", sa.String(length=120), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("checkpoints", sa.JSON(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
    )
    op.create_index("cases_by_expiry", "cases", ["state", "expires_at"])
    op.create_index("ix_cases_subject", "cases", ["subject"])
    op.create_index("ix_cases_vehicle", "cases", ["vehicle"])
    op.create_table(
        "case_approvals",
        sa.Column("case_id", sa.String(length=36), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("account", sa.String(length=64), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("case_id", sa.String(length=36), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("checkpoint", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", _TIME, nullable=False),
    )
    op.create_index("ix_sightings_case_id", "sightings", ["case_id"])
