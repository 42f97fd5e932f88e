"""The command `python -m keras_lr compare`: what it reads, says, writes and refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from compare_problems import eagerly, here  # noqa: F401

from keras_lr.__main__ import main
from keras_lr.compare import trials
from keras_lr.compare.builtin import POLICIES
from keras_lr.compare.data import load

SMALL = ["--data", "mine:load", "--epochs", "2", "--seeds", "1", "--peak", "0.1", "--batch-size", "16"]


pytestmark = pytest.mark.usefixtures("here")  # the current directory, in which `mine` is


def compare(*arguments):
    """The exit status of `python -m keras_lr compare`."""
    try:
        return main(["compare", *arguments])
    except SystemExit as end:
        return end.code


def test_the_default_problem_gives_an_answer(monkeypatch, capsys):
    """The digits are trained with a tuned peak; the table, the answer, the code, the check and the files are there."""
    assert (
        compare("--policies", "one-cycle", "--policy", "same=klr.Constant(0.05)", "--epochs", "2", "--seeds", "1") == 0
    )
    out, err = capsys.readouterr()
    assert "1,797 examples; each seed holds out a random 25%" in out and "10 classes" in out
    assert "SGD(momentum=0.9, nesterov=True)" in out and "With one seed, the differences may be chance" in out
    assert "equals the model in memory, bit for bit" in out
    assert Path("compare/compare.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    found = json.loads(Path("compare/compare.json").read_text())
    peaks = {row["policies"][0]: row["peak"] for row in found["rows"]}
    assert 0.005 < peaks["one-cycle"] < 1 and peaks["same"] is None
    assert found["reload"]["different"] == [] and found["code"].splitlines()[-1] in out
    monkeypatch.setattr(keras.Model, "fit", lambda self, x, y, **options: fitted.append((x, y, options)))
    fitted, given = [], {}
    exec(script_of(out), given)
    assert fitted[0][0].shape == (1797, 8, 8) and given["model"].output_shape == (None, 10)
    assert err.splitlines()[0] == "one-cycle: tuning the peak"
    assert all("seed 0" in line for line in err.splitlines()[1:]) and len(err.splitlines()) == 3  # one line a run
    keras.saving.load_model("compare/best.keras")


@pytest.mark.parametrize(
    "arguments, said",
    [
        pytest.param(
            ["--data", "data.npz"],
            "for 3 classes, with the optimizer SGD(momentum=0.9, nesterov=True) and the loss sparse_",
            marks=pytest.mark.slow,
        ),
        (
            ["--data", "data.csv"],
            "data.csv, 96 examples, standardized with the mean and the standard deviation of all rows",
        ),
        (["--data", "from_1.csv", "--optimizer", "adam"], "of all rows; its classes 1 to 3 became 0 to 2; each seed"),
        (["--data", "mine:datasets", "--model", "mine:compiled"], "mine:compiled, which is already compiled"),
        pytest.param(
            ["--data", "mine:arrays", "--loss", "mse", "--metric", "mae"], "for a regression", marks=pytest.mark.slow
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("eagerly")
def test_a_problem_of_the_users(arguments, said, capsys):
    """Files, arrays and datasets, with the default model or one's own, and policies in a module and as text."""
    policies = ["--policies", "", "--policy", "mine:policy", "--policy", "half=klr.Constant(peak / 2)"]
    assert compare(*SMALL, *arguments, *policies) == 0
    out = capsys.readouterr().out
    assert said in out and "mine:policy" in out and "half" in out
    if "mine:arrays" in arguments:
        assert "val_mae" in out
    if "from_1.csv" in arguments:
        assert (
            "for 3 classes, with the optimizer adam" in out and 'y = y.astype("int64") - 1  # classes start at 0' in out
        )
    if "data.csv" in arguments:
        assert "val_loss" in out and 'loss="mse"' in out


def script_of(out):
    """The code in the output of the command."""
    return out.split("Code to paste into a new script:\n\n")[1].split("\n\nThe best run")[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "data.csv"],
        ["--data", "mine:load", "--model", "mine:tiny", "--policies", "", "--policy", "mine:unnamed"],
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in (
                ["--data", "classes.csv", "--loss", "keras.losses.SparseCategoricalCrossentropy()"],
                ["--data", "data.npz", "--optimizer", "SGD(momentum=0.5)", "--loss", "keras.losses.MeanSquaredError()"],
                ["--data", "mine:lists", "--model", "mine:compiled", "--policies", "", "--policy", "mine:policy"],
                ["--data", "mine:datasets"],
            )
        ),
    ],
    ids=lambda arguments: arguments[1],
)
@pytest.mark.usefixtures("eagerly")
def test_the_printed_code_is_a_script(arguments, capsys):
    """It runs on its own, and trains the same data with the optimizer of the command to a finite loss."""
    assert compare(*SMALL, "--policies", "constant", *arguments) == 0
    script, given = script_of(capsys.readouterr().out), {}
    exec(script, given)
    model, (data, _, _) = given["model"], load(arguments[1])
    assert np.isfinite(model.history.history["loss"]).all() and len(model.history.history["loss"]) == 2
    if "y" in data:
        assert (given["x"] == data["x"]).all() and (given["y"] == data["y"]).all()
    if "SGD(momentum=0.5)" in arguments:
        assert model.optimizer.momentum == 0.5 and "keras.optimizers.SGD(momentum" in script
    assert ("so are the loss and the predictions" in script) == ("data.csv" in arguments)


