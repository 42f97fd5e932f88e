"""Models whose weights show which learning rates were applied."""

import keras
import numpy as np

BATCHES = 16


def rate_meter(optimizer, **compile_options):
    """A model with one weight, 0 at first, from which each update takes the learning rate.

    Its output is x * w with x = 1, its loss the output: the gradient is 1.
    """
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer=optimizer, loss=lambda y, p: keras.ops.mean(p), **compile_options)
    return model


def ones(batches=BATCHES, batch_size=1):
    """Data for `rate_meter`."""
    return np.ones([batches * batch_size, 1], "float32"), np.ones([batches * batch_size, 1], "float32")


def applied(model):
    """The sum of the learning rates that were applied to a `rate_meter`."""
    return -float(model.get_weights()[0].item())


class Applied(keras.callbacks.Callback):
    """Records the learning rate of each update of a `rate_meter`, from its weight."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_begin(self, logs=None):
        self._last = applied(self.model)

    def on_train_batch_end(self, batch, logs=None):
        now = applied(self.model)
        self.rates.append(now - self._last)
        self._last = now


def classifier(optimizer, hidden=True, **compile_options):
    """A small network with or without a hidden layer, always with the same weights at first."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(8, activation="tanh")] if hidden else []
    model = keras.Sequential([keras.Input([4]), *layers, keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", **compile_options)
    return model


def flowers(count=BATCHES * 4):
    """Data for `classifier`."""
    random = np.random.default_rng(0)
    x = random.normal(size=[count, 4]).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0.5)
