"""The notebooks: each runs from its first cell to its last, and shows what is kept in the file."""

import ast
import contextlib
import io
import json
import re
import sys
import types
from pathlib import Path

import keras
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
PICTURES = {"_repr_png_": "image/png", "_repr_html_": "text/html"}


def cells(path):
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def execute(source, name, namespace):
    """Run a cell as a notebook does; what it prints, and the value of its last line if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), name, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
    return printed.getvalue(), value


def shown(printed, value):
    """What a notebook shows for it: the printed text, the text of the value, and the kinds of pictures."""
    kinds = {kind for method, kind in PICTURES.items() if getattr(value, method, lambda: None)()}
    if hasattr(value, "_repr_mimebundle_"):
        kinds |= set(value._repr_mimebundle_()) - {"text/plain"}
    return printed, "" if value is None else repr(value), kinds


def kept(cell):
    printed, value, kinds = "", "", set()
    for output in cell["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            printed += "".join(output["text"])
        else:  # an error, or a warning, is neither
            assert output["output_type"] == "execute_result"
            value = "".join(output["data"]["text/plain"])
            kinds = set(output["data"]) - {"text/plain"}
    return printed, value, kinds


def same(text, cell):
    """The text without its line breaks; without its numbers too, where these differ from backend to backend."""
    text = re.sub(r"\s+", "", text)
    return re.sub(r"[\d.e+-]+|[▁▂▃▄▅▆▇█]+", "#", text) if "varies" in cell["metadata"].get("tags", ()) else text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    """Each cell runs without a warning, and its text and kinds of pictures are those that are kept."""
    if path.stem == "fine_tuning" and not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("`layerwise` needs Keras 3.15")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    module = types.ModuleType(path.stem)
    monkeypatch.setitem(sys.modules, path.stem, module)  # so that classes in it can be saved
    for number, cell in enumerate(cells(path), 1):
        now = shown(*execute("".join(cell["source"]), f"{path.name}, cell {number}", vars(module)))
        before = kept(cell)
        assert [same(text, cell) for text in now[:2]] == [same(text, cell) for text in before[:2]]
        assert now[2] == before[2]


def test_the_notebooks_are_kept_tidy():
    """Nine files, small, run from the top, without traces of a machine, and with pages that exist."""
    assert len(NOTEBOOKS) == 9
    for path in NOTEBOOKS:
        text = path.read_text("utf-8")
        assert len(text) < 200_000
        assert [cell["execution_count"] for cell in cells(path)] == list(range(1, len(cells(path)) + 1))
        assert not re.search(r"/(tmp|home|root|Users)/|\.py:\d+|iopub", text)
        links = re.findall(r"\]\(([^)#:]+)\)", text)
        assert [link for link in links if not (path.parent / link).exists()] == []
