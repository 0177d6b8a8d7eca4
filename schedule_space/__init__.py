"""Schedule spaces: the legal schedules of a workload on a target. Next: `tuner`, which searches them."""

from schedule_space.candidate import Candidate, Choice, Decisions, Parameter
from schedule_space.choose_template import choose_template, default_schedule, override_template, space_for
from schedule_space.decision_columns import UNKNOWN, DecisionColumns, Positions
from schedule_space.quantities import QUANTITIES, Columns, Quantities
from schedule_space.short_schedule import short_schedule
from schedule_space.space import ScheduleSpace, Template

__all__ = [
    "QUANTITIES",
    "UNKNOWN",
    "Candidate",
    "Choice",
    "Columns",
    "DecisionColumns",
    "Decisions",
    "Parameter",
    "Positions",
    "Quantities",
    "ScheduleSpace",
    "Template",
    "choose_template",
    "default_schedule",
    "override_template",
    "short_schedule",
    "space_for",
]
