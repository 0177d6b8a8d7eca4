"""Bad input of every kind: one line that says what was asked, found and allowed; exit code 2; nothing lost."""

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tilewright as tw
from compiler.runtime import child_environment
from tests.tilewright.conftest import TRIALS, Command
from tests.tilewright.models import example_input, save_model, save_relu, value

LARGEST_FILE = 60_000  # bytes: some ten trials in the write-ahead log
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is truncated or not an ONNX model"),
        (b"hello, world\n", "is truncated or not an ONNX model"),
        (b"\x89PNG\r\n\x1a\n" * 40, "is truncated or not an ONNX model"),
    ],
)
def test_a_file_that_is_no_model(command: Command, tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    for words in (
        ("compile", path, "-o", tmp_path / "model.so"),
        ("tune", path, "--db", tmp_path / "t.db"),
        ("explain", path),
        ("bench", path),
    ):
        line = command(*words).complaint
        assert f"{path} {complaint}" in line
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file(command: Command, tmp_path: Path, classifier: Path, share: float) -> None:
    content = classifier.read_bytes()
    path = tmp_path / "model.onnx"
    path.write_bytes(content[: int(share * len(content))])
    assert f"{path} is truncated or not an ONNX model" in command("explain", path).complaint


def test_a_missing_file(command: Command, tmp_path: Path) -> None:
    line = command("compile", tmp_path / "no.onnx", "-o", tmp_path / "no.so").complaint
    assert line == f"tilewright: cannot read the model file {tmp_path / 'no.onnx'}: No such file or directory"
    assert "Is a directory" in command("explain", tmp_path).complaint


def test_an_unsupported_operator(command: Command, tmp_path: Path) -> None:
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores"], ["y"], name="suppress")
    path = save_model(tmp_path / "model.onnx", [node], [value("boxes", (1, 4, 4)), value("scores", (1, 1, 4))], "y")
    line = command("tune", path, "--db", tmp_path / "t.db").complaint
    assert "node 'suppress' (NonMaxSuppression, opset 17): the operator NonMaxSuppression is not supported; supported are Abs, " in line
    assert not (tmp_path / "t.db").exists()


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.DOUBLE, "float64"), (TensorProto.FLOAT16, "float16")])
def test_an_unsupported_dtype(command: Command, tmp_path: Path, kind: int, name: str) -> None:
    line = command("explain", save_relu(tmp_path / "model.onnx", kind=kind)).complaint
    assert f"input 'x' has dtype {name}; supported are float32, int32, int64, bool" in line


def test_an_unknown_dimension(command: Command, tmp_path: Path) -> None:
    path = save_relu(tmp_path / "model.onnx", ("batch", 3, "height", 8))
    line = command("explain", path).complaint
    assert "input 'x' has unknown dimensions 0 (batch), 2 (height); give the whole shape, for example --shape x=1,3,224,8" in line
    assert command("explain", path, "--shape", "x=1,3,224,8").code == 0


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ("x=1,3", "has 2 dimensions; the model has batch,3"),
        ("x=1,4,8,8", "differs in dimension 1"),
        ("y=1,3,8,8", "a shape is given for 'y', which is no input; inputs are 'x'"),
        ("x=1,3,eight,8", "'x=1,3,eight,8' is not of the form name=1,3,224,224"),
        ("x=1,3,0,8", "is not of the form name=1,3,224,224"),
        ("1,3,8,8", "is not of the form name=1,3,224,224"),
    ],
)
def test_a_wrong_shape(command: Command, tmp_path: Path, shape: str, complaint: str) -> None:
    path = save_relu(tmp_path / "model.onnx", ("batch", 3, "height", 8))
    assert complaint in command("compile", path, "-o", tmp_path / "model.so", "--shape", shape).complaint


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("toaster", "unknown target 'toaster'; known presets: "),
        ("llvm -mcpu=toaster", "unknown cpu 'toaster' for "),
        ("llvm -mspeed=high", "unknown target option '-mspeed=high'"),
    ],
)
def test_an_unknown_target(command: Command, tmp_path: Path, classifier: Path, target: str, complaint: str) -> None:
    assert complaint in command("compile", classifier, "-o", tmp_path / "model.so", "--target", target).complaint
    assert complaint in command("tune", classifier, "--db", tmp_path / "t.db", "--target", target).complaint


def test_a_target_that_cannot_be_timed_here(command: Command, tmp_path: Path, classifier: Path) -> None:
    line = command("tune", classifier, "--db", tmp_path / "t.db", "--target", "pi3b").complaint
    assert "candidates for cortex-a53 (aarch64-unknown-linux-gnu) cannot be timed on this machine; tune for --target host" in line


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--until", "1.5"), "'--until'"),
        (("--trials", "0"), "'--trials'"),
        (("--minutes", "-1"), "'--minutes'"),
        (("--tuner", "sgd"), "'sgd' is not one of "),
        (("--threads", "0"), "'--threads'"),
        (("--speed", "high"), "No such option"),
    ],
)
def test_options_that_make_no_sense(command: Command, tmp_path: Path, classifier: Path, options: tuple[str, ...], complaint: str) -> None:
    line = command("tune", classifier, "--db", tmp_path / "t.db", *options).complaint
    assert complaint in line
    assert line.endswith("(see `tilewright tune --help`)")
    assert not (tmp_path / "t.db").exists()


