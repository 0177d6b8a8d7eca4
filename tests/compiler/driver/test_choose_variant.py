"""Which form is compiled: by what was measured, by predictions where nothing was, by both where some were."""

from collections.abc import Mapping
from math import inf

import pytest

from compiler.driver import ScheduleChoice, VariantChoice, choose_variant
from compiler.driver.choose_variant import UNMEASURED_PENALTY
from compiler.schedule import Schedule, Unroll
from compiler.workload import Workload
from tests.schedule_space.workloads import WORKLOADS, winograd

DIRECT = WORKLOADS["conv_blocked"]
FORMS = {"direct": DIRECT, "2x2": winograd(DIRECT, 2, 2), "4x4": winograd(DIRECT, 4, 4)}
PREDICTED = {"direct": 900.0, "2x2": 500.0, "4x4": 300.0}  # cycles
NAMES = {form: name for name, form in FORMS.items()}


def record(name: str, secs: float | None, max_error: float | None = None) -> ScheduleChoice:
    return ScheduleChoice(Schedule((Unroll(name),)), f"record of {name}", secs, max_error)


def choose(records: Mapping[str, ScheduleChoice], forms: Mapping[str, Workload] = FORMS, max_rel_error: float = inf) -> VariantChoice:
    return choose_variant(
        tuple(forms.values()),
        lambda form: records.get(NAMES[form]),
        lambda form: ScheduleChoice(Schedule(), f"default of {NAMES[form]}"),
        lambda form: PREDICTED[NAMES[form]],
        max_rel_error,
    )


def chosen(*args: object, **options: object) -> str:
    """The form and where its schedule comes from, which must agree."""
    found = choose(*args, **options)  # type: ignore[arg-type]
    kind, name = found.choice.source.split(" of ")
    assert found.workload is FORMS[name]
    return f"{name} by {kind}"


def test_nothing_is_known() -> None:
    assert chosen({}) == "4x4 by default"


def test_a_single_form_is_taken_as_it_is() -> None:
    alone = {"direct": DIRECT}
    assert chosen({}, alone) == "direct by default"
    assert chosen({"direct": record("direct", 1e-3)}, alone) == "direct by record"
    assert chosen({"direct": record("direct", None)}, alone) == "direct by record"


def test_the_fastest_of_all_records() -> None:
    times = {"direct": 3e-3, "2x2": 1e-3, "4x4": 2e-3}
    assert chosen({name: record(name, secs) for name, secs in times.items()}) == "2x2 by record"
    choice = choose({name: record(name, secs) for name, secs in times.items()}).choice
    assert (choice.expected_secs, choice.schedule.steps) == (1e-3, (Unroll("2x2"),))


def test_equal_times_leave_the_plainest_form() -> None:
    assert chosen({name: record(name, 1e-3) for name in reversed(FORMS)}) == "direct by record"


def test_a_form_that_promises_much_more_is_taken_untried() -> None:
    """Predicted at a third of the time of what was measured, penalty included."""
    assert chosen({"direct": record("direct", 1e-3)}) == "4x4 by default"


def test_a_record_is_worth_more_than_a_little_better_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen({"4x4": record("4x4", 1e-3)}) == "4x4 by record"
    monkeypatch.setitem(PREDICTED, "2x2", 1.05 * PREDICTED["4x4"])
    assert chosen({"2x2": record("2x2", 1e-3)}) == "2x2 by record"
    monkeypatch.setitem(PREDICTED, "2x2", 1.05 * UNMEASURED_PENALTY * PREDICTED["4x4"])
    assert chosen({"2x2": record("2x2", 1e-3)}) == "4x4 by default"


def test_untried_forms_are_compared_with_the_fastest_record() -> None:
    """The 2x2 form was measured faster than its prediction says, so that of the 4x4 form has to be taken with it."""
    records = {"direct": record("direct", 10e-3), "2x2": record("2x2", 1e-3)}
    assert chosen(records) == "4x4 by default"
    slow = {"direct": record("direct", 1e-3), "2x2": record("2x2", 5e-3), "4x4": record("4x4", 4e-3)}
    assert chosen(slow) == "direct by record"
    assert chosen({name: slow[name] for name in ("direct", "4x4")}) == "2x2 by default"


def test_a_record_without_a_time_only_gives_the_schedule() -> None:
    assert chosen({"direct": record("direct", None)}) == "4x4 by default"
    assert chosen({"4x4": record("4x4", None)}) == "4x4 by record"


def test_forms_that_err_too_much_are_left_out() -> None:
    """Untried they would be no better: the error is the form's and not the schedule's."""
    records = {"direct": record("direct", 3e-3, 1e-6), "2x2": record("2x2", 2e-3, 2e-6), "4x4": record("4x4", 1e-3, 3e-5)}
    assert chosen(records) == "4x4 by record"
    assert chosen(records, max_rel_error=3e-5) == "4x4 by record"
    assert chosen(records, max_rel_error=1e-5) == "2x2 by record"
    assert chosen(records, max_rel_error=1e-6) == "direct by record"
    assert chosen({"4x4": record("4x4", 1e-3, 3e-5)}, max_rel_error=1e-5) == "2x2 by default"
    assert chosen({"4x4": record("4x4", 1e-3)}, max_rel_error=1e-5) == "4x4 by record"


def test_the_plainest_form_is_always_accurate_enough() -> None:
    """Its rounding errors are those of the arithmetic, whatever its schedule: nothing better is to be had."""
    records = {"direct": record("direct", 1e-3, 9e-6), "2x2": record("2x2", 1e-4, 1e-6)}
    assert chosen(records, {"direct": DIRECT}, max_rel_error=0.0) == "direct by record"
    assert chosen(records, {name: FORMS[name] for name in records}, max_rel_error=0.0) == "direct by record"
