"""Records of other tools: the line that each was read from, workloads in another tool's words; counts by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "origin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_origin"),
        sa.UniqueConstraint("key", name="uq_origin_key"),
    )
    op.add_column("workload", sa.Column("dialect", sa.String(32), nullable=False, server_default="tilewright"))
    # In SQL that both databases share: Alembic would copy SQLite's whole table for the sake of the constraint.
    op.execute("ALTER TABLE record ADD COLUMN origin_id INTEGER CONSTRAINT fk_record_origin_id_origin REFERENCES origin (id)")
    op.drop_index("ix_record_session", "record")
    op.create_index("ix_record_session", "record", ["session_id", "status", "source"])
    foreign = sa.text("origin_id IS NOT NULL")
    op.create_index("ix_record_origin", "record", ["workload_id", "origin_id"], sqlite_where=foreign, postgresql_where=foreign)