BAD = {
    "--policies nope": "unknown policy 'nope'; choose from constant, intervals",
    "--policies one-cylce": "argument --policies: unknown policy 'one-cylce'; choose from constant, intervals",
    "--policy mine=Plateua": "argument --policy: unknown policy 'Plateua'; choose from constant, intervals",
    "--policy two_cycle": "prodigy. Did you mean `one-cycle`?",
    "--policy one_cycle": "'one-cycle' is compared anyway; to compare it alone, write --policies one-cycle",
    "--policies ,": "argument --policies: must name at least one policy, unless you pass --policy",
    "--epochs 0": "argument --epochs: must be an integer > 0. Received: 0",
    "--epochs 1.5": "must be an integer > 0",
    "--seeds -1": "must be an integer > 0",
    "--batch-size 0": "must be an integer > 0",
    "--jobs 0": "must be an integer > 0",
    "--peak 0": "must be a number > 0",
    "--rate nan": "must be a number > 0",
    "--nope": "unrecognized arguments: --nope",
    "--policy constant=0.1": "argument --policy: the name 'constant' is taken",
    "--policy klr.nope(peak)": "The policy `klr.nope(peak)` failed with AttributeError",
    "--policy one,two": "The policy `one,two` failed with NameError",
    "--policy 'text'": "--policy 'text' must be a schedule, a rule, a number",
    "--policy klr.Prodigy()": "Argument `learning_rate` of `policy klr.Prodigy()` must be a schedule or a number",
    "--policy mine:absent": "The policy `mine:absent` failed with AttributeError: module 'mine' has no",
    "--policy mine:raises": "The policy `mine:raises` failed with RuntimeError: no such file",
    "--optimizer nope": 'Compiling the model with "nope", loss="sparse_categorical_crossentropy", metrics=',
    "--optimizer Adam(x=1)": "Compiling the model with keras.optimizers.Adam(x=1), loss=",
    "--loss nope": "Evaluating the model on this data failed with ValueError: Could not interpret loss",
    "--metric nope": "identifier: nope",
    "--monitor val_nope": "--monitor must be one of val_loss, val_accuracy, loss, accuracy",
    "--out mine.py": "--out mine.py can't be written to",
    "--data mine": "--data must be an .npz file, a .csv file, or module:function",
    "--data absent.npz": "--data absent.npz failed with FileNotFoundError",
    "--data only_x.npz": "must have x and y, and both or neither of x_val and y_val. Received: x",
    "--data no_header.csv": "must begin with a header",
    "--data words.csv": "separated by commas, failed with ValueError: could not convert string 'red' to float64",
    "--data gaps.csv": "x and y must be finite, but have NaN or inf",
    "--data short.csv": "the number of columns changed from 3 to 2 at row 97",
    "--data long.csv": "must have two rows or more, with as many columns as the header, 3. Received",
    "--data semicolons.csv": "which must have a header and numbers separated by commas, failed with ValueError",
    "--data mine.load": "--data must be an .npz file, a .csv file, or module:function",
    "--data absent:load": "No module named 'absent'",
    "--data broken:load": "No module named 'no_such_package'",
    "--data mine:absent": "module 'mine' has no attribute 'absent'",
    "--data mine:not_a_function": "'int' object is not callable",
    "--data mine:raises": "--data mine:raises failed with RuntimeError: no such file",
    "--data mine:nothing": "must return (x, y), ((x, y), (x_val, y_val)), or two datasets. Received: NoneType",
    "--data mine:nan": "x and y must be finite, but have NaN or inf",
    "--data mine:inf": "x_val and y_val must be finite, but have NaN or inf",
    "--data mine:short": "x and y must have the same length",
    "--data mine:empty": "x must be a non-empty array of numbers, of shape (examples, ...)",
    "--data mine:words": "x must be a non-empty array of numbers",
    "--data mine:negative": "y_val must be integers >= 0 for classes",
    "--data mine:one_class": "at least two classes",
    "--data mine:shapes": "must have the same shape, (4,). Received: x_val float64[32, 5]",
    "--model mine:absent": "module 'mine' has no attribute 'absent'",
    "--model mine:raises": "--model mine:raises failed with RuntimeError: no such file",
    "--model mine:nothing": "must return a Keras model. Received: NoneType",
    "--model mine:load": "--model mine:load failed with TypeError",
    "--model mine:compiled --loss mse": "--loss is only for a model that is not compiled, but mine:compiled returns",
    "--model mine:other_shape": "Evaluating the model on this data failed with ValueError",
    "--model mine:unsavable": "--model must be a model that can be saved and loaded",
}


