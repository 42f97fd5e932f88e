"""Runs the reproductions of `docs/upstream.md` and says which bugs of Keras are still there.

    python benchmarks/upstream.py [--backends tensorflow jax torch]

A section of the page is one bug. Its blocks are doctests that show the wrong output; one that gives another output is
fixed, or has changed. Each backend runs in a process of its own.
"""

import argparse
import doctest
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "upstream.md"
BACKENDS = ["tensorflow", "jax", "torch"]
SECTION = re.compile(r"^## (?P<title>.+?)\n(?P<text>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```py\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def sections():
    """The title of each bug, the backends on which it is, and its examples."""
    text = PAGE.read_text("utf-8")
    setup, *found = ["".join(BLOCK.findall(text[: text.index("\n## ")])), *SECTION.finditer(text)]
    for match in found:
        if "```py" not in match["text"]:
            continue
        backends = re.search(r"^Backends: (.+)\.$", match["text"], re.MULTILINE)
        names = BACKENDS if backends is None else backends[1].lower().split(", ")
        yield match["title"], names, setup + "".join(BLOCK.findall(match["text"]))


def check(backend):
    """Run the examples for a backend in this process; a line for each, whether it gives what the page says."""
    import keras

    if backend == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for title, names, examples in sections():
        if backend not in names:
            continue
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        test = doctest.DocTestParser().get_doctest(examples, {}, title, str(PAGE), 0)
        report = []
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
            os.chdir("/")
        print("".join(report), file=sys.stderr)
        print(f"RESULT {'there' if not report else 'fixed or changed'} {title}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="*", default=BACKENDS)
    parser.add_argument("--check", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        check(options.check)
        return
    results = {}
    for backend in options.backends:
        settings = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, __file__, "--check", backend]
        said = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True).stdout
        found = re.findall(r"^RESULT (there|fixed or changed) (.*)$", said, re.MULTILINE)
        results[backend] = {title: result for result, title in found}
    rows = []
    for title, names, _ in sections():
        cells = [results.get(b, {}).get(title, "-" if b not in names else "not run") for b in BACKENDS]
        rows.append((title, *cells))
    table("Bugs of Keras", BACKENDS, rows)


if __name__ == "__main__":
    main()
