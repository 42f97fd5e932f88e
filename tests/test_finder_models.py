"""`find_learning_rate` on any model that `fit` trains; each is what it was, also where it is interrupted or refused."""

import keras
import numpy as np
import pytest
from backends import NAME
from interruptions import interrupt_at, lines_of
from keras import layers, ops
from keras import optimizers as opt
from models import classifier, flowers
from test_finder import randomness, state

from keras_lr import find_learning_rate

SWEEP = {"minimum": 1e-3, "maximum": 1.0, "steps": 8, "verbose": 0}
X = np.random.default_rng(0).normal(size=[96, 4]).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


def loss_of_a_layer():
    model = keras.Sequential([keras.Input([4]), layers.Dense(3), Penalty()])
    model.compile(opt.Adam(0.01))
    return model, (X,)


class OwnLoss(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y - y_pred))


def loss_of_its_own():
    model = OwnLoss()
    model.compile(opt.SGD(0.1, momentum=0.9))
    return model, (X, Y)


class Branches(keras.Model):
    """Dictionaries of inputs and outputs; not built before it sees data."""

    def __init__(self):
        super().__init__()
        self.layer = {name: layers.Dense(1) for name in "ab"}

    def call(self, inputs):
        return {name.upper(): self.layer[name](inputs[name]) for name in "ab"}


def branches():
    model = Branches()
    model.compile(opt.SGD(0.1), loss={"A": "mse", "B": "mae"}, metrics={"A": ["mae"]})
    return model, ({"a": X, "b": 2 * X}, {"A": Y, "B": -Y})


def eager():
    model = keras.Sequential([keras.Sequential([layers.Dense(2), layers.BatchNormalization()]), layers.Dense(1)])
    model.compile(opt.SGD(0.1), "mse", run_eagerly=True)
    return model, (X[:48], Y[:48])


def strings():
    if NAME != "tensorflow":
        pytest.skip("strings are TensorFlow's")
    import tensorflow as tf

    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(["a b c d", "b c"])
    model = keras.Sequential([words, layers.Embedding(9, 4), layers.Flatten(), layers.Dense(1)])
    model.compile(opt.SGD(0.1), "mse")
    return model, (tf.data.Dataset.from_tensor_slices((tf.constant([["a b"], ["c d"]] * 48), Y)).batch(8),)


MODELS = {
    "add_loss": loss_of_a_layer,
    "own compute_loss": loss_of_its_own,
    "dictionaries": branches,
    "eager": eager,
    "strings": strings,
}


@pytest.mark.parametrize("name", MODELS)
def test_it_sweeps_what_fit_trains(name):
    """Whatever computes the loss and whatever comes in: training after it is training without it."""
    ends = []
    for find in (False, True):
        keras.utils.set_random_seed(2)
        model, data = MODELS[name]()
        options = {"batch_size": 8} if len(data) > 1 or isinstance(data[0], np.ndarray) else {}
        if find:
            before = state(model) if model.built else None
            found = find_learning_rate(model, *data, **options, **SWEEP)
            assert len(found.losses) == 8 and np.isfinite(found.losses).all()
            assert before is None or state(model) == before
        # Not shuffled: Keras shuffles once more where it has to read a batch to build the model.
        history = model.fit(*data, **options, shuffle=False, verbose=0).history
        ends.append((history, [w.tobytes() for w in model.get_weights()]))
    assert ends[0] == ends[1]


class Gan(keras.Model):
    """A model whose own `train_step` uses two optimizers, and not `model.optimizer`."""

    def __init__(self, first, second):
        super().__init__()
        self.parts = [layers.Dense(4), layers.Dense(1)]
        self.own_optimizers = {"first": first, "second": second}
        self.total = keras.metrics.Mean(name="loss")

    def build(self, shape):
        for part in self.parts:
            part.build(shape)

    def call(self, x):
        return self.parts[1](self.parts[0](x))

    def train_step(self, data):
        x, weights = data[0], [part.trainable_variables for part in self.parts]
        if NAME == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = ops.mean(ops.square(self(x)))
            gradients = tape.gradient(loss, weights)
        else:
            self.zero_grad()
            loss = ops.mean(ops.square(self(x)))
            loss.backward()
            gradients = [[v.value.grad for v in part] for part in weights]
        for optimizer, gradient, weight in zip(self.own_optimizers.values(), gradients, weights, strict=True):
            self.apply(optimizer, gradient, weight)
        self.total.update_state(loss)
        return {"loss": self.total.result()}

    def apply(self, optimizer, gradient, weight):
        if NAME == "tensorflow":
            return optimizer.apply(gradient, weight)
        import torch

        with torch.no_grad():
            return optimizer.apply(gradient, weight)


