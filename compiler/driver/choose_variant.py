"""Which form of a workload to compile, and by which schedule. In: the forms, what is known of each. Out: `VariantChoice`.

The times of forms that nobody has measured are inferred from one that has been: by the ratio of the predictions, and a little more, since a
measured time is worth more than a prediction. Where nothing has been measured the predictions decide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from compiler.driver.schedule_choice import ScheduleChoice
from compiler.workload import Workload

UNMEASURED_PENALTY = 1.2


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """workload: the form that is compiled."""

    workload: Workload
    choice: ScheduleChoice


def choose_variant(
    variants: Sequence[Workload],
    recorded: Callable[[Workload], ScheduleChoice | None],
    default: Callable[[Workload], ScheduleChoice],
    predicted_cycles: Callable[[Workload], float],
    max_rel_error: float = inf,
) -> VariantChoice:
    """variants: the forms, the plainest first. max_rel_error: other forms whose record's verification found a larger error are left out."""
    known = {variant: choice for variant in variants if (choice := recorded(variant)) is not None}
    plainest, *others = variants
    accurate = (form for form in others if form not in known or (known[form].max_error or 0.0) <= max_rel_error)
    variants = (plainest, *accurate)
    if len(variants) == 1:
        return VariantChoice(plainest, known.get(plainest) or default(plainest))
    times = {variant: known[variant].expected_secs for variant in variants if variant in known}
    timed = {variant: secs for variant, secs in times.items() if secs is not None}
    cycles = {variant: predicted_cycles(variant) for variant in variants}
    if timed:
        fastest = min(timed, key=lambda variant: timed[variant])
        scale = UNMEASURED_PENALTY * timed[fastest] / cycles[fastest]
        costs = {variant: timed.get(variant, scale * cycles[variant]) for variant in variants}
    else:
        costs = cycles
    best = min(variants, key=lambda variant: costs[variant])
    return VariantChoice(best, known.get(best) or default(best))
