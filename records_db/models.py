"""The tables, as SQLAlchemy models. `migrations/versions` creates them step by step; a test compares the two.

    workload  target  device     what a time belongs to; written once, never changed
    compiler <- session          who measured, with what
    record -> workload, target, device, session      one measurement; never changed, never deleted
    origin <- record             of a record that was read from another tool's log: the line, as it was

Everything here is plain SQL that SQLite and PostgreSQL share; the partial indexes are spelled for both.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

OWN_DIALECT = "tilewright"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, in UTC on both sides; SQLite, which has no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, float: Double, dict[str, Any]: JSON, list[float]: JSON}  # noqa: RUF012 -- SQLAlchemy's name for it


class WorkloadRow(Base):
    """key: sha256 of `canonical`; both are compared on a hit, for a key that meant two workloads would compile the wrong one.

    dialect: in whose words `canonical` is written: "tilewright", a `Workload`; else the name of a log format, a `ForeignTask`, for which
    there is no `Workload`.
    """

    __tablename__ = "workload"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    canonical: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    dialect: Mapped[str] = mapped_column(String(32), server_default=OWN_DIALECT)


class TargetRow(Base):
    __tablename__ = "target"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text, unique=True)


class DeviceRow(Base):
    """facts: clocks or governor, memory, OS and kernel, driver, and whatever else the fingerprint is made from."""

    __tablename__ = "device"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    model: Mapped[str] = mapped_column(Text, index=True)
    cores: Mapped[int]
    facts: Mapped[dict[str, Any]]


class CompilerRow(Base):
    __tablename__ = "compiler"
    __table_args__ = (UniqueConstraint("version", "git", "llvm"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    git: Mapped[str] = mapped_column(Text)
    llvm: Mapped[str] = mapped_column(Text)


class SessionRow(Base):
    __tablename__ = "session"

    id: Mapped[int] = mapped_column(primary_key=True)
    compiler_id: Mapped[int] = mapped_column(ForeignKey("compiler.id"))
    who: Mapped[str] = mapped_column(Text)
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    tuner: Mapped[str] = mapped_column(Text)
    seed: Mapped[int] = mapped_column(BigInteger)
    options: Mapped[dict[str, Any]]
    command_line: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(32))


class OriginRow(Base):
    """text: one record of another tool, as it was read. key: sha256 of the format and the canonical JSON, so that none is read twice."""

    __tablename__ = "origin"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    format: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)


class RecordRow(Base):
    """schedule, decisions: canonical JSON. schedule_key: the first digits of the schedule's sha256, which only narrows the search.

    A record with an origin has the other tool's decisions and no schedule: its text is empty.

    cost: the chosen statistic of run_secs, NULL without a time; statistic: its name. verdict: whether the answer was compared with the
    reference and was right; NULL if it was not compared.
    """

    __tablename__ = "record"
    __table_args__ = (
        Index(
            "ix_record_best",
            "workload_id",
            "target_id",
            "device_id",
            "cost",
            sqlite_where=text("status = 'ok'"),
            postgresql_where=text("status = 'ok'"),
        ),
        Index(
            "ix_record_verdict",
            "workload_id",
            "target_id",
            "device_id",
            "schedule_key",
            sqlite_where=text("verdict IS NOT NULL"),
            postgresql_where=text("verdict IS NOT NULL"),
        ),
        Index("ix_record_task", "workload_id", "target_id", "device_id"),
        Index("ix_record_session", "session_id", "status", "source"),
        Index(
            "ix_record_origin",
            "workload_id",
            "origin_id",
            sqlite_where=text("origin_id IS NOT NULL"),
            postgresql_where=text("origin_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workload_id: Mapped[int] = mapped_column(ForeignKey("workload.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("target.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("origin.id"))
    trial: Mapped[int]
    source: Mapped[str] = mapped_column(String(32))
    schedule: Mapped[str] = mapped_column(Text)
    schedule_key: Mapped[str] = mapped_column(String(16))
    decisions: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(32))
    error: Mapped[str] = mapped_column(Text)
    run_secs: Mapped[list[float]]
    cost: Mapped[float | None]
    statistic: Mapped[str] = mapped_column(String(32))
    stopped_early: Mapped[bool]
    verdict: Mapped[bool | None]
    tolerance: Mapped[float | None]
    max_error: Mapped[float | None]
    input_seed: Mapped[int | None] = mapped_column(BigInteger)
    build_secs: Mapped[float]
    measure_secs: Mapped[float]
    facts: Mapped[dict[str, Any]]
    created: Mapped[datetime]
