"""`tune_learning_rate`: the peak that it chooses, what it says of it, and that nothing else is changed."""

import functools
import re

import keras
import numpy as np
import pytest
from backends import NAME
from interruptions import interrupt_at, lines_of
from keras import layers
from keras import optimizers as opt
from models import classifier, flowers
from test_finder import fit, noisy, state, tf_data

import keras_lr as klr
from keras_lr.finder.search import climb, for_longer, grid, vertex
from keras_lr.finder.training import ShortTrainings
from keras_lr.finder.tuned import Trial

QUICK = {"batch_size": 8, "epochs": 10, "validation_split": 0.25, "verbose": 0}  # of 64 examples, 60 updates


def valley(best, wall=np.inf):
    """A function of the peak with its lowest point at `best`, by the logarithm; infinite above `wall`."""
    seen = []

    def loss_of(peak):
        seen.append(peak)
        return np.log10(peak / best) ** 2 if peak < wall else np.inf

    return loss_of, seen


@pytest.mark.parametrize("best, tried", [(0.1, 3), (0.01, 5), (0.9, 5), (0.15, 3), (0.35, 4)])
def test_the_search_goes_where_the_loss_falls(best, tried):
    """From three peaks it goes on until the lowest loss is inside, and the parabola finds what is between."""
    loss_of, seen = valley(best)
    losses = climb(0.12, loss_of, most=5)
    assert len(seen) == len(losses) == tried and list(losses) == sorted(losses)
    assert vertex(losses) == pytest.approx(best)


def test_the_search_ends():
    """Far away it stops with the last peak, and from peaks that all diverge it goes down."""
    losses = climb(0.1, valley(1e-6)[0], most=5)
    assert len(losses) == 5 and vertex(losses) == min(losses)
    assert min(climb(0.1, lambda peak: np.inf, most=5)) == pytest.approx(1e-2 / 10**0.5)


def test_a_peak_that_diverges_is_avoided():
    """Beside the lowest loss it pushes the peak half a step away."""
    losses = climb(0.1, valley(0.1, wall=0.2)[0], most=5)
    assert vertex(losses) == pytest.approx(0.1 / 10**0.25) and grid(-2) == 0.1
    assert for_longer(0.1, 100, 1600) == pytest.approx(0.05)


@functools.cache
def tuned_quadratic(optimizer, policy, batch_norm=False):
    """A regression on which the best peaks are known to be near 0.1 with SGD; more in the tests below."""
    keras.utils.set_random_seed(1)
    x = np.random.normal(size=[1600, 4]).astype("float32")
    y = np.tanh(x @ np.array([[2.0], [-2.0], [1.0], [0.0]])) + np.random.normal(0, 0.5, [1600, 1])
    x = x * 10 + 30 if batch_norm else x
    first = [layers.BatchNormalization(momentum=0.999)] * batch_norm
    model = keras.Sequential([keras.Input([4]), *first, layers.Dense(8, activation="tanh"), layers.Dense(1)])
    model.compile(optimizer(), loss="mse", metrics=["mae"])
    before = state(model)
    tuned = klr.tune_learning_rate(model, x[:1280], y[:1280], validation_data=(x[1280:], y[1280:]), schedule=policy,
                                   batch_size=32, epochs=12, verbose=0)  # fmt: skip
    assert state(model) == before
    return tuned, model, (x, y)


def reached(tuned, model, data, rate):
    """The loss of the whole training at a rate."""
    (x, y), config = data, model.optimizer.get_config()
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    other.compile(type(model.optimizer).from_config(config | {"learning_rate": rate}), "mse")
    other.fit(x[:1280], y[:1280], batch_size=32, epochs=12, verbose=0)
    return other.evaluate(x[1280:], y[1280:], verbose=0, return_dict=True)["loss"]


OPTIMIZERS = {"SGD": lambda: opt.SGD(0.01, momentum=0.9), "AdamW": lambda: opt.AdamW(0.001)}

