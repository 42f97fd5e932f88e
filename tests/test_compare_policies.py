"""`compare_policies`: what it trains, with which seeds, splits and peaks, and what it gives back."""

import json

import keras
import numpy as np
import pytest
from compare_problems import EAGERLY, arrays, make, policy_of, problem_of
from models import flowers
from test_finder import state, tf_data

import keras_lr as klr
from keras_lr.compare import trials
from keras_lr.compare.builtin import POLICIES as BUILT_IN
from keras_lr.compare.policy import read_policies

STEPS = 12
FIT = {"epochs": 2, "batch_size": 12, "validation_split": 0.25}  # 72 examples to train on, 24 that are held out
LONGER = {"epochs": 16, "batch_size": None}  # 48 steps, with the batch size of `fit`


class Break(keras.callbacks.Callback):
    """Makes a weight NaN after the first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        weight = self.model.weights[0]
        weight.assign(keras.ops.convert_to_numpy(weight) * (np.nan if epoch else 1.0))


POLICIES = {
    "constant": "constant",
    "same": klr.Constant(0.1),
    "plateau": "plateau",
    "adamw": lambda peak, steps: keras.optimizers.AdamW(klr.warmup_cosine(peak / 10, steps)),
    "rule": "prodigy",
    "callbacks": lambda peak, steps: (peak, [klr.EpochIntervalSwitcher([1], [peak, peak / 10])]),
    "breaks": lambda peak, steps: (peak, [Break()]),
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """All kinds of policies on a small problem, and the folder."""
    folder = tmp_path_factory.mktemp("compared")
    given = {"policies": POLICIES, "seeds": 2, "peak": 0.1, "folder": folder, "verbose": 0}
    return klr.compare_policies(make, *arrays(), **FIT, **given), folder


def runs_of(comparison, name):
    return next(result for result in comparison.results if result.policy == name).runs


def by_hand(seed, compile_it, callbacks=()):
    """What a user gets for a seed."""
    keras.utils.set_random_seed(seed)
    model, (x, y) = make(), arrays()
    compile_it(model)
    order = np.random.default_rng(seed).permutation(len(x))
    keras.utils.set_random_seed(seed)
    history = model.fit(x[order], y[order], **FIT, callbacks=[klr.Monitor(), *callbacks], verbose=0).history
    return {name: [float(value) for value in values] for name, values in history.items()}


@pytest.mark.parametrize(
    "name, seed, compile_it",
    [
        ("constant", 1, lambda model: klr.set_learning_rate(model, 0.1)),
        (
            "adamw",
            0,
            lambda model: model.compile(
                keras.optimizers.AdamW(klr.warmup_cosine(0.01, STEPS)),
                model.loss,
                metrics=["accuracy"],
                run_eagerly=EAGERLY,
            ),
        ),
    ],
)
def test_a_run_is_what_a_user_gets(name, seed, compile_it, compared):
    """Bit for bit: the weights, the order and the split are those of the seed; the rate or optimizer the policy's."""
    assert runs_of(compared[0], name)[seed].history == by_hand(seed, compile_it)


def test_the_rates_are_those_of_the_policies(compared):
    """Each run has the rate of each update, also one of a callback and of a rule."""
    rates = {name: runs_of(compared[0], name)[0].rate for name in POLICIES}
    assert rates["adamw"] == klr.warmup_cosine(0.01, STEPS).values(STEPS).tolist()
    assert rates["callbacks"] == [0.1] * 6 + [0.01] * 6
    assert len(set(rates["rule"])) > 1 and all(len(rate) == STEPS for rate in rates.values())


def test_equal_policies_share_a_row(compared):
    """One with the same rates and the same results is no other policy."""
    names = [row.policies for row in compared[0].rows]
    assert ("constant", "same", "plateau") in names and len(names) == 5
    assert all(len(policies) == 1 for policies in names if "constant" not in policies)


