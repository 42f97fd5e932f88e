"""Rules that come and go on a trained model, and the callbacks, the finder and `Monitor` with a rule."""

import json

import keras
import numpy as np
import pytest
from models import BATCHES, Applied, classifier, flowers, ones, rate_meter
from test_rules_every_way import number, values
from test_rules_in_training import RULES, Steady, assert_equal_state, every_rule, following, state, train

import keras_lr as klr
from keras_lr.optimizers.inspection import source_of


def fit(model, callbacks=(), **options):
    options = {"batch_size": 1, "verbose": 0, "shuffle": False} | options
    return model.fit(*ones(4), callbacks=[*callbacks], **options).history


def dowg(rate=1.0, initial=0.1):
    """A rule whose rates on `rate_meter`, whose gradient is 1 and whose weight is 0 at first, are known."""
    return klr.DoWG(rate, initial=initial)


def expected_rates(factors, initial=0.1):
    """Those rates, from the docstring."""
    weight, distance, squares, rates = 0.0, initial, 0.0, []
    for factor in factors:
        distance = max(distance, abs(weight))
        squares += distance**2
        rates.append(factor * distance**2 / (np.sqrt(squares) + 1e-4))
        weight -= rates[-1]
    return rates


@pytest.mark.parametrize("name", ["Prodigy", *(pytest.param(one, marks=pytest.mark.slow) for one in ("DoWG", "own"))])
def test_to_a_rule_and_back(name):
    """On a trained model a rule starts at its weights; moments and iterations stay; with a number its state is gone."""
    make, rule = RULES[name]
    model, twin = (classifier(make(learning_rate=0.01)) for _ in range(2))
    train(model, epochs=1), train(twin, epochs=1)
    plain = len(model.optimizer.variables)
    klr.set_learning_rate(model, rule)
    if rule.keeps_initial_weights:
        train(model, epochs=1, steps_per_epoch=1)
        start = state(model)["learning_rate_start_0"]
        np.testing.assert_array_equal(start, twin.get_weights()[0])
    train(model, epochs=1)
    assert int(model.optimizer.iterations) == 2 * BATCHES + (rule.keeps_initial_weights)
    before = model.get_weights()
    klr.set_learning_rate(model, 0.0)
    assert model.optimizer._managed.slots == {} and model.optimizer._managed.rules == {}
    assert not [one for one in state(model) if one.startswith("learning_rate_")]
    assert len(model.optimizer.variables) <= plain + 1
    if name != "DoWG":  # its velocity goes on
        train(model, epochs=1)
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
    klr.set_learning_rate(model, klr.Constant(0.01))
    train(model, epochs=1)
    assert number(model.optimizer.learning_rate) == np.float32(0.01)


def test_the_rates_of_a_rule():
    """Rates are applied in the update that they are computed in, and go on after another schedule or setting."""
    model, seen = rate_meter(keras.optimizers.SGD(1.0)), Applied()
    klr.set_learning_rate(model, dowg())
    fit(model, [seen])
    expected = expected_rates([1.0] * 8)
    np.testing.assert_allclose(seen.rates, expected[:4], rtol=1e-5)
    klr.set_learning_rate(model, dowg(0.5, initial=5.0))  # the same class goes on
    fit(model, [seen])
    expected = expected_rates([1.0] * 4 + [0.5] * 4)
    np.testing.assert_allclose(seen.rates, expected, rtol=1e-5)
    klr.set_learning_rate(model, Steady())  # another one begins
    assert sorted(state(model)) == ["learning_rate", "learning_rate_agreement", "learning_rate_average_0"]
    fit(model, [seen])
    np.testing.assert_allclose(seen.rates[8:], 0.1, rtol=1e-5)
    klr.set_learning_rate(model, dowg())
    fit(model, [seen])
    np.testing.assert_allclose(seen.rates[12:], expected[:4], rtol=1e-5)
    np.testing.assert_allclose(state(model)["learning_rate_start_0"].item(), -sum(seen.rates[:12]), rtol=1e-5)


def test_spans():
    """`BindSpans` binds the schedule of a rule."""
    rule = dowg(klr.Linear(1.0, 0.0, steps=klr.epochs(2)))
    model, seen = rate_meter(klr.scheduled(keras.optimizers.SGD(), learning_rate=rule)), Applied()
    with pytest.raises(ValueError, match="BindSpans"):
        fit(model)
    fit(model, [klr.BindSpans(), seen], epochs=2)
    np.testing.assert_allclose(seen.rates, expected_rates(1 - np.arange(8) / 8), rtol=1e-5)
    assert source_of(model.optimizer, "learning_rate").schedule.steps.steps == 8


def test_reductions():
    """`PlateauReducer` multiplies what the rule gives, and its factor is gone with another rate."""
    model, seen = rate_meter(klr.scheduled(keras.optimizers.SGD(), learning_rate=dowg())), Applied()
    reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=99.0)
    fit(model, [reducer, seen], epochs=4)
    factors = 0.5 ** np.array([0, 0, 1, 2])
    np.testing.assert_allclose(seen.rates, expected_rates(np.repeat(factors, 4)), rtol=1e-5)
    assert reducer.total_factor == 0.25 and number(model.optimizer._managed.variables["factor"]) == 0.25
    klr.set_learning_rate(model, dowg(initial=1.0))
    assert number(model.optimizer._managed.variables["factor"]) == 1.0


