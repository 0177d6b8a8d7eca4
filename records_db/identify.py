"""Workloads, targets, devices and compilers -> the ids of their rows, which are written on first sight and never changed."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from compiler.workload import Workload
from measure import Device
from records_db.compiler_version import CompilerVersion
from records_db.errors import DatabaseError
from records_db.models import OWN_DIALECT, Base, CompilerRow, DeviceRow, TargetRow, WorkloadRow
from records_db.rows import plain_json

IdentityRow = TypeVar("IdentityRow", WorkloadRow, TargetRow, DeviceRow, CompilerRow)


def insert_or_ignore(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """INSERT that skips rows whose unique columns are taken.

    On a server it waits for another transaction that is just inserting the same row; on SQLite there is no such other.
    """
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _find_or_insert(session: Session, table: type[IdentityRow], identity: Mapping[str, Any], rest: Mapping[str, Any]) -> IdentityRow:
    query = select(table).filter_by(**identity)
    found = session.scalar(query)
    if found is None:
        session.execute(insert_or_ignore(session, table), [{**identity, **rest}])
        found = session.scalars(query).one()
    return found


def find_workload(session: Session, workload: Workload) -> int | None:
    """By key and by the whole canonical form."""
    return session.scalar(select(WorkloadRow.id).where(WorkloadRow.key == workload.key, WorkloadRow.canonical == workload.canonical))


def find_target(session: Session, target: str) -> int | None:
    return session.scalar(select(TargetRow.id).where(TargetRow.text == target))


def find_device(session: Session, device: Device) -> int | None:
    return session.scalar(select(DeviceRow.id).where(DeviceRow.fingerprint == device.fingerprint))


def keep_workload(session: Session, workload: Workload) -> int:
    return keep_workload_row(session, workload.key, workload.canonical, "+".join(workload.op_names), OWN_DIALECT)


def keep_workload_row(session: Session, key: str, canonical: str, name: str, dialect: str) -> int:
    """key: sha256 of `canonical`. dialect: in whose words that is written."""
    row = _find_or_insert(session, WorkloadRow, {"key": key}, {"canonical": canonical, "name": name, "dialect": dialect})
    if row.canonical != canonical:
        raise DatabaseError(f"workload key {key} already stands for another workload (row {row.id}): nothing was added")
    return row.id


def keep_target(session: Session, target: str) -> int:
    return _find_or_insert(session, TargetRow, {"text": target}, {}).id


def keep_device(session: Session, device: Device) -> int:
    return keep_device_row(session, device.fingerprint, device.model, device.cores, plain_json(dict(device.facts)))


def keep_device_row(session: Session, fingerprint: str, model: str, cores: int, facts: Mapping[str, Any]) -> int:
    rest = {"model": model, "cores": cores, "facts": facts}
    return _find_or_insert(session, DeviceRow, {"fingerprint": fingerprint}, rest).id


def keep_compiler(session: Session, compiler: CompilerVersion) -> int:
    identity = {"version": compiler.version, "git": compiler.git, "llvm": compiler.llvm}
    return _find_or_insert(session, CompilerRow, identity, {}).id
