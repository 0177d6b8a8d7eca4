"""A window of jobs: every one of them ends, those too that wait here when the fleet is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet
from fleet import FleetError
from measure.remote import JobWindow
from tests.fleet.conftest import QUIET, bundles, make_job

__all__ = ["bundles"]  # the fixture
pytestmark = pytest.mark.usefixtures("lone_candidates")


@pytest.fixture
def fleet(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as local:
        local.start_tracker()
        yield local


def test_when_the_tracker_stays_away_all_jobs_fail(fleet: LocalFleet) -> None:
    """The failure of one job lets the next one go, at a time when nobody takes it any more."""
    with fleet.client(patience_secs=0.5) as client:
        window = JobWindow(client, 1)
        futures = [window.submit(make_job(f"job {number}"), {QUIET.digest: QUIET}) for number in range(3)]
        fleet.processes["tracker"].kill()
        for future in futures:
            with pytest.raises(FleetError, match="cannot reach the tracker"):
                future.result(30)
        with pytest.raises(FleetError):
            window.submit(make_job("late"), {}).result(30)


def test_a_job_that_waits_here_can_be_cancelled(fleet: LocalFleet) -> None:
    with fleet.client() as client:
        window = JobWindow(client, 1)
        first, second = (window.submit(make_job(name, key="nobody's"), {QUIET.digest: QUIET}) for name in ("first", "second"))
        assert second.cancel()
        assert not first.done()
        third = window.submit(make_job("third"), {})
        window.close()
        assert first.cancelled()
        assert third.cancelled()