@pytest.mark.parametrize("arguments, said", BAD.items(), ids=list(BAD))
@pytest.mark.usefixtures("eagerly")
def test_bad_input_gets_one_line(arguments, said, monkeypatch, capsys):
    """What can't be used is refused before any training: one clear line on stderr, and exit status 2."""
    monkeypatch.setattr(keras.Model, "fit", None)
    split = arguments.split() if "--policies ," not in arguments else ["--policies", ","]
    assert compare(*SMALL, *split) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert err.count("\n") == 1 and "policy" not in out.lower()


@pytest.mark.parametrize(
    "module, package, arguments",
    [("matplotlib.figure", "matplotlib", SMALL), ("sklearn.datasets", "scikit-learn", [])],
)
def test_a_missing_package_is_named(module, package, arguments, monkeypatch, capsys):
    """Without matplotlib or scikit-learn the one line says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    assert compare(*arguments) == 2
    err = capsys.readouterr().err
    assert f"pip install {package}" in err and err.count("\n") == 1


@pytest.mark.usefixtures("eagerly")
def test_an_interrupted_run_keeps_what_it_has(monkeypatch, capsys):
    """Ctrl-C ends with status 130; the finished runs are in the table and the files, and so is the best model."""
    train, seeds = trials._train, []

    def interrupted(*arguments):
        seeds.append(arguments[-1])
        if len(seeds) == 4:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(trials, "_train", interrupted)
    given = ["--policies", "constant,one-cycle", "--out", "mine", "--seeds", "2", "--epochs", "1"]
    assert compare(*SMALL, *given) == 130
    out, err = capsys.readouterr()
    assert "2 policies x 2 seeds x 1 epoch.\n" in out
    assert err.splitlines()[-1] == "Interrupted."
    assert out.splitlines()[-1] == f"The finished runs are in {Path('mine/compare.json')}."
    rows = {line.split()[0]: line for line in out.splitlines() if " 0.1 " in line}
    assert "1 of 2 seeds" in rows["one-cycle"] and "±" in rows["constant"] and "nan" not in out
    assert len(json.loads(Path("mine/compare.json").read_text())["runs"]) == 3
    keras.saving.load_model("mine/best.keras")


@pytest.mark.usefixtures("eagerly")
def test_a_run_that_diverges_is_a_result(capsys):
    """Where each policy diverges, the text says so, the status is 1, and the JSON stays JSON."""
    given = ["--data", "data.csv", "--policies", "", "--policy", "klr.Constant(peak * 1e30)"]
    assert compare(*SMALL, *given) == 1
    runs = json.loads(Path("compare/compare.json").read_text())["runs"]
    assert runs[0]["history"]["loss"][-1] is None
    out = capsys.readouterr().out
    assert "diverged in 1 of 1 runs" in out and "none can be recommended" in out


@pytest.mark.usefixtures("eagerly")
def test_the_progress_line_is_for_terminals_only(monkeypatch, capsys):
    """In a terminal, one line counts the runs and is replaced; elsewhere each finished run has its line."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert compare(*SMALL, "--policies", "constant") == 0
    out, err = capsys.readouterr()
    assert "1 policy x 1 seed x 2 epochs.\n" in out and "1/1 runs" in out and "seed 0" not in err


@pytest.mark.parametrize(
    "arguments, status, said",
    [
        (["--help"], 0, "compare"),
        (["compare", "--help"], 0, "\n".join(f"  {name:<15} {text}" for name, text in POLICIES.items())),
        (["--version"], 0, "0.2.0"),
        (["compare", "--policy", "nope"], 2, "unknown policy 'nope'"),
        (["compare", "--epochs", "0"], 2, "argument --epochs: must be an integer > 0"),
    ],
)
def test_help_comes_without_keras(arguments, status, said):
    """It would take seconds: `import keras` fails here, and help, version and wrong arguments do without it."""
    Path("keras.py").write_text("raise SystemExit('Keras was imported')")
    package = Path(sys.modules["keras_lr"].__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), str(package)])}
    command = [sys.executable, "-m", "keras_lr", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, "Keras was imported" in done.stderr) == (status, False)
    assert said in done.stdout + done.stderr