TASKS = [
    ("SGD", klr.one_cycle),
    pytest.param("AdamW", klr.warmup_cosine, marks=pytest.mark.slow),
    pytest.param("SGD", lambda peak, steps: peak, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name, policy", TASKS)
def test_the_peak_trains_as_well_as_others(name, policy):
    """The whole training with it is no worse than with a peak 10 times lower or higher."""
    tuned, model, data = tuned_quadratic(OPTIMIZERS[name], policy)
    losses = [reached(tuned, model, data, policy(tuned.peak * factor, tuned.steps)) for factor in (1, 0.1, 10)]
    assert losses[0] < 1.1 * min(losses)
    assert tuned.steps == 480 and tuned.schedule == policy(tuned.peak, 480) and tuned.cost < 0.9
    assert tuned.between[0] <= tuned.peak <= tuned.between[1]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_trial_is_the_whole_policy_in_small(batch_norm, monkeypatch):
    """Its rates are those of the policy at evenly spaced steps, also of one with a warmup in epochs."""
    runs, train = [], ShortTrainings.train
    monkeypatch.setattr(ShortTrainings, "train", lambda self, v, over: [runs.append(v), train(self, v, over)][1])
    policy = lambda peak, steps: klr.warmup_cosine(peak, klr.epochs(12), warmup=klr.epochs(3))  # noqa: E731
    tuned, *_ = tuned_quadratic(OPTIMIZERS["SGD"], policy, batch_norm)
    whole = klr.warmup_cosine(1.0, 480, warmup=120).values(np.arange(60) * 8)
    assert min(trial.loss for trial in tuned.trials) < 0.7  # with the statistics of the last updates
    for values in runs[1:]:
        assert len(values) == 60 and values.max() in [trial.peak for trial in tuned.trials]
        np.testing.assert_allclose(values / values.max(), whole)


def test_the_updates_have_these_rates(monkeypatch):
    """What is applied in a trial, seen in the weights: their sum is the way of a weight whose gradient is 1."""
    from models import ones, rate_meter

    seen, evaluate = [], keras.Model.evaluate

    def spy(self, *args, **options):
        seen.append(-float(self.get_weights()[0].item()))
        return evaluate(self, *args, **options)

    monkeypatch.setattr(keras.Model, "evaluate", spy)
    model = rate_meter(opt.SGD(0.5, gradient_accumulation_steps=2))
    tuned = klr.tune_learning_rate(model, *ones(14), epochs=60, batch_size=1, validation_data=ones(4), verbose=0)
    assert tuned.steps == 420
    for way, trial in zip(sorted(seen), tuned.trials, strict=True):
        rates = klr.one_cycle(trial.peak, 420).values(np.arange(trial.updates) * 420 // trial.updates)
        assert way == pytest.approx(rates.sum(), rel=1e-4)


def test_it_takes_datasets():
    """As arrays do, they give trials; the length is read from them."""
    model, (x, y) = classifier(opt.SGD(0.1)), flowers(64)
    tuned = klr.tune_learning_rate(model, tf_data(x, y), validation_data=tf_data(x, y), epochs=8, verbose=0)
    assert tuned.steps == 64 and all(np.isfinite(trial.loss) for trial in tuned.trials)


@pytest.mark.parametrize("trained", [pytest.param(False, marks=pytest.mark.slow), True])
def test_training_after_is_training_without(trained):
    """All that the model is, is what it was, to the bit; and so is what a training makes of it."""
    ends = []
    for tune in (False, True):
        model = noisy()
        if trained:
            fit(model)
            model.evaluate(*flowers(), verbose=0)
        if tune:
            before, momentum = state(model), model.layers[1].momentum
            klr.tune_learning_rate(model, *flowers(), **QUICK)
            assert state(model) == before and model.layers[1].momentum == momentum
        ends.append((fit(model), [w.tobytes() for w in model.get_weights()]))
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_it_is_undone_wherever_it_is_interrupted():
    """Ctrl-C at any line leaves everything as before."""
    model = classifier(opt.Adam(0.01), run_eagerly=NAME != "jax")
    x, y = flowers(16)
    model.fit(x, y, verbose=0)
    quick = QUICK | {"epochs": 1, "steps_per_epoch": 40}
    before, call = state(model), lambda: klr.tune_learning_rate(model, x, y, **quick)
    places = [(interrupt_at(line, call), state(model) == before) for line in lines_of(call, 12)]
    assert [place for place, same in places if not same] == []


def result(losses, scatter=0.0, first=2.0, updates=80, batches=8):
    noise = np.random.default_rng(0).normal(0, 1, (len(losses), batches)) * scatter
    trials = (
        Trial(peak, updates, loss, loss + n if loss < np.inf else np.empty(0))
        for (peak, loss), n in zip(losses.items(), noise, strict=True)
    )
    rates = np.geomspace(1e-5, 10, 100)
    swept = klr.RangeTest.of(rates, [2 - 1.5 / (1 + (0.01 / rates) ** 1.5) + (rates / 2) ** 4])
    return klr.TunedRate(klr.one_cycle, 1280, tuple(trials), swept, first, 0.3)


SURE = {0.01: 0.9, 0.1: 0.5, 1.0: np.inf}


@pytest.mark.parametrize(
    "wrong, doubt",
    [
        ({}, None),
        ({"losses": {0.01: 0.9, 0.1: 0.5, 1.0: 0.4}}, "the last peak tried, 1"),
        ({"losses": {0.01: 0.51, 0.1: 0.5, 1.0: 0.51}, "scatter": 0.5}, "peaks far apart are level"),
        ({"losses": {0.01: 0.51, 0.1: 0.5, 1.0: 0.51}, "first": 0.9}, "peaks far apart are level"),
        ({"first": 0.55}, "falls little in 80 updates, from 0.55 to 0.5"),
        ({"updates": 10}, "10 updates are few"),
        ({"batches": 1}, "one batch of validation data"),
    ],
    ids=str,
)
def test_it_says_where_it_is_unsure(wrong, doubt):
    """Each reason to doubt is in `doubts`, in the reliability and in what is printed."""
    tuned = result(**({"losses": SURE} | wrong))
    assert tuned.reliability == ("poor" if doubt else "good") and len(tuned.doubts) == bool(doubt)
    assert doubt is None or (doubt in tuned.doubts[0] and doubt in repr(tuned))


def test_it_reads_well(monkeypatch):
    """What to use comes first; then how sure it is, and why."""
    tuned = result(SURE)
    lines = repr(tuned).splitlines()
    assert lines[0] == f"TunedRate: a peak of {tuned.peak:g} for 1,280 updates" and max(map(len, lines)) <= 120
    assert f"one_cycle({tuned.peak:g}, 1280)" in lines[1] and "reliability good" in lines[2]
    assert any(re.search(r"1 +diverged", line) for line in lines) and "0.30 of the whole training" in lines[-1]
    assert "data:image/png;base64," in tuned._repr_html_()
    labels = [text.get_text() for text in tuned.plot().get_legend().get_texts()]
    assert f"peak {tuned.peak:g}, good" in labels and "1 diverged" in labels


@pytest.mark.parametrize("part", ["training", "validation"])
def test_where_nothing_trains_it_says_so(part, monkeypatch):
    """NaN in the data makes every peak bad: an error, soon, after which the model is what it was."""
    model, (x, y), lengths = noisy(), flowers(), []
    before, nan, train = state(model), np.full_like(flowers()[0], np.nan), ShortTrainings.train
    monkeypatch.setattr(ShortTrainings, "train", lambda *given: lengths.append(train(*given)) or lengths[-1])
    data = {"x": nan, "validation_data": (x, y)} if part == "training" else {"x": x, "validation_data": (nan, y)}
    with pytest.raises(ValueError, match=r"The validation loss is not finite for any peak from \d"):
        klr.tune_learning_rate(model, y=y, batch_size=8, epochs=10, verbose=0, **data)
    assert state(model) == before and (part == "validation" or max(map(len, lengths)) < 20)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"epochs": 1}, "Argument `epochs` of `tune_learning_rate` must be an integer that is enough for 40 updates"),
        ({"validation_split": None}, "Argument `validation_data` of `tune_learning_rate` must be given, or"),
        ({"validation_data": flowers()}, "but not both"),
        ({"batch_size": "32"}, "Argument `batch_size` of `tune_learning_rate` must be an integer > 0"),
        ({"y": flowers()[1][:9]}, "Argument `y` of `tune_learning_rate` must be as long as `x`: `y` has 9 examples"),
        ({"validation_data": (np.ones([4, 4]), np.ones(3)), "validation_split": None}, "Argument `validation_data` of"),
        ({"validation_split": 1.5}, "Argument `validation_split` of `tune_learning_rate` must be a number > 0 and < 1"),
        ({"steps_per_epoch": 0}, "Argument `steps_per_epoch` of `tune_learning_rate` must be an integer > 0"),
        ({"schedule": klr.Cosine}, "Argument `schedule` of `tune_learning_rate` must be a function of a peak and a"),
        ({"schedule": klr.one_cycle(0.1, 60)}, "Argument `schedule` of `tune_learning_rate` must be a function"),
        ({"schedule": lambda peak, steps: "cosine"}, "It returned 'cosine'"),
        ({"schedule": lambda peak, steps: 0.1}, "whose result depends on its peak"),
        ({"x": (x for x in [1])}, "Argument `x` of `tune_learning_rate` must be data that can be read more than once"),
        ({"model": keras.Sequential()}, "Argument `model` of `tune_learning_rate` must be a model compiled with an"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_arguments_are_refused(wrong, said):
    """What can't work is refused before anything happens."""
    x, y = flowers()
    model = classifier("sgd")
    if "x" in wrong:
        y, wrong = None, wrong | {"validation_data": flowers(), "validation_split": None}
    with pytest.raises((ValueError, TypeError), match=said):
        klr.tune_learning_rate(**({"model": model, "x": x, "y": y} | QUICK | wrong))
    assert model.train_function is None and not model.optimizer.built
