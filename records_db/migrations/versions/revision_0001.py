"""The first schema: workloads, targets, devices, compilers, sessions and records."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "workload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workload"),
        sa.UniqueConstraint("key", name="uq_workload_key"),
    )
    op.create_table(
        "target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_target"),
        sa.UniqueConstraint("text", name="uq_target_text"),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.UniqueConstraint("fingerprint", name="uq_device_fingerprint"),
    )
    op.create_index("ix_device_model", "device", ["model"])
    op.create_table(
        "compiler",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("git", sa.Text(), nullable=False),
        sa.Column("llvm", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_compiler"),
        sa.UniqueConstraint("version", "git", "llvm", name="uq_compiler_version"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("compiler_id", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("ended", INSTANT, nullable=True),
        sa.Column("tuner", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("command_line", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.ForeignKeyConstraint(["compiler_id"], ["compiler.id"], name="fk_session_compiler_id_compiler"),
    )
    op.create_table(
        "record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workload_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("schedule_key", sa.String(16), nullable=False),
        sa.Column("decisions", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("run_secs", sa.JSON(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("statistic", sa.String(32), nullable=False),
        sa.Column("stopped_early", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Boolean(), nullable=True),
        sa.Column("tolerance", sa.Double(), nullable=True),
        sa.Column("max_error", sa.Double(), nullable=True),
        sa.Column("input_seed", sa.BigInteger(), nullable=True),
        sa.Column("build_secs", sa.Double(), nullable=False),
        sa.Column("measure_secs", sa.Double(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
        *(
            sa.ForeignKeyConstraint([f"{other}_id"], [f"{other}.id"], name=f"fk_record_{other}_id_{other}")
            for other in ("workload", "target", "device", "session")
        ),
    )
    task = ["workload_id", "target_id", "device_id"]
    ok, judged = sa.text("status = 'ok'"), sa.text("verdict IS NOT NULL")
    op.create_index("ix_record_best", "record", [*task, "cost"], sqlite_where=ok, postgresql_where=ok)
    op.create_index("ix_record_verdict", "record", [*task, "schedule_key"], sqlite_where=judged, postgresql_where=judged)
    op.create_index("ix_record_task", "record", task)
    op.create_index("ix_record_session", "record", ["session_id", "trial"])
