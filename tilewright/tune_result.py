"""What `tune` gives back: the tuner's result, which a notebook shows as a table. In: `tuner.TuneResult`. Out: the same, to look at."""

from dataclasses import dataclass, fields

from tilewright.notebook_tables import html_table
from tilewright.tune_views.closing_table import MOST_ROWS, STOPPED, model_share
from tilewright.tune_views.wording import duration, failures, kernels_of, milliseconds, model_secs, speedup, untuned_secs
from tuner import TuneResult as TunerResult

HEADINGS = ("kernel", "calls", "trials", "failed", "untuned ms", "best ms", "speed-up")


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult(TunerResult):
    """One session at its end."""

    @staticmethod
    def of(result: TunerResult) -> "TuneResult":
        return TuneResult(**{field.name: getattr(result, field.name) for field in fields(TunerResult)})

    def _repr_html_(self) -> str:
        """For Jupyter: the whole model, then its kernels, those that take most of its time first."""
        kernels = sorted(kernels_of(self.tasks), key=model_share, reverse=True)
        untuned, best = untuned_secs(kernels), model_secs(kernels)
        counts = (f"{sum(task.trials for task in kernels)}", f"{sum(task.failed for task in kernels)}")
        rows = [("whole model", "", *counts, milliseconds(untuned), milliseconds(best), speedup(untuned, best))]
        for task in kernels[:MOST_ROWS]:
            times = (milliseconds(task.default_secs), milliseconds(task.best_secs), speedup(task.default_secs, task.best_secs))
            rows.append((task.name, f"{task.weight:g}", str(task.trials), str(task.failed), *times))
        left_out = f"{len(kernels) - MOST_ROWS} smaller kernels are left out; " if len(kernels) > MOST_ROWS else ""
        title = (
            f"Session {self.session}: {STOPPED[self.stop]} after {self.progress.trials} trials in {duration(self.progress.elapsed_secs)}"
        )
        return html_table(title, HEADINGS, rows, f"{left_out}failed trials: {failures(self.progress)}")
