"""`EpochSchedule` and the other callbacks that set any hyperparameter between epochs, by the weights."""

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr


def train(model, callbacks, epochs=3, initial_epoch=0):
    keywords = {"batch_size": 4, "shuffle": False, "verbose": 0, "epochs": epochs, "initial_epoch": initial_epoch}
    return model.fit(*flowers(), callbacks=callbacks, **keywords).history


class SetAttribute(keras.callbacks.Callback):
    """The eager reference."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_begin(self, epoch, logs=None):
        setattr(self.model.optimizer, self.name, float(np.float32(self.values[epoch])))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        (lambda: opt.SGD(0.1, momentum=0.9), "momentum", [0.3, 0.6, 0.9]),
        (lambda: opt.SGD(0.1, momentum=0.9, weight_decay=0.1), "weight_decay", [0.3, 0.2, 0.1]),
        (lambda: opt.Nadam(0.01), "beta_1", [0.3, 0.6, 0.9]),
        (lambda: opt.RMSprop(0.01), "rho", [0.3, 0.6, 0.9]),
        (lambda: opt.SGD(0.1), "learning_rate", [0.3, 0.2, 0.1]),
    ],
    ids=["momentum", "weight_decay", "beta_1", "rho", "learning_rate"],
)
def test_any_hyperparameter(make, name, values):
    """A function, a schedule and the switcher lead to the weights of an eager run that sets the attribute."""
    reference = classifier(make(), run_eagerly=True)
    train(reference, [SetAttribute(name, values)])
    for callback in (
        klr.EpochSchedule(lambda epoch: values[epoch], hyperparameter=name),
        klr.EpochSchedule(klr.Table(values), hyperparameter=name),
        klr.EpochIntervalSwitcher([1, 2], values, hyperparameter=name),
    ):
        model = classifier(make())
        history = train(model, [callback])
        assert history[name] == values
        for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=3e-6)


def test_a_trained_and_a_loaded_model(tmp_path):
    """A model that was trained or loaded with the plain optimizer follows the callback from then on."""
    model = classifier(opt.SGD(0.1, momentum=0.9))
    train(model, [], epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        train(one, [klr.EpochSchedule(lambda epoch: 0.1, hyperparameter="momentum")], initial_epoch=1)
    plain = keras.saving.load_model(tmp_path / "model.keras")
    train(plain, [], initial_epoch=1)
    for a, b, c in zip(model.get_weights(), loaded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 1e-3


def test_two_writers_are_refused():
    """Two callbacks that set the same hyperparameter are refused before training, Keras' own too."""
    for other in (
        klr.EpochIntervalSwitcher([1], [2.0, 1.0]),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        keras.callbacks.ReduceLROnPlateau(),
    ):
        for order in (1, -1):
            model = rate_meter(opt.SGD(9.0))
            callbacks = [klr.EpochSchedule(lambda epoch: 1.0), other][::order]
            with pytest.raises(ValueError, match="both set `learning_rate`, and one would undo the other"):
                model.fit(*ones(2), callbacks=callbacks, verbose=0)
            assert applied(model) == 0.0
    model = rate_meter(opt.SGD(9.0, momentum=0.9))
    both = [klr.EpochSchedule(lambda e: 1.0), klr.EpochSchedule(lambda e: 0.0, hyperparameter="momentum")]
    model.fit(*ones(2), batch_size=1, callbacks=both, verbose=0)
    np.testing.assert_allclose(applied(model), 2.0)


def test_a_hyperparameter_that_follows_a_schedule_is_refused():
    """What follows a schedule in the graph has its owner."""
    model = classifier(klr.scheduled(opt.SGD(0.1, momentum=0.9), momentum=klr.Constant(0.5)))
    with pytest.raises(ValueError, match="`EpochSchedule` can't set `momentum`, because it follows"):
        train(model, [klr.EpochSchedule(lambda epoch: 0.1, hyperparameter="momentum")])


def test_first_in_the_logs(tmp_path):
    """The value is in `logs` for the callbacks before it in the list, too."""
    model, seen = rate_meter(opt.SGD(9.0)), []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs.get("learning_rate")))
    csv = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model.fit(*ones(2), epochs=2, callbacks=[spy, csv, klr.EpochSchedule(lambda epoch: 2.0 - epoch)], verbose=0)
    assert seen == [2.0, 1.0]
    assert "learning_rate" in (tmp_path / "log.csv").read_text()


