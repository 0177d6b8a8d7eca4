"""Certificates that were revoked: who comes with one is refused, who is here with one is cut off, both with a line in the audit log."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, make_bundles, wait_for, wait_for_devices
from fleet import Blob, FleetError, RefusedError, Role
from fleet.certificates import issue, revoke
from fleet.revocations import read_revoked, write_revoked
from tests.fleet.conftest import MARK, make_job
from tests.fleet.test_intruders import check_works, wait_for_refusal


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[LocalFleet]:
    """With an authority of its own, whose certificates are revoked, and a tracker that reads its list."""
    with local_fleet(make_bundles(tmp_path)) as fleet:
        write_revoked(fleet.folder / "revoked.json", [])
        fleet.start_tracker("--revoked", str(fleet.folder / "revoked.json"))
        yield fleet


def revoke_here(farm: LocalFleet, name: str) -> None:
    assert revoke(farm.bundles["client"].parent / "ca", name, farm.folder / "revoked.json")


def test_a_revoked_certificate_is_refused_until_its_name_has_a_new_one(farm: LocalFleet) -> None:
    with farm.client("second"):
        pass
    revoke_here(farm, "second")
    wait_for(lambda: "revocations read" in [entry["event"] for entry in farm.audit()] or None, "new list")
    with pytest.raises(RefusedError, match="the certificate was revoked: client second"):
        farm.client("second")
    wait_for_refusal(farm, "the certificate was revoked: client second")
    check_works(farm)
    authority = farm.bundles["client"].parent / "ca"
    issue(authority, Role.CLIENT, "second", farm.folder / "new.tls", days=1)
    farm.bundles["new"] = farm.folder / "new.tls"
    with farm.client("new") as client:
        assert client.devices() == []


def test_who_is_here_when_its_certificate_is_revoked_is_cut_off(farm: LocalFleet) -> None:
    """A device loses its job to another one; a client is told, and its jobs are given up."""
    authority = farm.bundles["client"].parent / "ca"
    issue(authority, Role.DEVICE, "stolen", farm.folder / "stolen.tls", days=1)
    program = Blob.of(f"#!/bin/sh\nsleep 2{MARK}\n".encode())
    quick = Blob.of(b"#!/bin/sh\ncat\n")
    farm.bundles["device"], good = farm.folder / "stolen.tls", farm.bundles["device"]
    farm.start_device("one")
    with farm.client() as client, farm.client("second") as second:
        wait_for_devices(client, 1)
        slow = second.submit(make_job("slow", program, timeout_secs=1000.0), {program.digest: program})
        wait_for(lambda: client.devices()[0].busy or None, "job under way")
        mine = client.submit(make_job("mine", quick, b"mine"), {quick.digest: quick})
        revoke_here(farm, "stolen")
        wait_for(lambda: not client.devices() or None, "end of the stolen device")
        revoke_here(farm, "second")
        with pytest.raises(RefusedError, match="the certificate was revoked"):
            slow.result(30)
        farm.bundles["device"] = good
        farm.start_device("two")
        assert mine.result(45).output == b"mine"
        assert [row.name for row in client.devices()] == ["two"]
    farm.wait_for_line("one", "the certificate was revoked: device stolen")
    who = [entry.get("who") for entry in farm.audit() if entry["event"] == "refused" and entry["reason"] == "the certificate was revoked"]
    assert who == ["device one", "client second"]


def test_a_list_that_cannot_be_read_takes_nothing_back(farm: LocalFleet) -> None:
    revoke_here(farm, "second")
    wait_for(lambda: "revocations read" in [entry["event"] for entry in farm.audit()] or None, "new list")
    (farm.folder / "revoked.json").write_text("{}")
    wait_for(lambda: "revocations unreadable" in [entry["event"] for entry in farm.audit()] or None, "line in the audit")
    with pytest.raises(RefusedError, match="the certificate was revoked"):
        farm.client("second")
    check_works(farm)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot read the revocation list"),
        ("[]", "is no revocation list"),
        ('{"format": 1, "revoked": [{}]}', "is no revocation list"),
    ],
)
def test_a_tracker_does_not_start_with_a_list_that_is_none(
    bundles: dict[str, Path], tmp_path: Path, content: str | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "list").write_text(content)
    words = [sys.executable, "-m", "fleet.tracker", "--port", "0", "--revoked", str(tmp_path / "list")]
    done = subprocess.run([*words, "--tls", str(bundles["tracker"])], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert text in done.stderr
    bare = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert "--revoked lists certificates, and without --tls there are none" in bare.stderr


def test_only_names_that_have_certificates_can_be_revoked(tmp_path: Path) -> None:
    authority = make_bundles(tmp_path)["client"].parent / "ca"
    with pytest.raises(FleetError, match=r"no certificate for 'nobody'; it has for: builder, client, device, second, tracker"):
        revoke(authority, "nobody")
    assert [entry.role for entry in revoke(authority, "client")] == ["client"]
    assert revoke(authority, "client") == []
    assert len(read_revoked(authority / "revoked.json")) == 1
