"""The documentation site: `python -m sphinx -W --keep-going -b html docs docs/_build/html`."""

import inspect
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_lr

HERE = Path(__file__).resolve().parent
(HERE / "notebooks").mkdir(exist_ok=True)  # copies, since Sphinx reads this folder only
for path in (HERE.parent / "notebooks").glob("*.ipynb"):
    (HERE / "notebooks" / path.name).write_text(path.read_text("utf-8").replace("](../docs/", "](../"), "utf-8")

project, author = "keras_lr", "The keras_lr authors"
version = release = keras_lr.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore = [("py:class", "numpy.ndarray")]

# Pages are Markdown, as on GitHub; notebooks are shown with the outputs that are kept in them.
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3
nb_execution_mode = "off"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Docstrings have Markdown's single backticks for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"keras_lr {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False


def link_copies(app, name, source):
    """Have links to notebooks, which are written for GitHub, point to the copies."""
    source[0] = source[0].replace("](../notebooks/", "](notebooks/")


def prepare(app, what, name, obj, options, lines):
    """Turn a docstring, which is written for people, into the markup that Sphinx reads."""
    text = "\n".join(lines)
    # The lines of a source are one paragraph, with links.
    text = re.sub(r"^(?:Sources?|Memory): .+(?:\n +\S.*)*", lambda m: " ".join(m[0].split()), text, flags=re.MULTILINE)
    text = re.sub(r"arXiv (\d{4}\.\d{4,5})", r"`arXiv \1 <https://arxiv.org/abs/\1>`__", text)
    # Indented formulas are blocks of text.
    formula = r":\n\n(?=(?: {4}\S.*\n)+)(?! {4}>>>)"
    text = re.sub(rf"(?<=[^:]){formula}", ":\n\n.. code-block:: text\n\n", text)
    # A bar is a norm, and code may be followed by a letter.
    pieces = re.split(
        r"(`[^`]+`|^ *(?:>>>|\.\.\.) .*$|^\.\. code-block:: text\n\n(?: {4}.*\n)+)", text, flags=re.MULTILINE
    )
    text = "".join(x if n % 2 else re.sub("^(?=[a-z])", r"\\ ", x.replace("|", r"\|")) for n, x in enumerate(pieces))
    picture = f"images/{name.removeprefix('keras_lr.')}.png"
    if (HERE / picture).exists():
        text = text.replace("\n\n", f"\n\n.. image:: /{picture}\n   :width: 180px\n\n", 1)
    lines[:] = text.split("\n")


def signature(app, what, name, obj, options, arguments, returns):
    """The arguments of `__init__`, also where a class has a `__new__` of its own."""
    if what == "class" and inspect.isfunction(obj.__init__) and obj.__new__ is not object.__new__:
        _, *parameters = inspect.signature(obj.__init__).parameters.values()
        bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        return str(inspect.Signature(bare)), returns


def setup(app):
    app.connect("source-read", link_copies)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", prepare, priority=100)  # before napoleon
