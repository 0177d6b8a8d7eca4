"""Which task gets the next trials."""

from tuner import BudgetScheduler, TaskProgress

BATCH = 8


def share_out(tasks: list[TaskProgress], rounds: int, times: dict[int, list[float]] | None = None) -> list[int]:
    """Trials per task after some rounds; a task's best time follows its list, then stays."""
    scheduler = BudgetScheduler(tasks)
    given = [0] * len(tasks)
    for _ in range(rounds):
        position = scheduler.next_task(BATCH)
        if position is None:
            break
        for _ in range(BATCH):
            course = (times or {}).get(position, [])
            tasks[position].add(course[min(given[position], len(course) - 1)] if course else 1e-3)
            given[position] += 1
    return given


def test_untried_tasks_are_told_heaviest_first() -> None:
    tasks = [TaskProgress(1, 1e6), TaskProgress(3, 1e6), TaskProgress(1, 2e6), TaskProgress(9, 1e9)]
    scheduler = BudgetScheduler(tasks)
    tasks[3].add(None)
    assert scheduler.untried() == [1, 2, 0]


def test_trials_go_where_the_model_spends_its_time() -> None:
    times = {0: [10e-3], 1: [1e-3], 2: [1e-6]}
    given = share_out([TaskProgress(1, 1e6) for _ in range(3)], 40, times)
    assert given[0] > given[1] > given[2]
    assert given[2] == BATCH


def test_weight_counts_like_time() -> None:
    given = share_out([TaskProgress(8, 1e6), TaskProgress(1, 1e6)], 20)
    assert given[0] > given[1] > 0


def test_a_task_that_improves_gets_more_than_one_that_does_not() -> None:
    falling = [1e-3 * 0.99**trial for trial in range(400)]
    given = share_out([TaskProgress(1, 1e6), TaskProgress(1, 1e6)], 30, {0: [1e-3], 1: falling})
    assert given[1] > 2 * given[0]


def test_a_task_near_the_peak_of_the_machine_gets_less() -> None:
    given = share_out([TaskProgress(1, 40e6), TaskProgress(1, 1e6)], 20)
    assert given[1] > 0
    assert given[0] > 0
    slow_and_fast = share_out([TaskProgress(1, 80e9), TaskProgress(1, 1e6)], 10)
    assert slow_and_fast[1] >= slow_and_fast[0]


def test_exhausted_tasks_get_nothing() -> None:
    tasks = [TaskProgress(1, 1e6), TaskProgress(1, 1e6, exhausted=True)]
    assert share_out(tasks, 5) == [5 * BATCH, 0]
    tasks[0].exhausted = True
    assert BudgetScheduler(tasks).next_task(BATCH) is None


def test_a_task_that_only_fails_does_not_eat_the_budget() -> None:
    tasks = [TaskProgress(1, 1e6), TaskProgress(1, 1e6)]
    scheduler = BudgetScheduler(tasks)
    given = [0, 0]
    for _ in range(40):
        position = scheduler.next_task(BATCH)
        assert position is not None
        for _ in range(BATCH):
            tasks[position].add(None if position == 0 else 1e-3)
            given[position] += 1
    assert BATCH < given[0] <= given[1] + BATCH


def test_forms_of_one_kernel_that_are_far_behind_get_nothing() -> None:
    """Even all that a form can hope for would leave it behind the fastest."""
    tasks = [TaskProgress(1, 1e6, family="conv") for _ in range(3)]
    given = share_out(tasks, 20, {0: [1e-3], 1: [3e-3], 2: [10e-3]})
    assert given[1] <= BATCH
    assert given[2] <= BATCH
    assert given[0] >= 18 * BATCH


def test_without_families_the_slowest_form_would_get_the_most() -> None:
    given = share_out([TaskProgress(1, 1e6) for _ in range(3)], 20, {0: [1e-3], 1: [3e-3], 2: [10e-3]})
    assert given[2] > given[1] > given[0]


def test_forms_near_the_fastest_share_the_trials() -> None:
    tasks = [TaskProgress(1, 1e6, family="conv") for _ in range(2)]
    given = share_out(tasks, 20, {0: [1.0e-3], 1: [1.02e-3]})
    assert min(given) >= 4 * BATCH


def test_a_form_that_falls_takes_over() -> None:
    """It starts a little behind and improves with every trial, the other one stands."""
    falling = [1.2e-3 * 0.99**trial for trial in range(400)]
    tasks = [TaskProgress(1, 1e6, family="conv") for _ in range(2)]
    given = share_out(tasks, 30, {0: [1e-3], 1: falling})
    assert given[1] > 2 * given[0]
    assert tasks[1].best_secs is not None
    assert tasks[1].best_secs < 1e-3


def test_families_do_not_touch_each_other() -> None:
    """A slow kernel is no form of a fast one: it is worth its trials."""
    tasks = [TaskProgress(1, 1e6, family="one"), TaskProgress(1, 1e6, family="other"), TaskProgress(1, 1e6)]
    given = share_out(tasks, 30, {0: [1e-3], 1: [3e-3], 2: [2e-3]})
    assert given[1] > given[2] > given[0] > 0


def test_tasks_without_a_family_are_alone() -> None:
    alone = share_out([TaskProgress(1, 1e6), TaskProgress(1, 1e6)], 20, {0: [1e-3], 1: [3e-3]})
    named = share_out([TaskProgress(1, 1e6, family="a"), TaskProgress(1, 1e6, family="b")], 20, {0: [1e-3], 1: [3e-3]})
    assert alone == named


def test_a_form_that_only_fails_does_not_hold_up_the_others() -> None:
    tasks = [TaskProgress(1, 1e6, family="conv"), TaskProgress(1, 1e6, family="conv")]
    scheduler = BudgetScheduler(tasks)
    given = [0, 0]
    for _ in range(30):
        position = scheduler.next_task(BATCH)
        assert position is not None
        for _ in range(BATCH):
            tasks[position].add(None if position == 0 else 1e-3)
            given[position] += 1
    assert given[0] <= given[1] + BATCH


def test_exhausted_forms_leave_the_trials_to_the_others() -> None:
    """A form far behind gets its turn where nothing else is left."""
    tasks = [TaskProgress(1, 1e6, family="conv"), TaskProgress(1, 1e6, family="conv")]
    tasks[0].add(1e-3)
    tasks[1].add(5e-3)
    assert BudgetScheduler(tasks).next_task(BATCH) == 0
    tasks[0].exhausted = True
    assert BudgetScheduler(tasks).next_task(BATCH) == 1
