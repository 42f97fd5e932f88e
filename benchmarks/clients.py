"""Runs the recipes of `docs/with-your-tools.md` with the real tools, and prints which versions they worked with.

    python benchmarks/clients.py [--only Optuna]

A section of the page is one client. Its blocks, and the checks that are hidden in comments, run as one program, in a
folder and a process of its own, once on each backend that is named. A tool that is not installed is left out:
pip install keras-tuner optuna scikeras mlflow-skinny wandb tensorboard keras-hub joblib "dask[distributed]" hydra-core
"""

import argparse
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "with-your-tools.md"
BLOCK = re.compile(r"^```py(?:thon)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PACKAGES = {
    "Keras' scikit-learn wrappers": ["scikit-learn"],
    "scikeras": ["scikeras"],
    "KerasTuner": ["keras-tuner"],
    "Optuna": ["optuna"],
    "MLflow": ["mlflow-skinny"],
    "Weights & Biases": ["wandb"],
    "TensorBoard": ["tensorboard"],
    "KerasHub": ["keras-hub"],
    "joblib, Dask, Ray": ["joblib", "distributed"],
    "Hydra": ["hydra-core"],
    "Orbax": ["orbax-checkpoint"],
}


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(code, backend):
    """`None` if a program passes in a fresh process and folder, else the end of what it says."""
    settings = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg"}
    # As in a notebook: a file would be imported by the processes that it starts.
    command = [sys.executable, "-c", code]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=os.environ | settings, capture_output=True, text=True)
    print(done.stdout[-2000:], done.stderr[-3000:] if done.returncode else "", file=sys.stderr, flush=True)
    return done.stderr.strip().splitlines()[-1][:100] if done.returncode else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--backends", nargs="*", default=["tensorflow"])
    options = parser.parse_args()
    first, *sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    setup, rows = "\n".join(BLOCK.findall(first)), []
    for section in sections:
        title, _, text = section.partition("\n")
        if title not in PACKAGES or (options.only and title not in options.only):
            continue
        versions = [version(package) for package in PACKAGES[title]]
        results = ["not installed"] * len(options.backends)
        if None not in versions:
            code = setup + "\n" + "\n".join(BLOCK.findall(text))
            results = [run(code, backend) or "works" for backend in options.backends]
        named = ", ".join(f"{package} {number}" for package, number in zip(PACKAGES[title], versions, strict=True))
        rows.append((title, named, *results))
        print(rows[-1], file=sys.stderr, flush=True)
    table(f"Keras {version('keras')}", ["version", *(f"on {backend}" for backend in options.backends)], rows)


if __name__ == "__main__":
    main()
