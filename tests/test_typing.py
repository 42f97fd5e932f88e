"""What the type checkers say of a user's code: they know the arguments of schedules, of one's own too."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from backends import NAME

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "typing"
pytestmark = pytest.mark.skipif(NAME != "tensorflow", reason="it is the same on every backend")


def lines_of_mypy(path):
    said = subprocess.run([sys.executable, "-m", "mypy", path], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    return {int(line) for line in re.findall(rf"{path.name}:(\d+): error", said.stdout)}, said.stdout


def lines_of_pyright(path):
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, path]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    found = json.loads(said.stdout)["generalDiagnostics"]
    return {row["range"]["start"]["line"] + 1 for row in found if row["severity"] == "error"}, said.stdout


@pytest.mark.parametrize("file", ["right.py", "wrong.py"])
@pytest.mark.parametrize("checker", [lines_of_mypy, lines_of_pyright], ids=["mypy", "pyright"])
def test_errors_are_where_they_are_marked(checker, file):
    name = checker.__name__.removeprefix("lines_of_")
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    lines = (FOLDER / file).read_text().splitlines()
    marks = ("# error", f"# error of {name}")
    marked = {number for number, line in enumerate(lines, 1) if line.endswith(marks)}
    reported, said = checker(FOLDER / file)
    assert reported == marked, said