def test_inputs_that_do_not_fit(command: Command, tmp_path: Path, classifier: Path) -> None:
    library = tmp_path / "model.so"
    assert command("compile", classifier, "-o", library, "--threads", 1).code == 0

    def complaint(**arrays: np.ndarray) -> str:
        np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type] # names are free
        return command("run", library, "--inputs", tmp_path / "x.npz").complaint

    x = example_input()
    assert "input 'x' is missing: float32[1, 3, 16, 16] is expected, nothing was given" in complaint()
    assert "input 'x' is float32[3, 16, 16]: float32[1, 3, 16, 16] is expected" in complaint(x=x[0])
    assert "input 'x' is float64[1, 3, 16, 16]: float32[1, 3, 16, 16] is expected" in complaint(x=x.astype(np.float64))
    assert "unknown input 'z'" in complaint(x=x, z=x)
    assert "x.npz cannot be read: an .npz file made by" in complaint(x=np.array([{}], object))
    np.save(tmp_path / "x.npy", x)
    assert "holds one array without a name" in command("run", library, "--inputs", tmp_path / "x.npy").complaint
    assert "does not exist" in command("run", library, "--inputs", tmp_path / "no.npz").complaint
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no archive")
    assert "cannot be read" in command("run", library, "--inputs", tmp_path / "x.npz").complaint
    np.savez(tmp_path / "x.npz", x=x)
    line = command("run", library, "--inputs", tmp_path / "x.npz", "--outputs", tmp_path / "no" / "y.npz").complaint
    assert line == f"tilewright: {tmp_path / 'no' / 'y.npz'} cannot be written: No such file or directory"


def test_what_is_no_compiled_model(command: Command, tmp_path: Path, classifier: Path) -> None:
    assert "no such file" in command("run", tmp_path / "no.so", "--inputs", "x.npz").complaint
    assert "not a compiled model" in command("run", classifier, "--inputs", "x.npz").complaint
    (tmp_path / "text.so").write_text("hello")
    assert "not a compiled model" in command("bench", tmp_path / "text.so").complaint
    assert "is compiled already: --against, --db and --shape" in command("bench", tmp_path / "text.so", "--against", "torch").complaint


def test_a_library_that_cannot_be_written(command: Command, tmp_path: Path, classifier: Path) -> None:
    path = tmp_path / "no" / "model.so"
    assert f"cannot write {path}: No such file or directory" in command("compile", classifier, "-o", path, "--threads", 1).complaint


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://ada:secret@host/records", "'mysql' is not supported; write sqlite:///FILE.db or postgresql://"),
        ("nonsense://x", "is not supported"),
        ("sqlite:////no/such/folder/t.db", "there is no folder /no/such/folder; create it"),
    ],
)
def test_a_database_url_that_leads_nowhere(command: Command, classifier: Path, url: str, complaint: str) -> None:
    line = command("tune", classifier, "--trials", 1, "--db", url).complaint
    assert complaint in line
    assert "secret" not in line


def test_a_database_server_that_cannot_be_reached(command: Command, tmp_path: Path, classifier: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'tilewright[postgresql]'")
    line = command("tune", classifier, "--trials", 1, "--db", f"postgresql://ada:secret@/records?host={tmp_path}").complaint
    assert "the server cannot be reached" in line
    assert "secret" not in line


def test_only_tune_makes_a_database(command: Command, tmp_path: Path, classifier: Path) -> None:
    file = tmp_path / "no.db"
    for words in (("records", "best"), ("records", "list"), ("records", "stats"), ("explain", classifier)):
        assert "there is no such file" in command(*words, "--db", file).complaint
    assert "there is no such file" in command("compile", classifier, "-o", tmp_path / "model.so", "--db", file).complaint
    assert not file.exists()


def test_a_database_of_a_newer_schema(command: Command, tmp_path: Path, classifier: Path) -> None:
    file = tmp_path / "newer.db"
    tw.Database(f"sqlite:///{file}").close()
    connection = sqlite3.connect(file)
    connection.execute("UPDATE tilewright_schema SET version_num = '9999'")
    connection.commit()
    connection.close()
    for words in (("tune", classifier, "--trials", 1), ("explain", classifier), ("records", "stats")):
        line = command(*words, "--db", file).complaint
        assert "its schema 9999 is newer than this version's" in line
        assert "upgrade tilewright" in line


def test_a_read_only_database(command: Command, tmp_path: Path, classifier: Path) -> None:
    file = tmp_path / "records.db"
    tw.Database(f"sqlite:///{file}").close()
    line = command("tune", classifier, "--trials", 1, "--threads", 1, "--db", f"sqlite:///file:{file}?mode=ro&uri=true").complaint
    assert "it is read-only" in line
    assert "make the file and its folder writable" in line


def test_a_full_disk_keeps_what_was_committed(tmp_path: Path, classifier: Path) -> None:
    """The file may not grow past a limit, as on a full disk; the limit is set for the process, so it is one of its own."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    with tw.Database(url) as database:
        tw.tune(tw.load(classifier), database=database, trials=TRIALS, threads=1, tuner="random")
        before = sum(database.status_counts().values())
    words = [
        sys.executable,
        "-m",
        "tilewright",
        "tune",
        str(classifier),
        "--trials",
        "200",
        "--threads",
        "1",
        "--tuner",
        "random",
        "--db",
        url,
    ]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=child_environment([str(ROOT), *sys.path]),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "its disk " in done.stderr
    assert "everything committed before is kept" in done.stderr
    assert (done.stderr.count("\n"), "Traceback" in done.stderr) == (1, False)
    with tw.Database(url) as database:
        assert sum(database.status_counts().values()) >= before


def test_help_and_version(command: Command) -> None:
    assert command("--version").out.startswith("tilewright, version ")
    assert "tune" in command("--help").out
    nothing = command()
    assert (nothing.code, "Commands:" in nothing.err + nothing.out) == (2, True)
    assert "No such command 'frobnicate'" in command("frobnicate").complaint


def test_external_data_that_is_missing(command: Command, tmp_path: Path, classifier: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(onnx.load(classifier), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    assert f"{path}: its external data cannot be read" in command("explain", path).complaint
