"""`TuneSession` -> row -> `SessionSummary`. Used by `database.py`, in its transactions."""

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from measure import MeasureStatus
from records_db.compiler_version import CompilerVersion
from records_db.identify import keep_compiler
from records_db.models import CompilerRow, RecordRow, SessionRow
from records_db.record import now
from records_db.rows import plain_json, plain_text
from records_db.tune_session import SessionStatus, SessionSummary, TuneSession


def keep_session(session: Session, tune_session: TuneSession) -> int:
    """A session that starts now; its id."""
    row = SessionRow(
        compiler_id=keep_compiler(session, tune_session.compiler),
        who=tune_session.who,
        started=now(),
        ended=None,
        tuner=tune_session.tuner,
        seed=tune_session.seed,
        options=plain_json(tune_session.options),
        command_line=plain_text(tune_session.command_line),
        status=SessionStatus.RUNNING.value,
    )
    session.add(row)
    session.flush()
    return row.id


def finish_session(session: Session, number: int, *, keep: bool) -> None:
    """keep: whether it has any records; else it is as if it had not been."""
    row = session.get_one(SessionRow, number)
    if keep:
        row.status, row.ended = SessionStatus.FINISHED.value, now()
    else:
        session.delete(row)


def list_sessions(session: Session) -> list[SessionSummary]:
    """All, oldest first; counted by the index over session and status, without a look at the records themselves."""
    failed = func.sum(case((RecordRow.status != MeasureStatus.OK.value, 1), else_=0))
    counts = select(RecordRow.session_id, func.count().label("trials"), failed.label("failed")).group_by(RecordRow.session_id).subquery()
    query = (
        select(SessionRow, CompilerRow, func.coalesce(counts.c.trials, 0), func.coalesce(counts.c.failed, 0))
        .join(CompilerRow, SessionRow.compiler_id == CompilerRow.id)
        .outerjoin(counts, counts.c.session_id == SessionRow.id)
        .order_by(SessionRow.id)
    )
    return [_summary(*found) for found in session.execute(query)]


def _summary(row: SessionRow, compiler: CompilerRow, trials: int, failed: int) -> SessionSummary:
    session = TuneSession(
        tuner=row.tuner,
        seed=row.seed,
        options=row.options,
        command_line=row.command_line,
        who=row.who,
        compiler=CompilerVersion(version=compiler.version, git=compiler.git, llvm=compiler.llvm),
    )
    status = SessionStatus(row.status)
    return SessionSummary(id=row.id, session=session, status=status, started=row.started, ended=row.ended, trials=trials, failed=failed)
