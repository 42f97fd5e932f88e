"""Rules in a compiled `fit`: saved and resumed, accumulated, skipped, and every way to train."""

import copy
import pickle
from typing import Any

import keras
import numpy as np
import pytest
from models import BATCHES, classifier, flowers
from test_resume import assert_same

import keras_lr as klr

RATE = klr.Cosine(1.0, 0.1, steps=4 * BATCHES)


@klr.rule(package="tests")
class Steady(klr.Rule):
    """value = 0.1 * agreement, where gradients that agree with their average raise the agreement"""

    schedule: Any = 1.0
    memory: float = 0.9

    slots = ("average",)
    reported = ("agreement",)

    def initial_state(self):
        return {"agreement": 1.0}

    def update(self, state, signals):
        average = self.memory * state["average"] + (1 - self.memory) * signals.gradients
        cosine = average.dot(signals.gradients) / (average.norm() * signals.gradients.norm())
        agreement = 0.9 * state["agreement"] + 0.1 * cosine
        return {"agreement": agreement, "average": average}, 0.1 * agreement


# With a larger start than theirs, so that a few updates make a difference.
RULES = {
    "Prodigy": (keras.optimizers.Adam, klr.Prodigy(RATE, initial=1e-2)),
    "DAdaptation": (keras.optimizers.AdamW, klr.DAdaptation(RATE, initial=1e-2)),
    "DoWG": (lambda **o: keras.optimizers.SGD(momentum=0.5, **o), klr.DoWG(RATE, initial=5e-2)),
    "own": (keras.optimizers.RMSprop, Steady(RATE, memory=0.8)),
}
every_rule = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "DAdaptation")) for name in RULES]
)


def following(name, rule=None, **options):
    make, usual = RULES[name]
    return klr.scheduled(make(**options), learning_rate=rule or usual)


def train(model, initial_epoch=0, epochs=4, size=4, callbacks=(), **options):
    options |= {"initial_epoch": initial_epoch, "epochs": epochs, "batch_size": size, "callbacks": [*callbacks]}
    return model.fit(*flowers(), shuffle=False, verbose=0, **options).history


def state(model_or_optimizer):
    """The variables of the rule, by name."""
    managed = getattr(model_or_optimizer, "optimizer", model_or_optimizer)._managed
    return {variable.name: np.array(keras.ops.convert_to_numpy(variable)) for variable in managed.all_variables}


def assert_equal_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def close(first, second, tolerance=1e-4):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def runs():
    """Of each rule the model after 4 epochs, and the one after 2; made once."""
    made = {}

    def of(name):
        if name not in made:
            whole, part = classifier(following(name)), classifier(following(name))
            train(whole), train(part, epochs=2)
            made[name] = whole, part
        return made[name]

    return of


def through_keras(part, name, folder):
    part.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def through_weights(part, name, folder):
    part.save_weights(folder / "model.weights.h5")
    other = classifier(following(name))
    other.optimizer.build(other.trainable_variables)
    other.load_weights(folder / "model.weights.h5")
    return other


def through_pickle(part, name, folder):
    return pickle.loads(pickle.dumps(part))


def through_arguments(part, name, folder):
    """The variables go into another optimizer, made by the class of this one."""
    other = classifier(type(part.optimizer)(**part.optimizer.get_config()))
    other.set_weights(part.get_weights())
    other.optimizer.build(other.trainable_variables)
    other.optimizer.set_weights([keras.ops.convert_to_numpy(one) for one in part.optimizer.variables])
    return other


def through_copy(part, name, folder):
    return copy.deepcopy(part)


@every_rule
@pytest.mark.parametrize("way", [through_keras, through_weights, through_pickle, through_arguments, through_copy])
def test_it_goes_on(name, way, runs, tmp_path):
    """Saved and loaded after 2 epochs, it ends as the run of 4, bit for bit, with everything in its state."""
    whole, part = runs(name)
    other = way(part, name, tmp_path)
    assert other.optimizer._managed.rules == {"learning_rate": RULES[name][1]}
    assert_equal_state(state(other), state(part))
    train(other, 2)
    assert_same(whole, other)
    assert any(np.any(a != b) for a, b in zip(other.get_weights(), part.get_weights(), strict=True))


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["Prodigy", "own"])
def test_a_killed_run(name, runs, tmp_path):
    """`BackupAndRestore` and `ModelCheckpoint` bring the state back, into an optimizer that knows nothing of it."""
    whole, part = runs(name)
    backup = lambda: keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))  # noqa: E731
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    with pytest.raises(KeyboardInterrupt):
        train(classifier(following(name)), callbacks=[backup(), checkpoint, Kill()])
    restarted = classifier(following(name))
    train(restarted, callbacks=[backup()])
    assert_same(whole, restarted)
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    assert_same(part, loaded)


@every_rule
def test_an_edited_config(name):
    """The config is plain: another number in it is the number of the new rule."""
    optimizer = following(name)
    config = optimizer.get_config()
    field = "memory" if name == "own" else "initial"
    assert config["learning_rate"]["config"]["schedule"]["config"]["start"] == 1.0
    config["learning_rate"]["config"][field] = 0.25
    for other in (type(optimizer).from_config(config), type(optimizer)(**config)):
        rule = other._managed.rules["learning_rate"]
        assert getattr(rule, field) == 0.25 and rule.schedule == RATE and type(rule) is type(RULES[name][1])
        assert other.get_config()["learning_rate"] == config["learning_rate"]
        assert type(other).__mro__[2] is type(optimizer).__mro__[2]


@every_rule
def test_a_file_of_the_plain_optimizer(name, tmp_path):
    """Its moments and iterations are loaded, where its rate was a schedule, too, and the rule starts."""
    plain = classifier(RULES[name][0](learning_rate=klr.Constant(0.01)))
    train(plain, epochs=1)
    plain.save_weights(tmp_path / "plain.weights.h5")
    other = classifier(following(name))
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "plain.weights.h5")
    assert int(other.optimizer.iterations) == BATCHES
    train(other, epochs=1)
    assert int(other.optimizer.iterations) == 2 * BATCHES
    assert all(np.all(np.isfinite(value)) for value in state(other).values())
    assert float(other.optimizer.learning_rate) > 0


@pytest.mark.parametrize("name", ["Prodigy", "DoWG"])
def test_layers(name, tmp_path):
    """Each group of `layerwise` has a rule with a state of its own, saved and loaded with the others."""
    whole, part = (classifier(following(name)) for _ in range(2))
    for model in (whole, part):
        model.compile(klr.layerwise(model, model.optimizer, decay=0.5), model.loss)
    train(whole, epochs=2), train(part, epochs=1)
    part.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    train(loaded, 1, 2)
    assert_same(whole, loaded)
    first, second = (state(optimizer) for optimizer in whole.optimizer.optimizers)
    reported = f"learning_rate_{RULES[name][1].reported[0]}"
    assert first[reported] != second[reported] and first["learning_rate_start_0"].shape != (4,)


@pytest.mark.tensorflow
def test_a_checkpoint_of_tensorflow(runs, tmp_path):
    """`tf.train.Checkpoint` has the state."""
    import tensorflow as tf

    _, part = runs("Prodigy")
    path = tf.train.Checkpoint(model=part, optimizer=part.optimizer).save(str(tmp_path / "checkpoint"))
    other = classifier(following("Prodigy"))
    other.optimizer.build(other.trainable_variables)
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path).assert_consumed()
    assert_equal_state(state(other), state(part))