@pytest.mark.skipif(NAME == "jax", reason="on JAX a training step has the variables of `model.optimizer` alone")
def test_an_optimizer_that_does_not_train_is_refused():
    """Where the training step uses other optimizers it says so, and these are what they were, too."""
    model = Gan(opt.Adam(0.01), opt.SGD(0.01, momentum=0.9))
    model.build([None, 4])
    model.compile()
    model.fit(X, Y, verbose=0)
    before, used = state(model), [v.numpy().tolist() for o in model.own_optimizers.values() for v in o.variables]
    with pytest.raises(ValueError, match="`train_step` of `Gan` does not use"):
        find_learning_rate(model, X, Y, batch_size=8, **SWEEP)
    assert state(model) == before
    assert used == [v.numpy().tolist() for o in model.own_optimizers.values() for v in o.variables]


def test_a_model_without_weights_to_train_is_refused():
    """Nothing could be learned from its losses."""
    model = classifier("sgd")
    model.trainable = False
    with pytest.raises(ValueError, match="must be a model with trainable weights"):
        find_learning_rate(model, *flowers(), **SWEEP)


def unbuilt():
    return keras.Sequential([layers.Dense(8), layers.BatchNormalization(), layers.Dense(3, activation="softmax")])


def test_a_build_that_fails_is_undone():
    """A layer that can't take the data: those before it are not built either, and the next `fit` has its weights."""
    ends = []
    for find in (False, True):
        keras.utils.set_random_seed(1)
        model, wrong = unbuilt(), layers.Conv2D(2, 3)
        model.add(wrong)
        model.compile("sgd", "mse")
        if find:
            before = randomness()
            with pytest.raises((ValueError, RuntimeError)):
                find_learning_rate(model, *flowers(), **SWEEP)
            assert not any(layer.built for layer in model.layers) and randomness() == before
        model.pop()
        model.compile("sgd", "sparse_categorical_crossentropy")
        ends.append((model.fit(*flowers(), verbose=0).history, [w.tobytes() for w in model.get_weights()]))
    assert ends[0] == ends[1]


def find_interrupted(sample):
    """Interrupt a sweep at a sample of its lines; the places at which something was left changed, and how many."""
    model = classifier(opt.Adam(0.01), run_eagerly=NAME != "jax")
    x, y = flowers(16)
    model.fit(x, y, verbose=0)
    options = {**SWEEP, "steps": 2, "batch_size": 8}
    call = lambda: find_learning_rate(model, x, y, **options)  # noqa: E731
    before, changed, tried = state(model), [], lines_of(call, sample)
    assert state(model) == before
    for line in tried:
        place = interrupt_at(line, call)
        if state(model) != before:
            changed.append(place)
    return changed, len(tried)


def test_it_is_undone_wherever_it_is_interrupted():
    """Ctrl-C at any line, also while things are put back, leaves the model, its optimizer and randomness as before."""
    assert find_interrupted(sample=25) == ([], 25)


@pytest.mark.slow
def test_it_is_undone_at_more_lines():
    assert find_interrupted(sample=100) == ([], 100)


def test_every_restore_runs_whatever_another_raises():
    """One that fails does not keep the others from running; its error is raised in the end."""
    from keras_lr.optimizers.snapshots import call_and_restore

    done = []

    def fail():
        raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        call_and_restore(lambda: None, [fail, lambda: done.append(1), fail, lambda: done.append(2)])
    assert done == [1, 2]
