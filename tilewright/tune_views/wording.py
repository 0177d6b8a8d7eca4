"""Numbers of a tuning session as words. Used by all views for people."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from tuner import Forecast, Progress, TaskResult


def milliseconds(secs: float | None) -> str:
    """Four digits, fewer below a microsecond; `-` where there is no time.

    >>> [milliseconds(secs) for secs in (1.2341, 0.03412, 0.0007242, 0.00000024, None)]
    ['1234', '34.12', '0.7242', '0.00024', '-']
    """
    if secs is None:
        return "-"
    value = secs * 1e3
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 10 else 3 if value >= 1 else 4 if value >= 1e-3 else 5
    return f"{value:.{digits}f}"


def speedup(before_secs: float | None, after_secs: float | None) -> str:
    return f"{before_secs / after_secs:.2f}x" if before_secs and after_secs else "-"


def duration(secs: float | None) -> str:
    """For people who wait.

    >>> [duration(secs) for secs in (7.2, 200, 3900, None)]
    ['7 s', '3 min 20 s', '1 h 05 min', '?']
    """
    if secs is None:
        return "?"
    whole = round(secs)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def failures(progress: Progress) -> str:
    """`3 compile_error, 1 crash`."""
    return ", ".join(f"{count} {status}" for status, count in progress.failures) or "none"


def trials_per_second(progress: Progress) -> str:
    return f"{progress.trials / progress.elapsed_secs:.1f} trials/s" if progress.trials else "starting"


def trials_of_budget(progress: Progress) -> str:
    return f"{progress.trials}/{progress.trials_budget}" if progress.trials_budget is not None else str(progress.trials)


def outlook(forecast: Forecast) -> str:
    """What more of the same would bring.

    >>> outlook(Forecast(model_secs=10e-3, best_secs=9.6e-3, minute_secs=9.97e-3))
    'predicted: 96 % of the best speed that could be found; 0.3 % faster with one more minute'
    """
    shares = (100 * forecast.reached, 100 * forecast.minute_gain)
    return f"predicted: {shares[0]:.0f} % of the best speed that could be found; {shares[1]:.1f} % faster with one more minute"


def kernels_of(tasks: Sequence[TaskResult]) -> list[TaskResult]:
    """One result per kernel: its fastest form (the first while none has run), with the counts of all of them."""
    families: dict[str, list[TaskResult]] = {}
    for position, task in enumerate(tasks):
        families.setdefault(task.family or f"task {position}", []).append(task)
    return [_together(forms) for forms in families.values()]


def _together(forms: Sequence[TaskResult]) -> TaskResult:
    fastest = min(forms, key=lambda form: inf if form.best_secs is None else form.best_secs)
    trials, failed, known = (sum(counts) for counts in zip(*((form.trials, form.failed, form.known) for form in forms), strict=True))
    defaults = [form.default_secs for form in forms if form.default_secs is not None]
    return replace(fastest, trials=trials, failed=failed, known=known, default_secs=min(defaults, default=None))


def known_already(tasks: Sequence[TaskResult]) -> str:
    """What earlier sessions left, in one sentence."""
    forms, tasks = len(tasks), kernels_of(tasks)
    trials, tried = sum(task.known for task in tasks), sum(task.known > 0 for task in tasks)
    kernels = f"{len(tasks)} kernel{'s' if len(tasks) != 1 else ''}"
    if not trials:
        variety = f" in {forms} forms" if forms > len(tasks) else ""
        return f"{kernels}{variety}; nothing is known of them on this device yet"
    found = f"{trials} candidates of {tried} of {kernels} are known already and are not measured again"
    best = model_secs(tasks)
    if best is None:
        return found
    return f"{found}; model {milliseconds(best)} ms so far, untuned {milliseconds(untuned_secs(tasks))} ms"


def model_secs(tasks: Sequence[TaskResult]) -> float | None:
    """Of one inference with the best candidates; None while a task has none."""
    return _total([(task.weight, task.best_secs) for task in kernels_of(tasks)])


def untuned_secs(tasks: Sequence[TaskResult]) -> float | None:
    """Of one inference with the default schedules, of each kernel that of its fastest form; None where one of them has no time."""
    return _total([(task.weight, task.default_secs) for task in kernels_of(tasks)])


def _total(weighted: Sequence[tuple[float, float | None]]) -> float | None:
    known = [weight * secs for weight, secs in weighted if secs is not None]
    return sum(known) if len(known) == len(weighted) else None
