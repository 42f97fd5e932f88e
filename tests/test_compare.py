"""The main job, `python -m keras_lr compare`: what it trains, says, writes and refuses."""

import ast
import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_lr as klr
from keras_lr.__main__ import _progress, main
from keras_lr.compare import experiment, problem, report
from keras_lr.compare.policies import POLICIES
from keras_lr.optimizers.manage import replace_schedule

# What a user has in the current directory: a problem of 96 examples that trains in no time, and faulty ones.
MINE = """
import keras, numpy as np

def load(**changes):
    x = np.random.default_rng(0).normal(size=[96, 4]).astype("float32")
    y = (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0.5)
    parts = {"x": x[:64], "y": y[:64], "x_val": x[64:], "y_val": y[64:], **changes}
    return (parts["x"], parts["y"]), (parts["x_val"], parts["y_val"])

def tiny(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(classes, activation="softmax")])

def deep(shape, classes):
    layers = [keras.layers.Dense(8), keras.layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(shape), *layers])

def random_layers(shape, classes):
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(classes, activation="softmax")])

class Odd(keras.layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function
    def call(self, x):
        return self.function(x)

def raises(*_): raise RuntimeError("no such\\nfile")
def nothing(*_): return None
def nan(): return load(x=np.full([64, 4], np.nan))
def inf(): return load(x_val=np.full([32, 4], np.inf))
def short(): return load(y=np.zeros(63, int))
def empty(): return load(x=np.zeros([0, 4]), y=np.zeros(0, int))
def real_labels(): return load(y=np.zeros(64))
def negative(): return load(y_val=np.full(32, -1))
def one_hot(): return load(y=np.eye(3, dtype=int)[np.zeros(64, int)])
def one_class(): return load(y=np.zeros(64, int), y_val=np.zeros(32, int))
def words(): return load(x=np.full([64, 4], "a"))
def shapes(): return load(x_val=np.zeros([32, 5]))
def no_softmax(shape, classes): return keras.Sequential([keras.Input(shape), keras.layers.Dense(classes)])
def too_few(shape, classes): return keras.Sequential([keras.Input(shape), keras.layers.Dense(2, activation="softmax")])
def unsavable(shape, classes):
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes), Odd(lambda x: keras.ops.softmax(x))]
    return keras.Sequential([keras.Input(shape), *layers])
not_a_function = 3
"""
SMALL = ["--data", "mine:load", "--model", "mine:tiny", "--epochs", "2", "--seeds", "1"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A current directory with the user's module, which is forgotten afterwards."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("import no_such_package")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)


def compare(*arguments):
    """The exit status of `python -m keras_lr compare`."""
    try:
        return main(["compare", *arguments])
    except SystemExit as end:
        return end.code


def small(policies, seeds=1, make_model="tiny"):
    """The runs of policies on the user's small problem, and the model as the last one left it."""
    mine = {}
    exec(MINE, mine)
    (x, y), (x_val, y_val) = mine["load"]()
    given = problem.Problem(x, y, x_val, y_val, mine[make_model])
    settings = experiment.Settings(rate=0.1, batch_size=16, epochs=3, seeds=seeds)
    pairs = list(experiment.train(given, policies, settings))
    return given, settings, [run for run, _ in pairs], pairs[-1][1]


def numbers(run):
    """What a run is, without the time that it took."""
    return run.policy, run.seed, run.rate, run.loss, run.accuracy, run.val_loss, run.val_accuracy


def test_the_default_problem_gives_an_answer(here, capsys):
    """The digits are trained; the table, the answer, the reload check and the three files are there."""
    assert compare("--policies", "constant,switcher", "--epochs", "2", "--seeds", "1") == 0
    out, err = capsys.readouterr()
    assert "1,200 examples to train, 597 to validate, 10 classes" in out
    assert "the same peak rate, 0.1" in out
    table = [line.split()[0] for line in out.splitlines() if "  " in line.strip() and "%" in line]
    assert table[0] == "policy" and sorted(table[1:]) == ["constant", "switcher"]
    assert "one seed" in out
    assert "equals going on without the reload bit for bit: all 13 variables" in out
    assert (here / "compare" / "compare.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    found = json.loads((here / "compare" / "compare.json").read_text())
    assert [(run["policy"], run["seed"], len(run["rate"])) for run in found["runs"]] == [
        ("constant", 0, 76),
        ("switcher", 0, 76),
    ]
    assert found["reload"]["different"] == [] and found["reload"]["moved"] > 0
    assert [line for line in err.splitlines() if "seed 0" in line] == err.splitlines()  # one line a run, no bar

    best = max(run["val_accuracy"][-1] for run in found["runs"])
    model = keras.saving.load_model(here / "compare" / "best.keras")
    _, (x, y) = problem.digits()
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] == pytest.approx(best, abs=0.002)


@pytest.fixture(scope="module")
def everything():
    """The runs of every policy with two seeds."""
    return small(list(POLICIES), seeds=2)[2]


def test_every_policy_trains_on_a_users_problem(everything):
    """Every policy trains with every seed, stays at most at the peak rate, and is recorded for every step and epoch."""
    assert [(run.policy, run.seed) for run in everything] == [(name, seed) for name in POLICIES for seed in (0, 1)]
    for run in everything:
        assert len(run.rate) == 3 * 4 and 0 < max(run.rate) <= 0.1
        assert all(len(series) == 3 for series in (run.loss, run.accuracy, run.val_loss, run.val_accuracy))


def test_a_policy_is_the_same_alone_and_with_others(everything):
    """The numbers of a policy and a seed do not depend on what else is compared."""
    _, _, alone, _ = small(["one-cycle"], seeds=2)
    assert [numbers(run) for run in alone] == [numbers(run) for run in everything if run.policy == "one-cycle"]
    assert alone[0].loss != alone[1].loss


def test_the_switcher_is_the_twin_of_intervals(everything):
    """The recorded rates are those that were applied: policies with the same rates train to the same numbers."""
    intervals, switcher = ([run for run in everything if run.policy == name] for name in ("intervals", "switcher"))
    assert intervals[0].rate == switcher[0].rate == [0.1] * 8 + [0.1 / 10] * 4
    assert [numbers(run)[1:] for run in intervals] == [numbers(run)[1:] for run in switcher]


@pytest.mark.slow
@pytest.mark.parametrize("policy, seeds", [("one-cycle", 2), ("switcher", 1)])
def test_random_layers_go_on_after_the_reload(policy, seeds, here):
    """Also a model with dropout and batch normalisation is the same after the reload, whatever was trained since."""
    given, settings, runs, model = small([policy], seeds, "random_layers")
    best = experiment.better(None, runs[-1], model, here / "best.keras")
    for variable in model.variables + model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    reload = experiment.check_reload(best, given, settings)
    assert reload.different == [] and reload.compared > 13 and reload.moved > 0


def lose_a_digit(model):
    weight = model.weights[0]
    weight.assign(np.nextafter(keras.ops.convert_to_numpy(weight), np.float32(np.inf)))


def lose_the_step(model):
    model.optimizer.iterations.assign(0)


def lose_the_momentum(model):
    model.optimizer.variables[-1].assign(np.zeros(model.optimizer.variables[-1].shape))


def lose_the_schedule(model):
    replace_schedule(model.optimizer, "learning_rate", klr.Constant(0.1))


def load_with(fault):
    """`keras.saving.load_model` that loses something."""
    load = keras.saving.load_model

    def load_model(path):
        model = load(path)
        fault(model)
        return model

    return load_model


@pytest.mark.slow
def test_what_is_lost_by_the_reload_is_found(here, monkeypatch):
    """The check of the reload sees a weight, a step, a momentum and a schedule that were not restored."""
    given, settings, [run], model = small(["warmup-cosine"])
    best = experiment.better(None, run, model, here / "best.keras")
    found = []
    for fault in (lose_a_digit, lose_the_step, lose_the_momentum, lose_the_schedule):
        with monkeypatch.context() as planted:
            planted.setattr(keras.saving, "load_model", load_with(fault))
            if experiment.check_reload(best, given, settings).different:
                found.append(fault)
    assert found == [lose_a_digit, lose_the_step, lose_the_momentum, lose_the_schedule]
    assert experiment.check_reload(best, given, settings).different == []


def test_a_reload_that_differs_is_reported(monkeypatch, capsys):
    """If the loaded model goes on in another way, the command says so and exits with status 1."""
    monkeypatch.setattr(keras.saving, "load_model", load_with(lose_a_digit))
    assert compare(*SMALL, "--policies", "constant") == 1
    assert "DIFFERS from going on without the reload in" in capsys.readouterr().out


BAD = {
    "--policies nope": "there is no policy 'nope'; there are constant, intervals",
    "--epochs 0": "argument --epochs: must be an integer > 0. Received: 0",
    "--epochs 1.5": "must be an integer > 0",
    "--seeds -1": "must be an integer > 0",
    "--batch-size 0": "must be an integer > 0",
    "--rate 0": "must be a number > 0",
    "--rate nan": "must be a number > 0",
    "--target 95": "must be a number > 0 and <= 1",
    "--nope": "unrecognized arguments: --nope",
    "--out mine.py": "--out mine.py can't be written to",
    "--data mine": "--data must be module:function",
    "--data absent:load": "No module named 'absent'",
    "--data broken:load": "No module named 'no_such_package'",
    "--data mine:absent": "mine has no function absent",
    "--data mine:not_a_function": "mine has no function not_a_function",
    "--data mine:raises": "--data mine:raises failed with RuntimeError: no such file",
    "--data mine:nothing": "must return ((x_train, y_train), (x_val, y_val)), four arrays. Received: NoneType",
    "--data mine:nan": "x_train must be finite, but has NaN or inf",
    "--data mine:inf": "x_val must be finite, but has NaN or inf",
    "--data mine:short": "x_train and y_train must have one length",
    "--data mine:empty": "x_train must be an array of numbers, at least one example",
    "--data mine:words": "x_train must be an array of numbers",
    "--data mine:real_labels": "y_train must be integers",
    "--data mine:one_hot": "y_train must be integers, the class of each example",
    "--data mine:negative": "y_val must be classes from 0 on",
    "--data mine:one_class": "at least two classes",
    "--data mine:shapes": "must have one shape. Received: (4,) and (5,)",
    "--model mine:absent": "mine has no function absent",
    "--model mine:raises": "--model mine:raises failed with RuntimeError: no such file",
    "--model mine:nothing": "must return a Keras model. Received: NoneType",
    "--model mine:load": "--model mine:load failed with TypeError",
    "--model mine:no_softmax": "must end in a softmax over the 10 classes",
    "--model mine:too_few": "must end in a softmax over the 10 classes",
    "--model mine:unsavable": "its config failed with",
}


@pytest.mark.parametrize("arguments, said", BAD.items(), ids=list(BAD))
def test_bad_input_gets_one_line(arguments, said, monkeypatch, capsys):
    """What can't be used is refused before any training: one clear line on stderr, and exit status 2."""
    monkeypatch.setattr(experiment, "train", None)
    assert compare(*arguments.split()) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("module", ["matplotlib.figure", "sklearn.datasets"])
def test_a_missing_extra_is_named(module, monkeypatch, capsys):
    """Without matplotlib or scikit-learn the one line says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    assert compare() == 2
    err = capsys.readouterr().err
    assert 'pip install "keras-lr[compare]"' in err and err.count("\n") == 1


def test_an_interrupted_run_keeps_what_it_has(here, monkeypatch, capsys):
    """Ctrl-C ends with status 130 and one line; the runs that were finished are in the files."""
    train = experiment.train

    def interrupted(*arguments, **options):
        yield next(train(*arguments, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", interrupted)
    assert compare(*SMALL, "--out", "mine") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted. What was finished is in mine."
    assert len(json.loads((here / "mine" / "compare.json").read_text())["runs"]) == 1
    keras.saving.load_model(here / "mine" / "best.keras")


def test_a_run_that_diverges_is_a_result(here, capsys):
    """A rate at which training breaks down is reported like any other, and the JSON stays JSON."""
    assert compare(*SMALL, "--model", "mine:deep", "--policies", "constant", "--rate", "1e30") == 0
    runs = json.loads((here / "compare" / "compare.json").read_text())["runs"]
    assert runs[0]["loss"][-1] is None
    assert "Only constant was trained" in capsys.readouterr().out


def test_a_bar_is_for_terminals_only(monkeypatch, capsys):
    """In a terminal a bar counts the epochs of all runs; elsewhere each finished run is one line."""
    tick, say = _progress(2)
    tick()
    say("done")
    assert capsys.readouterr() == ("", "done\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    tick, say = _progress(2)
    tick()
    tick()
    say("done")
    out, err = capsys.readouterr()
    assert "0/2" in out and "2/2" in out and "/epoch" in out and err == ""


def row(policy, accuracy, spread=0.001):
    return report.Row(policy, accuracy, spread, epochs=3, seconds=1.0)


@pytest.mark.parametrize(
    "rows, seeds, said",
    [
        ([row("a", 0.98), row("constant", 0.95)], 3, "Use a: 98.0 %, 3.0 points above constant, more than the spread"),
        ([row("a", 0.98), row("constant", 0.95, 0.04)], 3, "Use a: 98.0 %, 3.0 points above constant, which is within"),
        ([row("a", 0.98), row("constant", 0.98)], 3, "0.0 points above constant, which is within the spread"),
        ([row("a", 0.98), row("b", 0.98), row("c", 0.9), row("constant", 0.9)], 3, "(b can't be told from it)"),
        ([row("constant", 0.98), row("a", 0.95)], 3, "Keep constant: it is the best here, 3.0 points above a, more"),
        ([row("a", 0.98), row("b", 0.95)], 3, "Use a: 98.0 %, 3.0 points above b, more than"),
        ([row("a", 0.98), row("constant", 0.95)], 1, "with one seed nobody knows how much of that is chance"),
        ([row("a", 0.98)], 3, "Only a was trained"),
    ],
)
def test_the_answer_is_honest(rows, seeds, said):
    """The answer names the best policy, and claims a difference only if it is more than the spread over the seeds."""
    assert said in report.answer(rows, seeds)


def test_the_table_has_the_best_first():
    """A row has mean and spread of the accuracy, and medians, where a run that never got there counts as the worst."""

    def run(policy, *val_accuracy):
        return experiment.Run(policy, 0, [], [], [], [], list(val_accuracy), seconds=2.0)

    runs = [run("slow", 0.5, 0.8), run("slow", 0.5, 0.9), run("fast", 0.9, 0.95), run("fast", 0.7, 0.95)]
    assert report.default_target(runs) == 0.94
    rows = report.rows(runs, target=0.85)
    assert [(r.policy, round(r.accuracy, 3), round(r.spread, 3), r.epochs) for r in rows] == [
        ("fast", 0.95, 0.0, 1.5),
        ("slow", 0.85, 0.071, float("inf")),
    ]
    lines = report.table(rows, 0.85, seeds=2).splitlines()
    assert lines[2].split() == ["fast", "95.0", "%", "±", "0.0", "1.5", "2.0"]
    assert lines[3].split() == ["slow", "85.0", "%", "±", "7.1", "-", "2.0"]
    assert len({len(line) for line in lines[:4]}) == 1


def test_the_library_does_not_import_the_command():
    """`import keras_lr` imports neither matplotlib, scikit-learn nor what needs them: each is imported late."""
    package = Path(klr.__file__).parent
    parts = ("schedules", "rules", "optimizers", "callbacks", "finder")
    for path in [package / "__init__.py", *(file for part in parts for file in package.glob(f"{part}/**/*.py"))]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not {"matplotlib", "sklearn", "plotting", "compare"} & set(re.split(r"\W+", ast.unparse(node)))
