"""Every notebook runs from top to bottom with a small budget, and says the same as its paired script."""

from pathlib import Path
from typing import Any

import jupytext
import nbclient
import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
QUICK_TRIALS = 12
TIMEOUT_SECS = 300


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def kinds(notebook: NotebookNode) -> list[Any]:
    return [sorted({kind for output in cell.get("outputs", []) for kind in output.get("data", {})}) for cell in notebook.cells]


def test_notebook_and_script_are_the_same(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    script = jupytext.read(path.with_suffix(".py"))
    assert cells(notebook) == cells(script), f"they differ: run jupytext --sync {path.relative_to(ROOT)}"


def test_the_stored_outputs_are_whole(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert not [output for output in outputs(notebook) if output.output_type == "error" or output.get("name") == "stderr"]


def test_it_runs(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source += f"\nTRIALS = {QUICK_TRIALS}\n"
    client = nbclient.NotebookClient(notebook, timeout=TIMEOUT_SECS, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.create_kernel_manager().transport = "ipc"
    client.execute()
    assert kinds(notebook) == kinds(stored)