@pytest.mark.parametrize("name", ["Prodigy", "DoWG", "own"])
def test_the_best_weights(name):
    """`restore_best` brings back the state of the rule with the weights."""
    model, saved = classifier(following(name)), []

    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = float(epoch)  # the first one is the best
            if epoch == 0:
                saved.append((self.model.get_weights(), state(self.model)))

    reducer = klr.PlateauReducer("score", mode="min", factor=0.5, patience=2, restore_best=True)

    class Check(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                for now, then in zip(self.model.get_weights(), saved[0][0], strict=True):
                    np.testing.assert_array_equal(now, then)
                now = state(self.model)
                assert now.pop("factor") == 0.5
                saved[0][1].pop("factor")
                assert_equal_state(now, saved[0][1])
                saved.append("checked")

    train(model, callbacks=[Worse(), reducer, Check()])
    assert len(saved) == 2


SETTERS = {
    "EpochIntervalSwitcher": lambda: klr.EpochIntervalSwitcher(values=[0.1, 0.01], boundaries=[1]),
    "EpochSchedule": lambda: klr.EpochSchedule(klr.Linear(0.1, 0.0, steps=3)),
    "LearningRateScheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
    "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1e9),
}


@pytest.mark.parametrize("name", SETTERS)
def test_callbacks_that_set_the_rate(name):
    """They are refused as where it follows a schedule, and the rule stays."""
    model = classifier(following("DoWG"))
    with pytest.raises((ValueError, TypeError), match="chedule"):
        train(model, epochs=3, callbacks=[SETTERS[name]()])
    assert model.optimizer._managed.rules == {"learning_rate": RULES["DoWG"][1]}


def test_live_control(tmp_path, capsys):
    """It multiplies what the rule gives, replaces it by a number, and does not hold it."""
    path = tmp_path / "control.json"

    class Writer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                command = [{"multiply": 0.5}, {"hold": True}, {"set": 0.25}][epoch - 1]
                path.write_text(json.dumps({"learning_rate": command}))

    model, seen = rate_meter(klr.scheduled(keras.optimizers.SGD(), learning_rate=dowg())), Applied()
    fit(model, [Writer(), klr.LiveControl(path), seen], epochs=4)
    np.testing.assert_allclose(seen.rates, [*expected_rates([1.0] * 4 + [0.5] * 8), *[0.25] * 4], rtol=1e-5)
    multiplied, held, replaced = capsys.readouterr().out.splitlines()
    assert multiplied.endswith('learning_rate {"multiply": 0.5}') and replaced.endswith('{"set": 0.25} -> 0.25')
    assert "must be a command that fits" in held


def test_the_ramp():
    """`AdaptiveMomentumRamp` works beside a rule of the rate."""
    model = classifier(klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.DoWG(initial=5e-2)))
    train(model, callbacks=[klr.AdaptiveMomentumRamp()])
    assert set(model.optimizer._managed.rules) == {"learning_rate", "momentum"}
    assert number(model.optimizer.momentum) > 0.2 and number(model.optimizer.learning_rate) > 0
    assert np.all(np.isfinite(np.concatenate([np.ravel(w) for w in model.get_weights()])))


@pytest.mark.parametrize("name", ["Prodigy", pytest.param("DoWG", marks=pytest.mark.slow)])
def test_the_finder(name):
    """A sweep sets rates, and gives back the rule with its state."""
    model, twin = classifier(following(name)), classifier(following(name))
    train(model, epochs=2), train(twin, epochs=2)
    before, rules = values(model.optimizer.variables), dict(model.optimizer._managed.rules)
    test = klr.find_learning_rate(model, *flowers(), batch_size=4, minimum=1e-4, maximum=1.0, steps=10, verbose=0)
    assert len(test.rates) == 10
    assert model.optimizer._managed.rules == rules
    for now, then in zip(values(model.optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(now, then)
    train(model, 2), train(twin, 2)
    for now, then in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(now, then)


def test_resume_at():
    """The schedule of a rule goes on at a step; its state is not made up."""
    model, seen = (
        rate_meter(klr.scheduled(keras.optimizers.SGD(), learning_rate=dowg(klr.Table([1.0] * 4 + [0.5] * 4)))),
        Applied(),
    )
    klr.resume_at(model, epoch=1, steps_per_epoch=4)
    fit(model, [seen])
    np.testing.assert_allclose(seen.rates, expected_rates([0.5] * 4), rtol=1e-5)


@every_rule
def test_the_monitor(name):
    """Its columns are the rate that was applied and the state of the rule, at the end of each epoch."""
    model = classifier(following(name))
    history = train(model, epochs=2, callbacks=[klr.Monitor()])
    reported = RULES[name][1].reported[0]
    twin = classifier(following(name))
    for epoch in range(2):
        train(twin, epoch, epoch + 1)
        assert history["learning_rate"][epoch] == pytest.approx(number(twin.optimizer.learning_rate), rel=1e-6)
        found = number(twin.optimizer._managed.variables[f"learning_rate_{reported}"])
        assert history[f"learning_rate_{reported}"][epoch] == pytest.approx(found, rel=1e-6)
