"""What is written for people: every example runs, and nothing public is left out."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import struct
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_lr as klr
from keras_lr.schedules import arguments

ROOT = Path(__file__).resolve().parent.parent
README, CHANGELOG = ROOT / "README.md", ROOT / "CHANGELOG.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = ["keras_lr", *(m.name for m in pkgutil.walk_packages(klr.__path__, "keras_lr.") if "__main__" not in m.name)]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# A block of Python, shown or in an HTML comment. One that can't run on every backend says so in a comment above it,
# as in `<!-- backend: tensorflow -->`; `in a graph` gives it a TensorFlow 1 graph, a `session` and a `loss`.
BLOCK = re.compile(r"(?:^<!-- backend: (\w+)(, in a graph)?[^\n]*\n)?^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CELL = re.compile(
    r"^\|.*\| .*?`(?P<expression>(?:klr\.)?[A-Z_a-z]+\([^`]*\))`", re.MULTILINE
)  # code at the end of a row

POLICIES = [
    name
    for name in klr.__all__
    if getattr(klr, name).__module__.startswith("keras_lr.schedules.policies.") and name != "scale_rate"  # a number
]
SCHEDULES = [
    name
    for name in klr.__all__
    if inspect.isclass(getattr(klr, name)) and issubclass(getattr(klr, name), klr.Schedule) and name != "Schedule"
]


def run(block, line, document, namespace):
    """Run a block as a doctest if it is one, else as plain code; errors show the line in the document."""
    if not block.startswith(">>>"):
        exec(compile("\n" * line + block, document, "exec"), namespace)
        return
    test = doctest.DocTestParser().get_doctest(block, namespace, document.name, str(document), line)
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    namespace.update(test.globs)


def run_in_a_graph(block, line, document, namespace):
    tf1 = importlib.import_module("tensorflow.compat.v1")
    with tf1.Graph().as_default(), tf1.Session() as namespace["session"]:
        weight = tf1.get_variable("weight", shape=[], initializer=tf1.ones_initializer())
        namespace["session"].run(weight.initializer)
        namespace["loss"] = weight**2
        run(block, line, document, namespace)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_run(document, tmp_path, monkeypatch):
    """Every Python block of a document runs, one after the other, and prints what the document says."""
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType(document.stem.replace("-", "_"))  # so that classes in it can be pickled
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = document.read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == len(re.findall(r"^```python", text, re.MULTILINE))
    for match in blocks:
        backend, graph, block = match.groups()
        if backend in (None, keras.backend.backend()):
            line = text.count("\n", 0, match.start(3))
            (run_in_a_graph if graph else run)(block, line, document, vars(module))


@pytest.mark.parametrize("module", MODULES)
def test_the_docstrings_run(module, tmp_path, monkeypatch):
    """Every example in a docstring prints what the docstring says."""
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(module), optionflags=FLAGS)
    assert failed == 0


def test_the_public_names():
    """`__all__` is sorted and has every public name of the package."""
    public = {name for name, x in vars(klr).items() if not name.startswith("_") and not inspect.ismodule(x)}
    assert klr.__all__ == sorted(public)


@pytest.mark.parametrize("name", klr.__all__)
def test_a_public_name_is_described(name):
    """Every public name has a docstring with an example, and is in the README, the changelog and the reference."""
    if name != "Length":  # a union of types
        assert ">>> " in (getattr(klr, name).__doc__ or "")
    in_code = re.compile(rf"`@?(?:klr\.)?{name}\b")
    assert in_code.search(README.read_text("utf-8"))
    assert in_code.search(CHANGELOG.read_text("utf-8"))
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    assert len(re.findall(rf"^\.\. auto\w+:: keras_lr\.{name}$", pages, re.MULTILINE)) == 1


def test_the_words_and_the_step_are_explained():
    """The page on one's own schedules has every word of the argument dictionary, and all that a step can do."""
    page = (ROOT / "docs" / "adding-a-schedule.md").read_text("utf-8")
    assert [word for word in arguments.RULES if f"`{word}`" not in page] == []
    assert [x for x in dir(klr.Step(0, np)) if x[0] != "_" and x != "of" and f"`step.{x}" not in page] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module):
    """A file has one sentence that says what it is for."""
    assert importlib.import_module(module).__doc__


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gallery_is_complete(gallery):
    """Every schedule and every policy is shown, by a row of the tests that is an instance or a result of it."""
    assert sorted(gallery.SHOWN) == sorted(SCHEDULES + POLICIES)
    assert [name for name in gallery.SHOWN if not gallery.expression(name).startswith(f"{name}(")] == []


@pytest.mark.parametrize("name", SCHEDULES + POLICIES)
def test_the_expression_of_a_picture(name, gallery):
    """The expression that is written below a picture makes the very schedule that is drawn and tested."""
    assert eval(gallery.expression(name), {**vars(klr)}) == gallery.CASES[gallery.SHOWN[name]].schedule


@pytest.mark.parametrize("name", SCHEDULES + POLICIES)
def test_a_picture(name, gallery, tmp_path):
    """The script draws the picture, and one of that size and of the same expression is in the repository."""
    for path in (gallery.draw(name, tmp_path), gallery.IMAGES / f"{name}.png"):
        picture = path.read_bytes()
        assert struct.unpack(">II", picture[16:24]) == (gallery.WIDTH, gallery.HEIGHT)
        assert b"tEXtDescription\0" + gallery.expression(name).encode() in picture


def test_the_page_of_the_gallery(gallery):
    """The page is what the script writes now."""
    assert gallery.PAGE.read_text("utf-8") == gallery.page()


def test_the_readme_is_short():
    """The README is read from top to bottom; everything else has a page in `docs`."""
    assert len(README.read_text("utf-8").splitlines()) <= 200


@pytest.mark.parametrize("document", [README, ROOT / "docs" / "composing.md"], ids=lambda path: path.name)
def test_the_table_of_what_to_use(document):
    """The schedules and callbacks that a table recommends can be made as it says."""
    found = [row["expression"] for row in CELL.finditer(document.read_text("utf-8"))]
    made = [eval(x, {**vars(klr), "klr": klr}) for x in found if "model" not in x and "..." not in x]
    assert len(made) >= 5


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_document(document):
    """What a document points to in the repository is there."""
    text = document.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    assert [target for target in targets if "://" not in target and not (document.parent / target).exists()] == []


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_each_notebook_is_linked_from_a_guide(notebook):
    """On GitHub and on the site, where the links are those of the copies."""
    guides = (ROOT / "docs").glob("*.md")
    assert any(f"](../notebooks/{notebook.name})" in guide.read_text("utf-8") for guide in guides)


def test_the_sets_of_versions():
    """The table of versions has those with which the benchmark runs the tests."""
    table = (ROOT / "docs" / "versions.md").read_text("utf-8")
    rows = re.findall(r"^\| (3\.\d+) \| (\S+) \| (\S+) \| (\S*) ?\|", table, re.MULTILINE)
    module = ast.parse((ROOT / "benchmarks" / "versions.py").read_text("utf-8"))
    sets = next(
        ast.literal_eval(x.value) for x in module.body if isinstance(x, ast.Assign) and x.targets[0].id == "SETS"
    )
    assert rows == [tuple(one[name] for name in ("python", "keras", "tensorflow", "jax")) for one in sets]


def test_the_version_of_the_changelog():
    """The newest version in the changelog is that of the package."""
    version = re.search(r"^## \[?(\d[^\] ]*)", CHANGELOG.read_text("utf-8"), re.MULTILINE)
    assert version.group(1) == klr.__version__
