"""The order in which jobs are given out, and what the loss of a device means."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from fleet import BUILD_KEY, Blob, Job
from fleet.tracker.job_queue import JOBS_PER_DEVICE, DeviceSlot, JobQueue

PROGRAM = Blob.of(b"program").digest


def job(identity: str, *, key: str = "pi", priority: int = 0, candidate: str = "", fingerprint: str = "") -> Job:
    digest = Blob.of((candidate or identity).encode()).digest
    return Job(
        identity=identity, key=key, program=PROGRAM, files=(), stdin=b"", candidate=digest, priority=priority, fingerprint=fingerprint
    )


def device(name: str, *, key: str = "pi", model: str = "Board 3", fingerprint: str = "f") -> DeviceSlot:
    return DeviceSlot(name, key, model, fingerprint)


def drain(queue: JobQueue, name: str, key: str = "pi") -> list[str]:
    """The order in which one device does everything."""
    done = []
    list(queue.assign(key))
    while queue.devices[name].jobs:
        queued = queue.devices[name].jobs[0]
        assert queue.finish(name, queued.place) is queued
        done.append(queued.job.identity)
        list(queue.assign(key))
    return done


def test_priority_comes_first_then_users_take_turns_then_the_oldest() -> None:
    queue = JobQueue()
    for number in range(4):
        queue.submit(job(f"a{number}"), "client a", "ann")
    for number in range(2):
        queue.submit(job(f"b{number}"), "client b", "bob")
    queue.submit(job("urgent", priority=5), "client b", "bob")
    queue.add_device(device("one"))
    assert drain(queue, "one") == ["urgent", "a0", "b0", "a1", "b1", "a2", "a3"]


def test_two_clients_of_one_user_share_the_turns_of_one() -> None:
    queue = JobQueue()
    for number in range(2):
        for client in ("first", "second"):
            queue.submit(job(f"{client}{number}"), client, "ann")
        queue.submit(job(f"bob{number}"), "bob's", "bob")
    queue.add_device(device("one"))
    assert drain(queue, "one") == ["first0", "bob0", "second0", "bob1", "first1", "second1"]


def test_a_device_holds_at_most_two_jobs_and_free_devices_come_first() -> None:
    queue = JobQueue()
    for name in ("one", "two"):
        queue.add_device(device(name))
    for number in range(5):
        queue.submit(job(str(number)), "c", "u")
    assert [(slot.name, queued.job.identity) for slot, queued in queue.assign("pi")] == [
        ("one", "0"),
        ("two", "1"),
        ("one", "2"),
        ("two", "3"),
    ]
    assert queue.queued("pi") == 1


def test_the_jobs_of_a_lost_device_stand_where_they_stood() -> None:
    queue = JobQueue()
    queue.add_device(device("one"))
    for number in range(4):
        queue.submit(job(str(number)), "c", "u")
    list(queue.assign("pi"))
    lost = queue.lose_device("one")
    assert [queued.job.identity for queued in lost.requeued] == ["0", "1"]
    assert not lost.quarantined
    assert queue.finish("one", ("c", "0")) is None, "a late result of a lost device counts for nothing"
    queue.add_device(device("two"))
    assert drain(queue, "two") == ["0", "1", "2", "3"]


def test_a_candidate_that_takes_a_model_down_twice_is_quarantined_there_only() -> None:
    queue = JobQueue()
    names = (str(number) for number in count())
    queue.submit(job("bad", candidate="killer"), "c", "u")
    for expected in ([], ["bad"]):
        name = next(names)
        queue.add_device(device(name))
        list(queue.assign("pi"))
        assert [queued.job.identity for queued in queue.lose_device(name).quarantined] == expected
    queue.add_device(device("same model"))
    assert queue.is_quarantined(job("again", candidate="killer"))
    queue.submit(job("again", candidate="killer"), "c", "u")
    queue.submit(job("good"), "c", "u")
    assert drain(queue, "same model") == ["good"]
    queue.add_device(device("other model", model="Board 4"))
    assert not queue.is_quarantined(job("again", candidate="killer"))
    assert drain(queue, "other model") == ["again"]


def test_the_job_that_waited_on_a_lost_device_is_not_blamed() -> None:
    queue = JobQueue()
    for number in range(3):
        queue.add_device(device(str(number)))
        queue.submit(job(f"running{number}"), "c", "u")
        if number == 0:
            queue.submit(job("waiting"), "c", "u")
        list(queue.assign("pi"))
        queue.lose_device(str(number))
    assert not queue.is_quarantined(job("waiting"))


def build(identity: str) -> Job:
    candidate = Blob.of(identity.encode()).digest
    return Job(identity=identity, key=BUILD_KEY, program="", files=(), stdin=b"", candidate=candidate)


def test_builds_wait_for_whichever_slot_is_free_first() -> None:
    queue = JobQueue()
    for name in ("one", "two"):
        queue.add_device(device(name, key=BUILD_KEY))
    for number in range(3):
        queue.submit(build(str(number)), "c", "u")
    assert [queued.job.identity for _, queued in queue.assign(BUILD_KEY)] == ["0", "1"]
    assert queue.finish("two", ("c", "1")) is not None
    assert [(slot.name, queued.job.identity) for slot, queued in queue.assign(BUILD_KEY)] == [("two", "2")]


def test_a_build_is_given_up_after_four_builders() -> None:
    queue = JobQueue()
    queue.submit(build("large"), "c", "u")
    given_up = []
    for number in range(4):
        queue.add_device(device(str(number), key=BUILD_KEY))
        list(queue.assign(BUILD_KEY))
        given_up.append([queued.job.identity for queued in queue.lose_device(str(number)).quarantined])
    assert given_up == [[], [], [], ["large"]]


def test_jobs_go_to_devices_with_their_key_and_fingerprint_only() -> None:
    queue = JobQueue()
    queue.add_device(device("one", fingerprint="slow"))
    queue.add_device(device("other", key="server"))
    queue.submit(job("fast only", fingerprint="fast"), "c", "u")
    assert not list(queue.assign("pi"))
    assert not queue.take_stranded(now=0.0, patience_secs=10.0)
    assert not queue.take_stranded(now=9.0, patience_secs=10.0)
    assert [queued.job.identity for queued in queue.take_stranded(now=10.0, patience_secs=10.0)] == ["fast only"]
    assert queue.keys() == ["pi", "server"]


def test_what_a_device_comes_for_in_time_is_not_stranded() -> None:
    queue = JobQueue()
    queue.submit(job("waits"), "c", "u")
    assert not queue.take_stranded(now=0.0, patience_secs=10.0)
    queue.add_device(device("one"))
    assert not queue.take_stranded(now=20.0, patience_secs=10.0)
    assert drain(queue, "one") == ["waits"]


def test_cancelled_jobs_are_not_given_out() -> None:
    queue = JobQueue()
    for number in range(4):
        queue.submit(job(str(number)), "c", "u")
    queue.add_device(device("one"))
    list(queue.assign("pi"))
    assert queue.cancel(("c", "2"))[0] is not None
    waiting, holder = queue.cancel(("c", "0"))
    assert waiting is None
    assert holder is queue.devices["one"]
    assert drain(queue, "one") == ["0", "1", "3"]
    assert not queue.places_of("c")


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from("ab"), st.integers(0, 2)),
        st.tuples(st.just("finish"), st.sampled_from("xyz"), st.just(0)),
        st.tuples(st.just("lose"), st.sampled_from("xyz"), st.just(0)),
        st.tuples(st.just("cancel"), st.sampled_from("ab"), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens_no_job_is_lost_or_done_twice(events: list[tuple[str, str, int]]) -> None:
    queue, numbers = JobQueue(), count()
    submitted: set[tuple[str, str]] = set()
    ended: list[tuple[str, str]] = []
    for name in "xyz":
        queue.add_device(device(name))
    for kind, who, number in events:
        match kind:
            case "submit":
                identity = str(next(numbers))
                queue.submit(job(identity, priority=number), who, f"user of {who}")
                submitted.add((who, identity))
            case "finish" if queue.devices[who].jobs:
                place = queue.devices[who].jobs[0].place
                assert queue.finish(who, place) is not None
                ended.append(place)
            case "lose":
                ended += [queued.place for queued in queue.lose_device(who).quarantined]
                queue.add_device(device(who))
            case "cancel":
                if queue.cancel((who, str(number)))[0] is not None:
                    ended.append((who, str(number)))
        list(queue.assign("pi"))
        assert all(len(slot.jobs) <= JOBS_PER_DEVICE for slot in queue.devices.values())
    for name in "xyz":
        while queue.devices[name].jobs:
            place = queue.devices[name].jobs[0].place
            queue.finish(name, place)
            ended.append(place)
            list(queue.assign("pi"))
    assert len(ended) == len(set(ended))
    assert set(ended) == submitted
    assert queue.queued("pi") == 0
