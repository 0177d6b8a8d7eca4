"""What the fleet's programs and its authority say to what cannot be: one line."""

import json
from pathlib import Path

import pytest

from fleet import FleetError, Role
from fleet.certificates import ISSUED_FILE, init_authority, issue, revoke
from fleet.tracker.__main__ import main


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--port", "99999"], "'99999' is no port: 0 to 65535"),
        (["--port", "-1"], "'-1' is no port"),
        (["--silence", "-3"], "'-3' is no number of seconds above 0"),
        (["--silence", "0"], "'0' is no number of seconds above 0"),
        (["--patience", "nan"], "'nan' is no number of seconds above 0"),
        (["--patience", "soon"], "'soon' is no number of seconds above 0"),
    ],
)
def test_a_tracker_refuses_numbers_that_are_none(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert text in capsys.readouterr().err.splitlines()[-1]


def test_a_tracker_without_a_folder_for_files_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["--port", "0", "--store", str(tmp_path / "file"), "--audit", str(tmp_path / "audit")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tilewright tracker: cannot make a folder for the files of jobs: ")


@pytest.mark.parametrize("days", [3700, 999_999_999])
def test_no_certificate_outlives_its_authority(tmp_path: Path, days: int) -> None:
    init_authority(tmp_path / "ca")
    with pytest.raises(FleetError, match=rf"ends in 36\d\d days, and with it all certificates: {days} days are too many"):
        issue(tmp_path / "ca", Role.CLIENT, "ann", tmp_path / "ann.tls", days)
    assert not (tmp_path / "ann.tls").exists()


@pytest.mark.parametrize("line", [json.dumps({"serial": "1"}), "7", "no JSON"])
def test_a_list_of_what_was_issued_that_is_none(tmp_path: Path, line: str) -> None:
    init_authority(tmp_path / "ca")
    (tmp_path / "ca" / ISSUED_FILE).write_text(line + "\n")
    with pytest.raises(FleetError, match=r"cannot read .*issued\.jsonl"):
        revoke(tmp_path / "ca", "ann")
