"""Which versions of Python, Keras, TensorFlow, JAX and torch keras_lr works with: a table, one row for each set.

    python benchmarks/versions.py [--only 3.10 3.13] [--folder versions]

Each set gets an environment of its own in `--folder`, made with pip, which downloads a few hundred megabytes, and
gigabytes where torch comes with CUDA. There a selection of the tests runs on each backend of the set. Warnings are no
errors here: another version of Keras may deprecate something that the tests use. A Python that is not on this machine
is left out of the table.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from measure import table

ROOT = Path(__file__).resolve().parent.parent
# Those in the table of `docs/versions.md`.
SETS = [
    {"python": "3.10", "keras": "3.10.0", "tensorflow": "2.16.2", "jax": "", "torch": "", "numpy": "1.26.4"},
    {"python": "3.11", "keras": "3.15.1", "tensorflow": "2.21.0", "jax": "0.10.2", "torch": "2.13.0", "numpy": ""},
    {"python": "3.12", "keras": "3.13.2", "tensorflow": "2.20.0", "jax": "0.7.2", "torch": "", "numpy": "2.2.6"},
    {"python": "3.13", "keras": "3.15.1", "tensorflow": "2.21.0", "jax": "0.10.2", "torch": "", "numpy": ""},
]
BACKENDS = ["tensorflow", "jax", "torch"]
TESTS = ["resume_at", "bind_spans"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def environment(python, versions, folder):
    """The Python of an environment with these versions, and what pip says against them."""
    program = folder / "bin" / "python"
    if not program.exists():
        run(python, "-m", "venv", folder, check=True)
    pinned = {name: version for name, version in versions.items() if version and name != "python"}
    wanted = [*(f"{name}=={version}" for name, version in pinned.items()), "pytest>=8", "hypothesis"]
    done = run(program, "-m", "pip", "install", "-q", *wanted)
    return program, done.stderr.strip().splitlines()[-1] if done.returncode else ""


def tested(program, backend):
    """How many of the tests pass on a backend, and the names of those that fail."""
    files = [f"tests/test_{name}.py" for name in TESTS]
    settings = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg"}
    options = ["-q", "-W", "default", "-p", "no:cacheprovider", "--tb=line", "-rf"]
    done = run(program, "-m", "pytest", *options, *files, cwd=ROOT, env=os.environ | settings)
    summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()[-200:]
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return re.sub(r", \d+ (?:warnings?|deselected)| in .*", "", summary), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="the versions of Python whose sets to run")
    parser.add_argument("--folder", type=Path, default=ROOT / "versions")
    options = parser.parse_args()
    made, rows = [], []
    for number, versions in enumerate(SETS):
        python = shutil.which(f"python{versions['python']}")
        if python is not None and (not options.only or versions["python"] in options.only):
            made.append((versions, *environment(python, versions, options.folder / str(number))))
    for versions, program, error in made:
        results = []
        for backend in BACKENDS:
            if error or not versions[backend]:
                results.append(error or "not run")
                continue
            summary, failed = tested(program, backend)
            results.append(summary)
            print(f"{versions} on {backend}: {summary}", *failed, sep="\n    ", file=sys.stderr, flush=True)
        rows.append((versions["python"], *(versions[name] or "-" for name in ("keras", *BACKENDS)), *results))
    table("Versions", ["Keras", "TensorFlow", "JAX", "torch", *(f"on {backend}" for backend in BACKENDS)], rows)


if __name__ == "__main__":
    main()