def test_initial_epoch_and_jax_state():
    """The epoch's number alone decides, and the assignment reaches a running JAX epoch."""
    model, seen = rate_meter(opt.SGD(9.0)), Applied()
    callbacks = [klr.EpochSchedule(lambda epoch: 2.0**-epoch), seen]
    model.fit(*ones(2), batch_size=1, initial_epoch=1, epochs=3, callbacks=callbacks, verbose=0)
    np.testing.assert_allclose(seen.rates, [0.5, 0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.1,), "`schedule` of `EpochSchedule` must be a schedule or a function of the epoch"),
        ((lambda a, b, c: 0.1,), "`schedule` of `EpochSchedule` must be a function of the epoch, or of the epoch and"),
        ((lambda epoch: 0.1, "lr"), "`hyperparameter` of `EpochSchedule` must be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    """Arguments are checked at construction."""
    with pytest.raises((TypeError, ValueError), match=message):
        klr.EpochSchedule(*arguments)


def test_a_function_of_the_value():
    """A function of two arguments gets the current value of each optimizer, as from Keras' LearningRateScheduler."""
    model = rate_meter(opt.SGD(0.4))
    halve = klr.EpochSchedule(lambda epoch, rate: rate * 0.5 if epoch else rate)
    history = model.fit(*ones(1), batch_size=1, epochs=3, callbacks=[halve], verbose=0).history
    assert history["learning_rate"] == [0.4, 0.2, 0.1]
    np.testing.assert_allclose(applied(model), 0.7, rtol=1e-6)
    train(classifier(opt.SGD(0.1)), [klr.EpochSchedule(lambda epoch, scale=2.0: scale)], epochs=1)  # one is needed


def test_spans_in_a_schedule():
    """Its steps are epochs, so epochs and fractions of `fit` are known; examples are refused at construction."""
    model = rate_meter(opt.SGD(9.0))
    for length, expected in ((klr.epochs(4), [0.4, 0.3, 0.2, 0.1]), (klr.fraction(0.5), [0.4, 0.2, 0.0, 0.0])):
        callback = klr.EpochSchedule(klr.Linear(0.4, 0.0, steps=length))
        history = model.fit(*ones(1), epochs=4, callbacks=[callback], verbose=0).history
        np.testing.assert_allclose(history["learning_rate"], expected)
    with pytest.raises(ValueError, match=r"must be one in epochs, fractions of .* A step is an epoch"):
        klr.EpochSchedule(klr.Linear(0.4, 0.0, steps=klr.examples(60)))


@pytest.mark.parametrize("value", [float("nan"), "x", None, -0.1, 1e39])
def test_a_function_that_gives_no_number(value):
    """What the function gives is checked, and the message says for which epoch."""
    model = rate_meter(opt.SGD(9.0))
    with pytest.raises((TypeError, ValueError), match="`schedule` of `EpochSchedule` must be a function that gives"):
        model.fit(*ones(2), callbacks=[klr.EpochSchedule(lambda epoch: value)], verbose=0)
    assert applied(model) == 0.0


def test_values_out_of_range():
    """A momentum of 1 is refused, as in `scheduled`, and so is a hyperparameter that the optimizer does not have."""
    message = (
        "`schedule` of `EpochSchedule` must be a {} that gives a number >= 0 and < 1 for `momentum`, also in epoch 0"
    )
    for schedule, kind in ((lambda epoch: 1.0, "function"), (klr.Constant(1.0), "schedule")):
        with pytest.raises(ValueError, match=message.format(kind)):
            classifier(opt.SGD(0.1, momentum=0.9)).fit(
                *flowers(4), callbacks=[klr.EpochSchedule(schedule, "momentum")], verbose=0
            )
    with pytest.raises(ValueError, match="`hyperparameter` of `EpochSchedule` must be a hyperparameter of `SGD`"):
        classifier(opt.SGD(0.1)).fit(*flowers(4), callbacks=[klr.EpochSchedule(lambda epoch: 0.5, "rho")], verbose=0)


@pytest.mark.parametrize("verbose", [0, 1])
def test_verbose(verbose, capsys):
    """It prints the value of each epoch on request."""
    model = rate_meter(keras.optimizers.SGD(1.0))
    setter = klr.EpochSchedule(lambda epoch: 0.5**epoch, verbose=verbose)
    model.fit(*ones(1), epochs=2, callbacks=[setter], verbose=0)
    text = capsys.readouterr().out
    assert ("Epoch 2: EpochSchedule setting learning_rate to 0.5." in text) == bool(verbose)
    with pytest.raises(ValueError, match="Argument `verbose` of `EpochIntervalSwitcher` must be 0 or 1"):
        klr.EpochIntervalSwitcher([1], [0.1, 0.2], verbose="auto")
