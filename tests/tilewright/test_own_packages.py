"""A user's file with the name of one of our packages is named, whatever it holds; files of other names are nobody's business."""

import subprocess
import sys
from pathlib import Path

import pytest

from compiler.runtime import child_environment
from tilewright.own_packages import PACKAGES, check_own_packages

ROOT = Path(__file__).parent.parent.parent


def import_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """As a script in that folder would."""
    script = folder / "script.py"
    script.write_text("import tilewright\nprint('imported')\n")
    environment = child_environment([str(ROOT)])
    return subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("name", ["tuner.py", "compiler.py", "measure/__init__.py"])
def test_a_hiding_file_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('must not be imported')\n")
    done = import_in(tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"tilewright.own_packages.HiddenPackageError: {file.resolve()} hides Tilewright's own package")
    assert last.endswith("rename that file or its folder")


def test_other_files_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "tune.py").write_text("")
    (tmp_path / "tuner").mkdir()  # no package: ours goes first
    (tmp_path / "tuner" / "notes.txt").write_text("")
    done = import_in(tmp_path)
    assert (done.stdout, done.stderr) == ("imported\n", "")


def test_all_packages_are_checked() -> None:
    check_own_packages()
    assert {path.parent.name for path in ROOT.glob("*/py.typed")} == {*PACKAGES, "tilewright"}
