"""Everything that a report says, as data. In: `Database`. Out: `Report`. Next: `page.py`, which needs matplotlib and Jinja."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from records_db import Database
from tilewright.report.kernel_rows import KernelRow, kernel_rows
from tilewright.report.model_time import ModelTime, model_times
from tilewright.report.predictions import Predictions, predict_in_order
from tilewright.report.session_data import TaskData, TuneData, read_tune_data

MOST_REACHED = 1.1  # of the ceiling, on a quiet machine


@dataclass(frozen=True, kw_only=True)
class Report:
    """ceiling: whether the limits of the recorded device are known, so that rows can say how near they came to them."""

    data: TuneData
    kernels: Sequence[KernelRow]
    model_times: Sequence[ModelTime]
    predictions: Predictions

    @property
    def fastest_forms(self) -> list[KernelRow]:
        """Of each kernel the row of its fastest form, which is the one that a model uses; the largest share of the model's time first."""
        fastest: dict[tuple[str, str, str], KernelRow] = {}
        for row in self.kernels:
            key = (row.task.family, row.task.target, row.task.device.fingerprint)
            if key not in fastest or (row.task.best_secs or inf) < (fastest[key].task.best_secs or inf):
                fastest[key] = row
        return sorted(fastest.values(), key=lambda row: -row.task.model_secs)

    @property
    def slower_forms(self) -> list[KernelRow]:
        fastest = {id(row) for row in self.fastest_forms}
        return [row for row in self.kernels if id(row) not in fastest]

    @property
    def curves(self) -> list[TaskData]:
        """Tasks with more than one trial, of the fastest forms first."""
        rows = [*self.fastest_forms, *self.slower_forms]
        return [row.task for row in rows if len(row.task.records) > 1]

    @property
    def ceiling(self) -> bool:
        return any(row.reached is not None for row in self.kernels)

    @property
    def busy(self) -> bool:
        """Whether a kernel was faster than the limits say, so that something else must have run while these were measured."""
        return any(row.reached is not None and row.reached > MOST_REACHED for row in self.kernels)

    @property
    def devices(self) -> list[str]:
        return list(dict.fromkeys(str(task.device) for task in self.data.tasks))

    @property
    def targets(self) -> list[str]:
        return list(dict.fromkeys(task.target for task in self.data.tasks))


def make_report(database: Database, session: int | None = None, *, ceiling: bool = True) -> Report:
    """Of one session, or of all together. ceiling: measure this machine's limits where it is the recorded one; takes a second."""
    data = read_tune_data(database, session)
    return Report(data=data, kernels=kernel_rows(data, ceiling=ceiling), model_times=model_times(data), predictions=predict_in_order(data))