def test_what_diverges_is_last(compared):
    """It is no result that passes: it is counted and said, and null in the JSON."""
    comparison, folder = compared
    row = comparison.rows[-1]
    assert (row.policies, row.diverged, row.runs) == (("breaks",), 2, 2) and np.isnan(row.mean)
    assert "diverged in 2 of 2 runs" in repr(comparison) and "breaks diverged." in repr(comparison)
    runs = json.loads((folder / "compare.json").read_text())["runs"]
    assert [(run["policy"], run["history"]["loss"][-1]) for run in runs if run["diverged"]] == [("breaks", None)] * 2


def test_the_model_is_that_of_the_best_run(compared):
    """The model in memory and in the file is the best run of the policy in the first row, and goes on when loaded."""
    comparison, folder = compared
    best = max(runs_of(comparison, comparison.best.policies[0]), key=lambda run: run.score)
    x, y = arrays()
    held = np.random.default_rng(best.seed).permutation(96)[72:]
    for model in (comparison.model, keras.saving.load_model(folder / "best.keras")):
        score = model.evaluate(x[held], y[held], verbose=0, return_dict=True)["accuracy"]
        assert score == pytest.approx(best.score)
    assert comparison.reload.different == [] and comparison.reload.moved > 0
    assert (folder / "compare.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_an_optimizer_is_new_for_each_run():
    """One that is the policy, or that a function returns again, would count on from the last run."""
    optimizer = keras.optimizers.AdamW(klr.Linear(0.1, 0.0, steps=9), weight_decay=0.02)
    optimizer.build([keras.Variable([1.0])])
    for source in (optimizer, lambda peak, steps: optimizer):
        made = policy_of(source).make(0.1, 12)
        assert made.optimizer is not optimizer and not made.optimizer.built
        assert (made.optimizer.weight_decay, made.rate) == (0.02, klr.Linear(0.1, 0.0, steps=9))


def test_the_model_of_the_best_run_is_kept(monkeypatch):
    """That of the run with the best score that has not diverged."""
    runs = [
        trials.Run("mine", seed, score, score > 0.9, [0.1], {}, 1.0) for seed, score in enumerate([0.5, 0.8, 0.7, 1])
    ]
    monkeypatch.setattr(trials, "_train", lambda policy, problem, peak, seed: (runs[seed], f"model {seed}"))
    result, model = trials.train_to_the_end(policy_of("peak"), problem_of(seeds=4))
    assert (result.runs, model, result.gain(problem_of().judge)) == (tuple(runs), "model 1", -np.inf)


def test_the_code_can_be_pasted(compared):
    """It trains what was compared: with the seed of a run it gives that run."""
    comparison, _ = compared
    keras.utils.set_random_seed(0)
    x, y = arrays()
    given = {"x": x, "y": y, "model": make(), "policies": POLICIES, "keras": keras}
    exec(comparison.code.replace("model.fit(", "keras.utils.set_random_seed(0)\nmodel.fit("), given)
    history = given["model"].history.history
    run = runs_of(comparison, comparison.best.policies[0])[0]
    for name in ("loss", "val_accuracy"):
        assert history[name] == pytest.approx(run.history[name], rel=1e-5)


def test_a_model_and_datasets():
    """A run begins with the weights of a compiled model, which stays as it was; a regression is judged by its loss."""
    x, _ = flowers(64)
    y = x.sum(axis=1, keepdims=True)
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    model.fit(x, y, verbose=0)
    before = state(model)
    policies = ["klr.Linear(peak, 0.0, steps)", klr.Constant(1e-9)]
    data = {"validation_data": tf_data(x, y), "epochs": 2, "peak": 0.01, "seeds": 1, "verbose": 0}
    compared = klr.compare_policies(model, tf_data(x, y), policies=policies, **data)
    assert state(model) == before and compared.judge.monitor == "val_loss" and compared.judge.mode == "min"
    still = runs_of(compared, repr(klr.Constant(1e-9)))[0]
    assert still.score == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-4)
    assert runs_of(compared, policies[0])[0].rate[0] == 0.01  # from the beginning of the schedule
    assert runs_of(compared, policies[0])[0].score < still.score and compared.best.policies == (policies[0],)
    assert "klr.set_learning_rate(model, rate)" in compared.code and "validation_data=validation_data" in compared.code


class Tuned:
    peak, doubts, between = 0.05, ("48 updates are few to judge by",), (0.01, 0.2)


def test_peaks_are_tuned_without_what_judges_the_policies(monkeypatch):
    """The tuner gets the policy, the length and a part of the training data of seed 0, if there is a peak."""
    seen = []
    monkeypatch.setattr(trials, "tune_learning_rate", lambda model, **given: seen.append(given) or Tuned)
    policies = {"a": lambda peak, steps: klr.Rex(peak, 0.0, steps), "b": klr.Rex(0.1, 0.0, 48)}
    x, y = arrays()
    compared = klr.compare_policies(make, x, y, policies=policies, **FIT | LONGER, seeds=1, verbose=0)
    [given] = seen
    held = {tuple(row) for row in x[np.random.default_rng(0).permutation(96)[72:]]}
    assert given["validation_data"] is None and given["validation_split"] == 0.2
    assert len(given["x"]) == 72 and not held & {tuple(row) for row in given["x"]}
    assert (given["epochs"], given["steps_per_epoch"], given["batch_size"]) == (16, 3, 32)
    assert given["schedule"](0.3, 48) == klr.Rex(0.3, 0.0, 48)
    peaks = {row.name: (row.peak, row.doubts, row.between) for row in compared.rows}
    assert peaks == {"a": (0.05, Tuned.doubts, (0.01, 0.2)), "b": (None, (), None)} and "0.05 ?" in repr(compared)
    assert runs_of(compared, "a")[0].rate == klr.Rex(0.05, 0.0, 48).values(48).tolist()


def test_where_no_policy_trains_none_is_recommended(tmp_path):
    """NaN in the data: each row says it, and there is no best, no model, no code, and no crash of the picture."""
    x, y = arrays()
    policies, fit = {"tuned": "one-cycle", "fixed": klr.Constant(0.1)}, FIT | {"epochs": 8}
    compared = klr.compare_policies(make, x * np.nan, y, policies=policies, **fit, seeds=1, folder=tmp_path, verbose=0)
    assert (compared.best, compared.model, compared.code) == (None, None, "")
    said = repr(compared)
    assert "no peak leads to a finite loss" in said and "diverged in 1 of 1 runs" in said and "none can be" in said
    assert (tmp_path / "compare.png").exists() and not (tmp_path / "best.keras").exists()
    assert json.loads((tmp_path / "compare.json").read_text())["runs"][0]["diverged"] is True


def test_an_interruption(capsys):
    """Ctrl-C goes on to the user, after the table of the finished runs; model and random states are as before."""
    model, runs = make(), []
    before, random = state(model), np.random.get_state()[1].tolist()

    def policy(peak, steps):
        return peak, [keras.callbacks.LambdaCallback(on_train_end=lambda logs: runs.append(logs))]

    def interrupt(peak, steps):
        return peak / 2, [keras.callbacks.LambdaCallback(on_train_begin=end)]

    def end(logs):
        raise KeyboardInterrupt

    policies = {"whole": policy, "interrupted": interrupt}
    with pytest.raises(KeyboardInterrupt):
        klr.compare_policies(model, *arrays(), **FIT, policies=policies, seeds=2, peak=0.1, verbose=1)
    assert state(model) == before and np.random.get_state()[1].tolist() == random
    out = capsys.readouterr().out
    assert "2/4 runs" in out and out.splitlines()[-2].startswith("whole    0.1 ") and len(runs) == 2


@pytest.mark.slow
def test_processes_give_the_same(tmp_path):
    """With `jobs` the results are those of one process, bit for bit, and so is the model."""
    given = {"policies": {"a": "constant", "b": lambda peak, steps: klr.Rex(peak, 0.0, steps)}, "seeds": 2, "peak": 0.1}
    alone, together = (klr.compare_policies(make, *arrays(), **FIT, **given, jobs=jobs, verbose=0) for jobs in (1, 2))
    for one, other in zip(alone.results, together.results, strict=True):
        assert [(run.rate, run.history) for run in one.runs] == [(run.rate, run.history) for run in other.runs]
    assert repr(alone) == repr(together)
    for weight, other in zip(alone.model.get_weights(), together.model.get_weights(), strict=True):
        assert weight.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "wrong, said",
    [
        (
            {"policies": {}},
            "Argument `policies` of `compare_policies` must be a dictionary or a list of one or more policies",
        ),
        ({"policies": ["constant", "constant"]}, "must be a dictionary or a list of one or more policies"),
        ({"policies": 3}, "must be a dictionary or a list of one or more policies"),
        (
            {"policies": {"a": "one-cycles"}},
            r"`policies\['a'\]` .* built-in policy: constant, .* Did you mean `one-cycle`",
        ),
        ({"policies": ["peak", "cosine"]}, r"Argument `policies\[1\]` of `compare_policies` must be an expression, or"),
        ({"policies": {"a": "klr.nope(peak)"}}, "The policy `a` failed with AttributeError: `keras_lr` has no"),
        ({"policies": {"a": lambda peak: 0.1}}, "The policy `a` failed with TypeError"),
        (
            {"policies": {"a": lambda peak, steps: "x"}},
            r"Argument `policies\['a'\]` of `compare_policies` must be",
        ),
        ({"policies": {"a": lambda peak, steps: (0.1, 3)}}, "A tuple must have one of these and a list of callbacks"),
        ({"policies": {"a": -0.1}}, r"Argument `policies\['a'\]`"),
        ({"policies": {"a": klr.Prodigy()}}, "Argument `learning_rate` of `policy a` must be a schedule or"),
        ({"model": 3}, "Argument `model` of `compare_policies` must be a compiled model, or a function"),
        ({"model": lambda: 3}, "Argument `model` of `compare_policies` must be a model compiled"),
        ({"y": np.ones(3)}, "Argument `y` of `compare_policies` must be as long as `x`: `y` has 3 examples and `x` 96"),
        ({"folder": __file__}, "Argument `folder` of `compare_policies` must be a folder that can be written to"),
        ({"epochs": 0}, "Argument `epochs` of `compare_policies` must be an integer > 0"),
        ({"peak": None}, "Argument `epochs` of `compare_policies` must be enough for 40 updates"),
        ({"batch_size": 0}, "Argument `batch_size` of `compare_policies` must be an integer > 0"),
        ({"seeds": 0}, "Argument `seeds` of `compare_policies` must be an integer > 0"),
        ({"jobs": 1.5}, "Argument `jobs` of `compare_policies` must be an integer > 0"),
        ({"peak": 0}, "Argument `peak` of `compare_policies` must be a finite number > 0"),
        (
            {"monitor": "val_acuracy"},
            "must be one of val_loss, val_accuracy, loss, accuracy. Did you mean `val_acc",
        ),
        ({"mode": "up"}, 'Argument `mode` of `compare_policies` must be "min", "max" or None'),
        ({"validation_split": None}, "Argument `validation_data` of `compare_policies` must be given, or"),
        ({"x": (one for one in [1])}, "Argument `validation_split` of `compare_policies` must be left out where"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_arguments_are_refused(wrong, said, monkeypatch):
    """What can't work is refused before any training."""
    monkeypatch.setattr(keras.Model, "fit", None)
    x, y = arrays()
    given = {"model": make, "x": x, "y": y, "policies": ["constant"], "peak": 0.1, "verbose": 0} | FIT | wrong
    with pytest.raises((ValueError, TypeError), match=said):
        klr.compare_policies(**given)


def test_a_built_in_policy_may_be_written_as_in_python():
    """`one_cycle` is `one-cycle`; other words are expressions only if their names are known."""
    named = read_policies(["one_cycle", "one-cycle", "0.1", "peak", "peak-1e-3", "steps"], 2)
    assert [policy.code for policy in named.values()] == [BUILT_IN["one-cycle"]] * 2 + [
        "0.1",
        "peak",
        "peak-1e-3",
        "steps",
    ]


def test_a_model_that_cannot_be_copied_is_refused():
    """A model whose parts Keras can't load says so, with the remedy."""
    model = make(keras.layers.Lambda(lambda x: x))
    model.compile("sgd", loss=lambda y, p: keras.ops.mean(p))
    with pytest.raises(ValueError, match="must be a model that can be saved and loaded, or a function that returns"):
        klr.compare_policies(model, *arrays(), **FIT, policies=["constant"], peak=0.1, verbose=0)
